//! `harness features --steps`: the catalogue, as Markdown. docs/steps.md is this text.

use crate::adapters::features_worker::catalogue::Catalogue;
use crate::adapters::features_worker::params::PARAMETERS;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;

pub(super) fn print() -> Result<Exit, CommandError> {
    let catalogue = Catalogue::new()
        .map_err(|source| CommandError::environment("the steps cannot be used", source))?;
    out(text(&catalogue).trim_end());
    Ok(Exit::Pass)
}

/// Every step, by the file that defines it.
fn text(catalogue: &Catalogue) -> String {
    let mut text =
        "# Steps\n\nWhat features may say. Written by `harness features --steps`.\n\n".to_owned();
    text.push_str("| parameter | stands for |\n|---|---|\n");
    for (name, _regex, meaning) in PARAMETERS {
        text.push_str(&format_args!("| `{{{name}}}` | {meaning} |\n").to_string());
    }
    let mut file = "";
    for step in catalogue.steps() {
        if step.file != file {
            file = step.file;
            let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".rs"));
            text.push_str(&format_args!("\n## {}\n\n", name.unwrap_or(file)).to_string());
        }
        let (keyword, expression) = (step.keyword.word(), step.expression);
        let line = format_args!("- **{keyword}** `{expression}`:{}\n", step.doc).to_string();
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_the_committed_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/steps.md");
        let text = text(&Catalogue::new().unwrap());
        if std::env::var_os("UPDATE_STEPS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/steps.md is old: UPDATE_STEPS=1 cargo test -p harness catalogue"
        );
    }
}

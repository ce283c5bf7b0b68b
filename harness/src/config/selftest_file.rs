//! Reads `scenarios/selftest.toml`: which run is likeliest to notice each seeded defect of the backend.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use thiserror::Error;
use verdict::domain::objective::parse::nearest;

use super::bad_toml::BadToml;
use super::bad_toml::File;
use super::bad_toml::Problem;

/// Where it is, below the project root.
pub const FILE: &str = "scenarios/selftest.toml";
/// The schema that this build reads.
const SCHEMA: &str = "manuel-selftest/1";

/// A run that may notice a defect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Candidate {
    /// One chaos scenario.
    Chaos(String),
    /// The scenarios of one feature file.
    Features(String),
    /// One load profile.
    Load(String),
}

impl Candidate {
    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Chaos(name) => format!("chaos {name}"),
            Self::Features(file) => format!("features {file}"),
            Self::Load(profile) => format!("load {profile}"),
        }
    }
}

/// Defects and their candidates, in the order in which they are tried.
pub type Defects = BTreeMap<String, Vec<Candidate>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: String,
    defects: BTreeMap<String, Vec<String>>,
}

/// The file cannot be used.
#[derive(Debug, Error)]
pub enum SelftestFileError {
    /// It cannot be read.
    #[error("cannot read {FILE}")]
    Read(#[source] std::io::Error),
    /// Something in it is wrong.
    #[error(transparent)]
    Bad(Box<BadToml>),
}

/// Reads the file; what it names must be there.
pub fn read(root: &Path) -> Result<Defects, SelftestFileError> {
    let text = std::fs::read_to_string(root.join(FILE)).map_err(SelftestFileError::Read)?;
    parse(root, &text).map_err(SelftestFileError::Bad)
}

fn parse(root: &Path, text: &str) -> Result<Defects, Box<BadToml>> {
    let file = File { name: FILE, text, schema: "chaos.schema.json" };
    let raw: Raw = file.parse()?;
    let mut problems: Vec<(Vec<String>, String)> = Vec::new();
    if raw.schema != SCHEMA {
        problems.push((vec!["schema".to_owned()], format!("expected \"{SCHEMA}\"")));
    }
    let mut defects = Defects::new();
    for (defect, written) in raw.defects {
        let key = |n: usize| vec!["defects".to_owned(), defect.clone(), n.to_string()];
        if written.is_empty() {
            problems.push((key(0), "expected at least one run that may notice it".to_owned()));
        }
        let mut candidates = Vec::new();
        for (n, text) in written.iter().enumerate() {
            match candidate(root, text) {
                Ok(candidate) => candidates.push(candidate),
                Err(problem) => problems.push((key(n), problem)),
            }
        }
        defects.insert(defect, candidates);
    }
    if problems.is_empty() {
        return Ok(defects);
    }
    Err(file.problems(problems.iter().map(|(key, what)| Problem { key, within: None, what })))
}

fn candidate(root: &Path, text: &str) -> Result<Candidate, String> {
    let there = |folder: &str, name: &str| {
        let known = super::toml_names(&root.join(folder));
        if known.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let near = nearest(name, known.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(format!("{folder} has no `{name}`{near}"))
    };
    match text.split_once(' ') {
        Some(("chaos", name)) => there("scenarios/chaos", name).map(Candidate::Chaos),
        Some(("load", name)) => there("scenarios/load", name).map(Candidate::Load),
        Some(("features", file)) if root.join(file).is_file() => {
            Ok(Candidate::Features(file.to_owned()))
        }
        Some(("features", file)) => Err(format!("there is no {file}")),
        _ => Err("expected `chaos SCENARIO`, `features FILE` or `load PROFILE`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn every_defect_of_the_backend_has_a_run_that_may_notice_it() {
        let source = std::fs::read_to_string(root().join("backend/src/defects.rs")).unwrap();
        let arrows = source.lines().filter_map(|line| line.trim().strip_prefix("Self::"));
        let names = arrows.filter_map(|line| line.split('"').nth(1));
        let named: Vec<&str> = names.collect();
        assert!(named.len() >= 18, "{named:?}");
        let defects = read(&root()).unwrap();
        for name in &named {
            assert!(defects.contains_key(*name), "{name}");
        }
        assert_eq!(defects.len(), named.len());
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (written, says) in [
            ("chaos bedrock-throttle-3", "did you mean `bedrock-throttle-30`?"),
            ("load smok", "did you mean `smoke`?"),
            ("features features/none.feature", "there is no features/none.feature"),
            ("hope", "expected `chaos SCENARIO`"),
        ] {
            let text = format!("schema = \"{SCHEMA}\"\n[defects]\nd = [\"{written}\"]\n");
            let bad = parse(&root(), &text).unwrap_err();
            assert!(bad.to_string().contains(says), "{bad}");
            assert_eq!(bad.line, 3);
        }
    }
}

//! The files of a decision.

use std::io::Write as _;

use verdict::domain::decision::DecisionFile;
use verdict::judge::canonical::canonical_json;

use crate::adapters::run_dir::RunDir;
use crate::cli::output::note;
use crate::commands::error::CommandError;
use crate::config::policy_file::PolicyFile;
use crate::config::root;
use crate::report::gate as report;

/// Writes decision.json and what follows from it; gives its text.
pub(super) fn write(
    dir: &RunDir,
    file: &PolicyFile,
    decision: &DecisionFile,
) -> Result<String, CommandError> {
    let json = canonical_json(decision).map_err(unwritten)?;
    let xml = report::junit(decision).map_err(unwritten)?;
    let summary = report::summary(decision);
    let page = report::page(decision, &file.policy.raw().title);
    // What follows first: where decision.json stands, everything stands.
    dir.write("junit.xml", xml.as_bytes()).map_err(unwritten)?;
    dir.write("summary.md", summary.as_bytes()).map_err(unwritten)?;
    dir.write("report.html", page.as_bytes()).map_err(unwritten)?;
    dir.write("decision.json", json.as_bytes()).map_err(unwritten)?;
    step_summary(&summary);
    Ok(json)
}

/// GitHub shows what is appended to the file that this variable names. A decision does not depend on it.
fn step_summary(summary: &str) {
    let [Some(path)] = root::variables(["GITHUB_STEP_SUMMARY"]) else { return };
    let appended = std::fs::File::options()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(summary.as_bytes()));
    if let Err(error) = appended {
        note(&format!("warning: cannot append to GITHUB_STEP_SUMMARY {path}: {error}"));
    }
}

fn unwritten<E: std::error::Error + Send + Sync + 'static>(source: E) -> CommandError {
    CommandError::environment("the decision cannot be written", source)
}

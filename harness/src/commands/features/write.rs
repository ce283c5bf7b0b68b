//! Judges the evidence and writes the run's files.

use std::path::PathBuf;

use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::canonical::canonical_json;
use verdict::judge::features::judge_features;

use super::job::FeaturesRun;
use super::prepare::Ready;
use crate::adapters::run_dir::RunDir;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::load::exit;
use crate::report::features;
use crate::report::features::FeaturesRepro;

pub(super) fn conclude(
    run: &FeaturesRun,
    ready: &Ready,
    evidence: &[FeaturesEvidence],
) -> Result<Exit, CommandError> {
    let verdict =
        judge_features(&ready.plan, evidence).map_err(|source| CommandError::Environment {
            what: "the run cannot be judged".to_owned(),
            source: Some(Box::new(source)),
            hint: Some(format!("what was seen is in {}", ready.dir.path().display())),
        })?;
    write(&ready.dir, &ready.plan, &verdict, evidence)?;
    let repro = FeaturesRepro::of(&ready.plan, &verdict, run.stage.recipe());
    let repro = repro.to_json().map_err(unwritten)?;
    ready.dir.write("repro.json", repro.as_bytes()).map_err(unwritten)?;
    out(&features::terminal(&ready.plan, &verdict, evidence));
    note(&format!("report: {}", ready.dir.file("report.html").display()));
    Ok(exit(&verdict))
}

/// Writes everything that follows from plan and evidence.
fn write(
    dir: &RunDir,
    plan: &FeaturesPlan,
    verdict: &VerdictFile,
    evidence: &[FeaturesEvidence],
) -> Result<(), CommandError> {
    let json = canonical_json(verdict).map_err(unwritten)?;
    dir.write("verdict.json", json.as_bytes()).map_err(unwritten)?;
    let xml = features::junit(plan, verdict, evidence).map_err(unwritten)?;
    dir.write("junit.xml", xml.as_bytes()).map_err(unwritten)?;
    let summary = features::summary(plan, verdict, evidence);
    dir.write("summary.md", summary.as_bytes()).map_err(unwritten)?;
    let page = features::page(plan, verdict, evidence);
    dir.write("report.html", page.as_bytes()).map_err(unwritten)
}

/// Judges the folder of a features run again.
pub fn judge_again(folder: PathBuf, json: bool) -> Result<Exit, CommandError> {
    let dir = RunDir::open(folder);
    let unusable = |source| CommandError::environment("the evidence cannot be used", source);
    let text = dir.read("plan.json").map_err(unusable)?;
    let plan: FeaturesPlan = serde_json::from_str(&text).map_err(|source| {
        let place = format!("{}:{}", dir.file("plan.json").display(), source.line());
        CommandError::usage(format!("{place}: {source}"), None)
    })?;
    let evidence: Vec<FeaturesEvidence> = dir.read_evidence().map_err(unusable)?;
    let verdict = judge_features(&plan, &evidence)
        .map_err(|source| CommandError::environment("the run cannot be judged", source))?;
    if json {
        out(canonical_json(&verdict).map_err(unwritten)?.trim_end());
    } else {
        write(&dir, &plan, &verdict, &evidence)?;
        out(&features::terminal(&plan, &verdict, &evidence));
    }
    Ok(exit(&verdict))
}

fn unwritten<E: std::error::Error + Send + Sync + 'static>(source: E) -> CommandError {
    CommandError::environment("the report cannot be written", source)
}

//! Judges the evidence and writes the run's files.

use verdict::domain::evidence::Evidence;
use verdict::domain::run::RunPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::canonical::canonical_json;
use verdict::judge::whole::judge_whole;

use super::job::Job;
use super::prepare::Ready;
use crate::adapters::run_dir::RunDir;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::report::html;
use crate::report::junit;
use crate::report::markdown;
use crate::report::repro::Repro;
use crate::report::terminal;

pub(super) fn conclude(
    job: &Job,
    ready: &Ready,
    evidence: &[Evidence],
) -> Result<Exit, CommandError> {
    let verdict =
        judge_whole(&ready.prepared.run, evidence).map_err(|source| CommandError::Environment {
            what: "the run cannot be judged".to_owned(),
            source: Some(Box::new(source)),
            hint: Some(format!("what was seen is in {}", ready.dir.path().display())),
        })?;
    let repro = Repro::of(&ready.prepared.run, &verdict, job.stage.recipe());
    write(&ready.dir, &ready.prepared.run, &verdict, evidence)?;
    let repro = repro.to_json().map_err(unwritten)?;
    ready.dir.write("repro.json", repro.as_bytes()).map_err(unwritten)?;
    out(&terminal::table(&ready.prepared.run, &verdict, evidence));
    note(&format!("report: {}", ready.dir.file("report.html").display()));
    Ok(exit(&verdict))
}

/// Writes everything that follows from plan and evidence.
pub fn write(
    dir: &RunDir,
    run: &RunPlan,
    verdict: &VerdictFile,
    evidence: &[Evidence],
) -> Result<(), CommandError> {
    let json = canonical_json(verdict).map_err(unwritten)?;
    dir.write("verdict.json", json.as_bytes()).map_err(unwritten)?;
    let xml = junit::junit(run, verdict).map_err(unwritten)?;
    dir.write("junit.xml", xml.as_bytes()).map_err(unwritten)?;
    let summary = markdown::summary(run, verdict, evidence);
    dir.write("summary.md", summary.as_bytes()).map_err(unwritten)?;
    let page = html::page(run, verdict, evidence).map_err(unwritten)?;
    dir.write("report.html", page.as_bytes()).map_err(unwritten)
}

/// The exit code that goes with a verdict.
pub fn exit(verdict: &VerdictFile) -> Exit {
    match verdict.exit_code {
        0 => Exit::Pass,
        1 => Exit::Fail,
        130 => Exit::Interrupted,
        _ => Exit::Inconclusive,
    }
}

fn unwritten<E: std::error::Error + Send + Sync + 'static>(source: E) -> CommandError {
    CommandError::environment("the report cannot be written", source)
}

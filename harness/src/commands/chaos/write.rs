//! Judges the evidence and writes the run's files.

use std::path::PathBuf;

use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::ScenarioRun;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::canonical::canonical_json;
use verdict::judge::chaos::judge_chaos;

use crate::adapters::run_dir::RunDir;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::load::exit;
use crate::commands::stand::StageChoice;
use crate::report::chaos;
use crate::report::chaos::ChaosRepro;

pub(super) fn conclude(
    dir: &RunDir,
    plan: &ChaosPlan,
    evidence: &[ChaosEvidence],
    stage: &StageChoice,
) -> Result<Exit, CommandError> {
    let verdict = judge_chaos(plan, evidence).map_err(|source| CommandError::Environment {
        what: "the run cannot be judged".to_owned(),
        source: Some(Box::new(source)),
        hint: Some(format!("what was seen is in {}", dir.path().display())),
    })?;
    write(dir, plan, &verdict, evidence)?;
    let repro = ChaosRepro::of(plan, &verdict, stage.recipe()).to_json().map_err(unwritten)?;
    dir.write("repro.json", repro.as_bytes()).map_err(unwritten)?;
    out(&chaos::terminal(plan, &verdict, evidence));
    note(&format!("report: {}", dir.file("report.html").display()));
    Ok(exit(&verdict))
}

/// Writes everything that follows from plan and evidence.
fn write(
    dir: &RunDir,
    plan: &ChaosPlan,
    verdict: &VerdictFile,
    evidence: &[ChaosEvidence],
) -> Result<(), CommandError> {
    let json = canonical_json(verdict).map_err(unwritten)?;
    dir.write("verdict.json", json.as_bytes()).map_err(unwritten)?;
    let xml = chaos::junit(plan, verdict).map_err(unwritten)?;
    dir.write("junit.xml", xml.as_bytes()).map_err(unwritten)?;
    let summary = chaos::summary(plan, verdict, evidence);
    dir.write("summary.md", summary.as_bytes()).map_err(unwritten)?;
    let page = chaos::page(plan, verdict, evidence);
    dir.write("report.html", page.as_bytes()).map_err(unwritten)
}

fn unwritten<E: std::error::Error + Send + Sync + 'static>(source: E) -> CommandError {
    CommandError::environment("the report cannot be written", source)
}

/// Judges the folder of a chaos run again.
pub fn judge_again(folder: PathBuf, json: bool) -> Result<Exit, CommandError> {
    let dir = RunDir::open(folder);
    let text = dir
        .read("plan.json")
        .map_err(|source| CommandError::environment("the plan cannot be read", source))?;
    let plan: ChaosPlan = serde_json::from_str(&text).map_err(|source| {
        CommandError::usage(
            format!("{}:{}: {source}", dir.file("plan.json").display(), source.line()),
            "docs/schemas/chaos-plan.schema.json describes every key".to_owned(),
        )
    })?;
    let evidence: Vec<ChaosEvidence> = dir
        .read_evidence()
        .map_err(|source| CommandError::environment("the evidence cannot be used", source))?;
    let verdict = judge_chaos(&plan, &evidence)
        .map_err(|source| CommandError::environment("the run cannot be judged", source))?;
    if json {
        let json = canonical_json(&verdict)
            .map_err(|source| CommandError::environment("cannot write the verdict", source))?;
        out(json.trim_end());
    } else {
        write(&dir, &plan, &verdict, &evidence)?;
        out(&chaos::terminal(&plan, &verdict, &evidence));
    }
    Ok(exit(&verdict))
}

/// One line as a scenario ends.
pub(super) fn progress(
    scenario: &ScenarioRun,
    lines: &[ChaosEvidence],
    (played, all): (usize, usize),
) -> String {
    let requests = lines.iter().filter(|line| matches!(line, ChaosEvidence::Request(_))).count();
    let hits = lines.iter().filter(|line| matches!(line, ChaosEvidence::Hit(_))).count();
    let lost = lines.iter().find_map(|line| {
        if let ChaosEvidence::Lost(lost) = line {
            Some(format!(", lost: {}", lost.detail))
        } else {
            None
        }
    });
    let lost = lost.unwrap_or_default();
    format!("  {played} of {all}: {}, {requests} requests, {hits} hits{lost}", scenario.name)
}

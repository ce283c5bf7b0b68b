//! `harness judge DIR`: judges a run's evidence again. The same folder gives the same `verdict.json`, byte for byte, on
//! any machine.

use std::path::PathBuf;

use verdict::domain::run::RUN_SCHEMA;
use verdict::domain::run::RunPlan;
use verdict::judge::canonical::canonical_json;
use verdict::judge::whole::judge_whole;

use crate::adapters::run_dir::RunDir;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::chaos;
use crate::commands::error::CommandError;
use crate::commands::features;
use crate::commands::load::exit;
use crate::commands::load::write;
use crate::report::terminal;

/// Arguments of `harness judge`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A run's folder: `reports/<run-id>`.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print verdict.json and write nothing.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args, _ctx: &Context) -> Result<Exit, CommandError> {
    let dir = RunDir::open(args.dir.clone());
    if suite(&dir).as_deref() == Some("features") {
        return features::judge_again(args.dir.clone(), args.json);
    }
    if suite(&dir).as_deref() == Some("chaos") {
        return chaos::judge_again(args.dir.clone(), args.json);
    }
    let plan = plan(&dir)?;
    let evidence = dir
        .read_evidence()
        .map_err(|source| CommandError::environment("the evidence cannot be used", source))?;
    let verdict = judge_whole(&plan, &evidence)
        .map_err(|source| CommandError::environment("the run cannot be judged", source))?;
    if args.json {
        let json = canonical_json(&verdict)
            .map_err(|source| CommandError::environment("cannot write the verdict", source))?;
        out(json.trim_end());
    } else {
        write(&dir, &plan, &verdict, &evidence)?;
        out(&terminal::table(&plan, &verdict, &evidence));
    }
    Ok(exit(&verdict))
}

/// The suite of a run's folder, where its plan says one.
fn suite(dir: &RunDir) -> Option<String> {
    let plan: serde_json::Value = serde_json::from_str(&dir.read("plan.json").ok()?).ok()?;
    plan.get("suite")?.as_str().map(str::to_owned)
}

/// The plan of a run's folder; one of another schema is refused by name.
pub fn plan(dir: &RunDir) -> Result<RunPlan, CommandError> {
    let text = dir.read("plan.json").map_err(|error| {
        CommandError::usage(
            format!("{} is no run's folder: {error}", dir.path().display()),
            "runs are in reports/".to_owned(),
        )
    })?;
    let unreadable = |source: serde_json::Error| {
        CommandError::usage(
            format!("{}:{}: {source}", dir.file("plan.json").display(), source.line()),
            "docs/schemas/plan.schema.json describes every key".to_owned(),
        )
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(unreadable)?;
    match value.get("schema").and_then(|schema| schema.as_str()) {
        Some(schema) if schema != RUN_SCHEMA => Err(CommandError::usage(
            format!("plan.json is of schema `{schema}`; this build reads `{RUN_SCHEMA}`"),
            None,
        )),
        _ => serde_json::from_str(&text).map_err(unreadable),
    }
}

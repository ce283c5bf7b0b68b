//! `harness replay FILE|DIR`: runs the failing part of a run again, from its `repro.json` alone.

use std::path::Path;
use std::path::PathBuf;

use verdict::domain::profile::Profile;

use crate::adapters::stage_process::BackendChoice;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::chaos;
use crate::commands::error::CommandError;
use crate::commands::features;
use crate::commands::load::job;
use crate::commands::load::job::Job;
use crate::commands::stand::StageChoice;
use crate::report::ReportError;
use crate::report::chaos::ChaosRepro;
use crate::report::features::FeaturesRepro;
use crate::report::repro::Repro;
use crate::report::repro::StageRecipe;

/// Arguments of `harness replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A repro.json, or the run's folder that holds one.
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,
    /// Send the whole schedule, not only what failed.
    #[arg(long)]
    whole: bool,
    /// Another stage than the recorded one.
    #[arg(long, value_name = "FILE")]
    stage: Option<PathBuf>,
    /// Another backend than the recorded one: a mended one, without the recorded defects.
    #[arg(long, value_name = "PATH", conflicts_with = "stage")]
    backend_bin: Option<PathBuf>,
    /// Leave the stage up if it fails again, until Ctrl-C.
    #[arg(long)]
    hold: bool,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let (file, text) = text(&args.from)?;
    match suite(&text).as_deref() {
        Some("features") => {
            let repro = FeaturesRepro::parse(&text).map_err(|error| unreadable(&file, &error))?;
            return again(repro, args, ctx).await;
        }
        Some("chaos") => {
            let repro = ChaosRepro::parse(&text).map_err(|error| unreadable(&file, &error))?;
            let (many, run) = (repro.scenarios.len(), &repro.run_id);
            note(&format!("playing {many} scenarios of run {run} again"));
            let stage = stage(&repro.stage, &args);
            return chaos::again(repro, stage, ctx).await;
        }
        Some(_) | None => {}
    }
    let repro = Repro::parse(&text).map_err(|error| unreadable(&file, &error))?;
    if repro.suite != "load" {
        return Err(CommandError::usage(
            format!(
                "{}: this build cannot replay the suite `{}`",
                args.from.display(),
                repro.suite
            ),
            None,
        ));
    }
    let profile = Profile::resolve(repro.profile.clone()).map_err(|errors| {
        let first = errors.first().map(|e| format!("profile.{}: {}", e.key.join("."), e.problem));
        CommandError::usage(format!("{}: {}", args.from.display(), first.unwrap_or_default()), None)
    })?;
    let only = if args.whole { None } else { repro.only.clone() };
    match &only {
        Some(only) => note(&format!("replaying {} arrivals of run {}", only.len(), repro.run_id)),
        None => note(&format!("replaying the whole of run {}", repro.run_id)),
    }
    if !repro.expect.is_empty() {
        note(&format!("it broke: {}", repro.expect.join(", ")));
    }
    let stage = stage(&repro.stage, &args);
    let job = Job {
        profile_name: repro.profile_name,
        profile,
        seed: repro.seed,
        only,
        stage,
        expect_commit: None,
        hold: args.hold,
        production: false,
        faulty: job::Faulty::default(),
        run_dir: None,
    };
    job::execute(job, ctx).await
}

/// The stage of a replay: the recorded one, or what the caller says.
fn stage(recorded: &StageRecipe, args: &Args) -> StageChoice {
    let recorded = || StageChoice::recorded(recorded);
    let stage = args.stage.clone().map_or_else(recorded, StageChoice::File);
    match (stage, args.backend_bin.clone()) {
        // Another binary is a mended one: the recorded defects are not asked of it.
        (StageChoice::Embedded { recipe, env, lambda, edge, .. }, Some(binary)) => {
            let (backend, defects) = (BackendChoice::Binary(binary), Vec::new());
            StageChoice::Embedded { recipe, backend, lambda, edge, defects, env }
        }
        (stage, _) => stage,
    }
}

async fn again(repro: FeaturesRepro, args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let stage = stage(&repro.stage, &args);
    let places = if args.whole { Vec::new() } else { repro.places };
    match places.len() {
        0 => note(&format!("running every scenario of run {} again", repro.run_id)),
        many => note(&format!("running {many} scenarios of run {} again", repro.run_id)),
    }
    features::again(places, repro.seed, stage, args.hold, ctx).await
}

/// The suite that a repro is of, where it says one.
fn suite(text: &str) -> Option<String> {
    let value = serde_json::from_str::<serde_json::Value>(text).ok()?;
    value.get("suite")?.as_str().map(str::to_owned)
}

fn text(from: &Path) -> Result<(PathBuf, String), CommandError> {
    let file = if from.is_dir() { from.join("repro.json") } else { from.to_path_buf() };
    let text = std::fs::read_to_string(&file).map_err(|source| {
        CommandError::usage(
            format!("cannot read {}: {source}", file.display()),
            "a run's folder in reports/ holds one".to_owned(),
        )
    })?;
    Ok((file, text))
}

fn unreadable(file: &Path, error: &ReportError) -> CommandError {
    let why =
        std::error::Error::source(error).map_or(String::new(), |source| format!(": {source}"));
    CommandError::usage(
        format!("{}: {error}{why}", file.display()),
        "docs/schemas/repro.schema.json, features-repro.schema.json and chaos-repro.schema.json describe every key"
            .to_owned(),
    )
}

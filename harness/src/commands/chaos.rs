//! `harness chaos`: lets a stage's parts fail under load, and judges what became of each request and of the data.

mod job;
mod one;
mod plan;
mod secrets;
mod write;

use std::path::PathBuf;

use verdict::domain::chaos::Tier;
use verdict::domain::lambda::LambdaOptions;

use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stage::RuntimeArgs;
use crate::commands::stand::Asked;
use crate::commands::stand::StageChoice;
use crate::config::chaos_file;
use crate::config::chaos_file::ChaosFileError;
use crate::report::chaos::ChaosRepro;
use job::ChaosRun;

pub use write::judge_again;

/// Scenarios that are played at once, each on a stage of its own: each keeps less than a core busy.
const AT_ONCE: usize = 2;

/// Arguments of `harness chaos`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only scenarios whose name fits a pattern, such as `bedrock-*`; may be repeated.
    #[arg(long = "scenario", value_name = "GLOB")]
    scenarios: Vec<String>,
    /// Only scenarios of this tier [default: smoke, where no scenario is named].
    #[arg(long, value_name = "TIER", value_parser = tier)]
    tier: Option<Tier>,
    /// Everything drawn is drawn from this: the same seed hits the same calls.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// `off` leaves the faults out: such a run must not pass.
    #[arg(long, value_name = "on|off", default_value = "on", value_parser = switch)]
    faults: Switch,
    /// List the scenarios, and play none.
    #[arg(long)]
    list: bool,
    /// Scenarios that are played at once, each on a stage of its own.
    #[arg(long, value_name = "N", default_value_t = AT_ONCE)]
    at_once: usize,
    /// A stage by its name in scenarios/stages/, or its file (a `stage.json`, say) [default: embedded].
    #[arg(long, value_name = "NAME|FILE")]
    stage: Option<String>,
    /// A built backend, instead of building the workspace's; with --runtime lambda, the folder of the functions.
    #[arg(long, value_name = "PATH")]
    backend_bin: Option<PathBuf>,
    /// Seeded defects to switch on (builds `server-defects` unless --backend-bin is given).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    defects: Vec<String>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Where the run's files go; it must not exist [default: reports/…].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// The commit that must answer; another is Inconclusive (`TargetChanged`).
    #[arg(long, value_name = "SHA")]
    expect_commit: Option<String>,
}

/// Whether faults are played.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Switch {
    On,
    Off,
}

fn switch(text: &str) -> Result<Switch, String> {
    match text {
        "on" => Ok(Switch::On),
        "off" => Ok(Switch::Off),
        _ => Err("expected `on` or `off`".to_owned()),
    }
}

/// A tier by its name.
pub(in crate::commands) fn tier(text: &str) -> Result<Tier, String> {
    let all = [Tier::Smoke, Tier::Canary, Tier::Nightly];
    let known = all.into_iter().find(|tier| tier.name() == text);
    known.ok_or_else(|| "expected smoke, canary or nightly".to_owned())
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let usual = args.scenarios.is_empty() && !args.list;
    let tier = args.tier.or_else(|| usual.then_some(Tier::Smoke));
    let selected = chaos_file::select(&ctx.root, &args.scenarios, tier).map_err(bad)?;
    if args.list {
        for scenario in &selected.scenarios {
            let tiers: Vec<&str> = scenario.raw.tiers.iter().map(|tier| tier.name()).collect();
            let (name, title) = (&scenario.name, &scenario.raw.title);
            out(&format!("{name:32} {:22} {title}", tiers.join(", ")));
        }
        return Ok(Exit::Pass);
    }
    let lambda = args.runtime.lambda(LambdaOptions::default())?;
    let asked = Asked {
        stage: args.stage,
        backend_bin: args.backend_bin,
        lambda,
        edge: None,
        defects: args.defects,
        env: std::collections::BTreeMap::new(),
    };
    let run = ChaosRun {
        selected,
        tier,
        seed: args.seed,
        faults_off: args.faults == Switch::Off,
        stage: StageChoice::asked(asked, ctx)?,
        at_once: args.at_once.max(1),
        expect_commit: args.expect_commit,
        run_dir: args.run_dir,
    };
    job::execute(run, ctx).await
}

/// Plays scenarios of an earlier run again: the same seed hits the same calls.
pub async fn again(
    repro: ChaosRepro,
    stage: StageChoice,
    ctx: &Context,
) -> Result<Exit, CommandError> {
    let selected = chaos_file::select(&ctx.root, &repro.scenarios, None).map_err(bad)?;
    let run = ChaosRun {
        selected,
        tier: None,
        seed: repro.seed,
        faults_off: repro.faults_off,
        stage,
        at_once: AT_ONCE,
        expect_commit: None,
        run_dir: None,
    };
    job::execute(run, ctx).await
}

/// Scenarios that cannot be used, as a person reads it: exit 2.
fn bad(error: ChaosFileError) -> CommandError {
    match error {
        ChaosFileError::Bad(bad) => CommandError::BadFile(miette::Report::new(*bad)),
        ChaosFileError::Read { .. } => CommandError::usage(
            crate::adapters::chain(&error),
            "is --root the project's root?".to_owned(),
        ),
        ChaosFileError::Catalogue(_) => {
            CommandError::environment("the scenarios cannot be checked", error)
        }
        ChaosFileError::Nothing { .. }
        | ChaosFileError::Empty { .. }
        | ChaosFileError::Glob { .. } => {
            CommandError::usage(error.to_string(), "`harness chaos --list` lists them".to_owned())
        }
    }
}

//! `harness features`: runs the features against a stage and judges what was seen.

mod drive;
mod job;
mod prepare;
mod steps;
mod write;

use std::path::Path;
use std::path::PathBuf;

use verdict::domain::features::Selection;
use verdict::domain::features::SkippedScenario;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::StageDescription;

use crate::adapters::features_worker;
use crate::adapters::features_worker::evidence::say;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stage::EdgeArgs;
use crate::commands::stage::RuntimeArgs;
use crate::commands::stand::Asked;
use crate::commands::stand::StageChoice;
use job::FeaturesRun;

pub use write::judge_again;

/// Sandboxes of each function: as many as a small machine carries.
const SANDBOXES: u32 = 8;
/// How long a request waits for one of them, in milliseconds: an account has a thousand, where nobody waits.
const QUEUE_MS: u64 = 15_000;

/// Arguments of `harness features`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Files, folders, or one scenario as `FILE:LINE` [default: all features].
    #[arg(value_name = "FILE[:LINE]")]
    places: Vec<String>,
    /// Only scenarios whose tags fit: `@quota and not @slow`.
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// Only scenarios whose name fits a regular expression.
    #[arg(long, value_name = "REGEX")]
    name: Option<String>,
    /// Orders the scenarios, and draws what they generate.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    ending: Ending,
    /// Print every step that features may use, and run nothing.
    #[arg(long)]
    steps: bool,
    /// A stage by its name in scenarios/stages/, or its file (a `stage.json`, say) [default: embedded].
    #[arg(long, value_name = "NAME|FILE")]
    stage: Option<String>,
    /// A built backend, instead of building the workspace's; with --runtime lambda, the folder of the functions.
    #[arg(long, value_name = "PATH")]
    backend_bin: Option<PathBuf>,
    /// Seeded defects to switch on (builds `server-defects` unless --backend-bin is given).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    defects: Vec<String>,
    /// A variable of the backend that differs from what the stage sets; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = super::stage::pair)]
    variables: Vec<(String, String)>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    edge: EdgeArgs,
    /// Where the run's files go; it must not exist [default: reports/…].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// The commit that must answer; another is Inconclusive (`TargetChanged`).
    #[arg(long, value_name = "SHA")]
    expect_commit: Option<String>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Ending {
    /// End at the first scenario that does not pass.
    #[arg(long)]
    fail_fast: bool,
    /// Leave the stage up after a run that did not pass, until Ctrl-C.
    #[arg(long)]
    hold: bool,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    if args.steps {
        return steps::print();
    }
    let usual =
        LambdaOptions { sandboxes: SANDBOXES, queue_ms: QUEUE_MS, ..LambdaOptions::default() };
    let lambda = args.runtime.lambda(usual)?;
    let asked = Asked {
        stage: args.stage,
        backend_bin: args.backend_bin,
        lambda,
        edge: args.edge.choice(),
        defects: args.defects,
        env: args.variables.into_iter().collect(),
    };
    let stage = StageChoice::asked(asked, ctx)?;
    let selection = Selection { tags: args.tags, name: args.name, places: args.places };
    let run = FeaturesRun {
        selection,
        seed: args.seed,
        fail_fast: args.ending.fail_fast,
        stage,
        expect_commit: args.expect_commit,
        hold: args.ending.hold,
        run_dir: args.run_dir,
    };
    job::execute(run, ctx).await
}

/// Runs scenarios of an earlier run again.
pub async fn again(
    places: Vec<String>,
    seed: u64,
    stage: StageChoice,
    hold: bool,
    ctx: &Context,
) -> Result<Exit, CommandError> {
    let selection = Selection { places, ..Selection::default() };
    let run = FeaturesRun {
        selection,
        seed,
        fail_fast: false,
        stage,
        expect_commit: None,
        hold,
        run_dir: None,
    };
    job::execute(run, ctx).await
}

/// How many scenarios `stage` can run, and which it cannot.
pub fn fitting(
    root: &Path,
    stage: &StageDescription,
) -> Result<(usize, Vec<SkippedScenario>), CommandError> {
    prepare::fitting(root, stage)
}

/// The worker process, `harness __features-worker`.
pub async fn worker() -> Exit {
    match features_worker::run(prepare::material).await {
        Ok(()) => Exit::Pass,
        Err(error) => {
            say(&features_worker::last_words(&error));
            note(&format!("features worker: {error}"));
            Exit::Environment
        }
    }
}

//! `harness load`: offers a profile's load to a stage and judges what was seen.

pub(in crate::commands) mod aftermath;
pub(in crate::commands) mod cleanup;
mod conclude;
pub(in crate::commands) mod drive;
mod guards;
pub mod job;
mod live;
pub(in crate::commands) mod prepare;

use std::path::PathBuf;

use verdict::domain::lambda::LambdaOptions;

use crate::adapters::load_worker;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::bad_profile;
use crate::commands::error::CommandError;
use crate::commands::stage::RuntimeArgs;
use crate::commands::stand::Asked;
use crate::commands::stand::StageChoice;
use crate::config::profile_file;
use job::Job;

pub use conclude::exit;
pub use conclude::write;

/// Sandboxes of each function under load: as many as a small machine carries.
const SANDBOXES: u32 = 16;
/// How long a request waits for one of them, in milliseconds: an account has a thousand, where nobody waits.
const QUEUE_MS: u64 = 10_000;

/// Arguments of `harness load`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Profile in scenarios/load/.
    #[arg(long, value_name = "NAME")]
    profile: String,
    /// Everything drawn is drawn from this; the same seed gives the same schedule.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
    /// Where the run's files go; it must not exist [default: reports/…].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// The commit that must answer; another is Inconclusive (`TargetChanged`).
    #[arg(long, value_name = "SHA")]
    expect_commit: Option<String>,
    #[command(flatten)]
    ending: Ending,
}

/// How a run begins and ends.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Ending {
    /// Leave the stage up after a run that did not pass, until Ctrl-C.
    #[arg(long)]
    hold: bool,
    /// Offer this load to production, where the stage file allows it, too (`production_load`).
    #[arg(long)]
    production: bool,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let profile = profile_file::read(&ctx.root, &args.profile).map_err(bad_profile)?;
    let usual =
        LambdaOptions { sandboxes: SANDBOXES, queue_ms: QUEUE_MS, ..LambdaOptions::default() };
    let lambda = args.runtime.lambda(usual)?;
    let asked = Asked {
        stage: args.stage,
        backend_bin: args.backend_bin,
        lambda,
        edge: None,
        defects: args.defects,
        env: args.variables.into_iter().collect(),
    };
    let stage = StageChoice::asked(asked, ctx)?;
    let job = Job {
        profile_name: args.profile,
        profile,
        seed: args.seed,
        only: None,
        stage,
        expect_commit: args.expect_commit,
        hold: args.ending.hold,
        production: args.ending.production,
        faulty: job::Faulty::default(),
        run_dir: args.run_dir,
    };
    job::execute(job, ctx).await
}

/// The worker process, `harness __load-worker`.
pub async fn worker() -> Exit {
    match load_worker::run().await {
        Ok(()) => Exit::Pass,
        Err(error) => {
            let words = load_worker::last_words(&error);
            if let Ok(line) = serde_json::to_string(&words) {
                crate::cli::output::out(&line);
            }
            note(&format!("load worker: {error}"));
            Exit::Environment
        }
    }
}

//! `harness stage …`: stages that stand by themselves, and what every suite needs to start one. The stage itself runs
//! in a process of its own (`process`).

mod backend_start;
mod check;
mod containers;
mod edge_args;
mod edge_start;
mod functions_start;
mod launch;
mod launch_error;
mod look;
mod paste;
mod process;
mod remote;
mod runtime_args;
mod tour;
mod up;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;

use crate::adapters::provision::ManualFile;
use crate::adapters::stage_process::Refusal;
use crate::adapters::stage_process::StageStartError;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::config::fixtures;
use crate::config::fixtures::FixtureError;

pub use edge_args::EdgeArgs;
pub use process::process;
pub use runtime_args::RuntimeArgs;
pub(in crate::commands) use up::pair;

/// `harness stage …`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Start embedded AWS and a backend with users and manuals, and keep them until Ctrl-C.
    Up(Box<up::UpArgs>),
    /// Name every stage of the project.
    List,
    /// Look at a stage: what is reached, what is missing, which suites can run and why the others cannot.
    Check(look::StageName),
    /// Print variables for a shell that uses a stage that stands.
    Env(look::StageFileArg),
    /// Take away what runs that were cut off have left on a stage: users and their manuals.
    Sweep(look::StageName),
    /// End a stage that `stage up` keeps.
    Down(look::StageFileArg),
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    match args.action {
        Action::Up(args) => up::run(*args, ctx).await,
        Action::List => Ok(look::list(ctx)),
        Action::Check(args) => look::check(args, ctx).await,
        Action::Env(args) => look::env(&args),
        Action::Sweep(args) => look::sweep(args, ctx).await,
        Action::Down(args) => look::down(&args).await,
    }
}

/// The server and every function of the workspace, built.
pub async fn programs(ctx: &Context, run_dir: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let server = backend_start::build(ctx, &ctx.root, run_dir, false).await;
    let functions = functions_start::build(ctx, &ctx.root, run_dir).await;
    let failed = |error: launch_error::LaunchError| CommandError::Environment {
        what: error.to_string(),
        hint: error.hint(),
        source: None,
    };
    let mut programs = vec![server.map_err(failed)?];
    programs.extend(functions.map_err(failed)?.into_values());
    Ok(programs)
}

/// The fixture manuals, ready to be uploaded by `adapters::provision`.
pub fn manual_files(root: &Path) -> Result<BTreeMap<String, ManualFile>, FixtureError> {
    let manuals = fixtures::manuals(root)?;
    Ok(manuals
        .into_iter()
        .map(|(key, manual)| {
            let file = ManualFile {
                key: manual.key,
                filename: manual.filename,
                content_type: manual.content_type,
                bytes: Bytes::from(manual.bytes),
            };
            (key, file)
        })
        .collect())
}

/// A stage that did not start, as a person reads it.
pub fn start_failure(error: StageStartError) -> CommandError {
    match error {
        StageStartError::Failed { error, hint, log_tail, refusal } => {
            let mut what = error;
            if !log_tail.is_empty() {
                what.push_str("; the last lines of its log:");
            }
            for line in log_tail {
                what.extend(["\n  | ", &line]);
            }
            match refusal {
                Refusal::Usage => CommandError::Usage { message: what, hint },
                Refusal::Environment => CommandError::Environment { what, source: None, hint },
            }
        }
        StageStartError::Cancelled => CommandError::Interrupted,
        other @ (StageStartError::Spawn { .. }
        | StageStartError::Request { .. }
        | StageStartError::Protocol { .. }
        | StageStartError::Lost { .. }
        | StageStartError::TooLong { .. }) => {
            CommandError::environment("the stage did not start", other)
        }
    }
}

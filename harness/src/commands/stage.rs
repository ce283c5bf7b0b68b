//! `harness stage …`: stages that stand by themselves, and what every suite needs to start one. The stage itself runs
//! in a process of its own (`process`).

mod backend_start;
mod edge_args;
mod edge_start;
mod functions_start;
mod launch;
mod launch_error;
mod paste;
mod process;
mod runtime_args;
mod tour;
mod up;

use std::collections::BTreeMap;
use std::path::Path;

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
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    match args.action {
        Action::Up(args) => up::run(*args, ctx).await,
    }
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

//! `harness __localstack`: hidden; what runs in the network namespace of a `localstack-host` stage.

use std::path::PathBuf;

use crate::adapters::lifeline::Lifeline;
use crate::adapters::localstack_host::inside;
use crate::adapters::localstack_host::inside::Places;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// `harness __localstack --installed DIR --sockets DIR --run-dir DIR`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What was installed.
    #[arg(long)]
    installed: PathBuf,
    /// Folder of the socket files.
    #[arg(long)]
    sockets: PathBuf,
    /// Where logs go.
    #[arg(long)]
    run_dir: PathBuf,
}

/// Runs both services until the parent is gone.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let mut lifeline = Lifeline::foreground()
        .map_err(|source| CommandError::environment("cannot wait for the end", source))?;
    let Args { installed, sockets, run_dir } = args;
    let places = Places { installed, sockets, run_dir, harness: ctx.exe.clone() };
    inside::run(&places, &mut lifeline)
        .await
        .map_err(|source| CommandError::environment("LocalStack does not run", source))?;
    Ok(Exit::Pass)
}

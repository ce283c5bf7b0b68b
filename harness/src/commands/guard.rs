//! `harness __guard`: hidden; owns one program for a stage. Arguments and printing only, the work is in
//! `adapters::guard`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::adapters::guard::GuardPlan;
use crate::adapters::guard::keep;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// `harness __guard --log FILE -- PROGRAM [ARGS]`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the program's output goes.
    #[arg(long)]
    log: PathBuf,
    /// Pass the program's stderr on instead of logging it.
    #[arg(long)]
    show_stderr: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Owns the program until it ends or the parent is gone. Exit 0 in both cases: how the program ended is a line.
pub async fn run(args: Args, _ctx: &Context) -> Result<Exit, CommandError> {
    let plan = GuardPlan { command: args.command, log: args.log, show_stderr: args.show_stderr };
    keep(plan, |line| {
        // A line of plain data always serialises; a parent that is gone reads nothing anyway.
        if let Ok(line) = serde_json::to_string(line) {
            out(&line);
        }
    })
    .await
    .map_err(|source| CommandError::environment("the guard could not work", source))?;
    Ok(Exit::Pass)
}

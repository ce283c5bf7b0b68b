//! One file per subcommand: its arguments, then resolve → plan → wire → run → judge → write.

use std::path::PathBuf;

pub mod error;
pub mod guard;
pub mod stage;

pub use crate::cli::exit::Exit;

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The project root: the folder that holds `scenarios/`, `fixtures/` and `backend/`.
    pub root: PathBuf,
    /// This executable, for the hidden subcommands.
    pub exe: PathBuf,
}

//! One file per subcommand: its arguments, then resolve → plan → wire → run → judge → write.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::bundle as bundle_file;
use crate::config::profile_file::ProfileFileError;
use error::CommandError;

pub mod baseline;
pub mod bundle;
pub mod chaos;
pub mod doctor;
pub mod error;
pub mod explain;
pub mod fault;
pub mod features;
pub mod gate;
pub mod guard;
pub mod judge;
pub mod load;
pub mod localstack;
pub mod replay;
pub mod selftest;
pub mod stage;
pub mod stand;

pub use crate::cli::exit::Exit;

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The project root: the folder that holds `scenarios/`, `fixtures/` and `backend/`.
    pub root: PathBuf,
    /// This executable, for the hidden subcommands.
    pub exe: PathBuf,
}

impl Context {
    /// SHA-256 of the bundle that this runs from, in hex; none where it runs from the sources.
    pub fn bundle_sha256(&self) -> Option<String> {
        bundle_file::read(&self.root).ok().flatten().map(|bundle| bundle.sha256)
    }
}

/// Versions that a run records.
pub fn tools() -> BTreeMap<String, String> {
    let tools = [
        ("harness", env!("CARGO_PKG_VERSION")),
        ("rustc", env!("HARNESS_RUSTC")),
        ("goose", env!("HARNESS_GOOSE")),
        ("build_profile", env!("HARNESS_PROFILE")),
    ];
    tools.into_iter().map(|(tool, version)| (tool.to_owned(), version.to_owned())).collect()
}

/// A profile that cannot be used, as a person reads it: exit 2.
pub fn bad_profile(error: ProfileFileError) -> CommandError {
    match error {
        ProfileFileError::Bad(bad) => CommandError::BadFile(miette::Report::new(*bad)),
        ProfileFileError::Unknown { .. } => CommandError::usage(error.to_string(), None),
        ProfileFileError::Read { .. } => {
            let hint = "is --root the project's root?".to_owned();
            CommandError::usage(format!("{error}"), hint)
        }
    }
}

//! The guard: a small process that owns one program and ends it when its own parent is gone. `keep` is the guard's
//! side, [`Guarded`] the side of the process that starts one; they speak [`GuardLine`]s. Neither knows what the
//! program is.
//!
//! The guard is deliberately *not* killed when a [`Guarded`] is dropped: dropping closes its stdin, and that is what
//! makes it end the program. A killed guard could not.

mod client;
mod keep;
mod log_tail;

use serde::Deserialize;
use serde::Serialize;
use std::path::PathBuf;

pub use client::GuardStartError;
pub use client::Guarded;
pub use client::GuardedCommand;
pub use client::all_gone;
pub use keep::GuardError;
pub use keep::keep;
pub use log_tail::last_lines;

/// What the guard itself is told on its command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuardPlan {
    /// The program to own, and its arguments.
    pub command: Vec<std::ffi::OsString>,
    /// Where the program's stdout, and its stderr unless shown, are written.
    pub log: PathBuf,
    /// The program's stderr is for people: pass it on.
    pub show_stderr: bool,
}

/// One line on the guard's stdout.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GuardLine {
    /// The program runs.
    Started {
        /// Its process id, which is also its process group.
        pid: u32,
    },
    /// The program could not be started.
    NotStarted {
        /// Why.
        error: String,
        /// There is no such file.
        missing: bool,
    },
    /// The program ended; the last line.
    Exited(ProgramExit),
}

/// How a guarded program ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProgramExit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The guard ended it; otherwise it ended by itself.
    pub asked: bool,
}

impl std::fmt::Display for ProgramExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => write!(f, "unknown exit status"),
        }
    }
}

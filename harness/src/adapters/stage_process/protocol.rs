//! The lines that a stage process writes on its stdout. Data only; a change of meaning changes [`PROTOCOL`].

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use verdict::domain::stage::StageDescription;

/// The version of this protocol; the runner refuses another.
pub const PROTOCOL: u32 = 2;

/// One line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StageLine {
    /// First of all, before any work.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Process id of the stage.
        pid: u32,
    },
    /// What a person should know now: what is waited for, and how long.
    Note {
        /// One sentence.
        text: String,
    },
    /// The stage can be used.
    Ready {
        /// Where the description was written.
        stage_file: PathBuf,
        /// The description.
        description: Box<StageDescription>,
        /// Milliseconds from the existence of the binary to readiness.
        ready_ms: u64,
        /// Milliseconds that cargo took before.
        build_ms: u64,
    },
    /// There is no stage; everything that was started is stopped. The last line.
    Failed {
        /// One sentence.
        error: String,
        /// What to do about it.
        hint: Option<String>,
        /// Last lines of the backend's log, oldest first.
        log_tail: Vec<String>,
        /// Whose fault it is.
        refusal: Refusal,
    },
    /// The backend ended by itself; the rest of the stage still stands.
    BackendExited(BackendExit),
    /// A backend that was killed answers again.
    BackendRestarted(BackendRestart),
    /// Everything is stopped. The last line.
    Stopped,
}

/// A backend that was killed answers again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BackendRestart {
    /// Its new process id.
    pub pid: u32,
    /// When it answered, Unix milliseconds.
    pub at_ms: u64,
}

/// Whose fault a failure is: decides the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The request: exit 2.
    Usage,
    /// The machine, the backend or the stage: exit 4.
    Environment,
}

/// How a backend ended by itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct BackendExit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// When the stage saw it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Last lines of its log, oldest first.
    pub last_lines: Vec<String>,
}

impl std::fmt::Display for BackendExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => write!(f, "unknown exit status"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tagged_and_come_back() {
        let exit = StageLine::BackendExited(BackendExit {
            code: None,
            signal: Some(9),
            at_ms: 7,
            last_lines: vec!["last".to_owned()],
        });
        let line = serde_json::to_string(&exit).unwrap();
        assert_eq!(
            line,
            r#"{"event":"backend_exited","code":null,"signal":9,"at_ms":7,"last_lines":["last"]}"#
        );
        assert_eq!(serde_json::from_str::<StageLine>(&line).unwrap(), exit);
        assert!(serde_json::from_str::<StageLine>(r#"{"event":"other"}"#).is_err());
    }
}

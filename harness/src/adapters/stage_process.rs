//! A stage in a process of its own: the runner starts it, reads what happens to it, and stops it. The stage ends when
//! this side is dropped or dies: its stdin is its lifeline. What the stage does inside is not known here.

mod protocol;
mod request;
mod starting;

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use verdict::domain::stage::StageDescription;

pub use protocol::BackendExit;
pub use protocol::BackendRestart;
pub use protocol::PROTOCOL;
pub use protocol::Refusal;
pub use protocol::StageLine;
pub use request::BackendChoice;
pub use request::EdgeChoice;
pub use request::StageRequest;
pub use request::WantedUser;

use starting::Readiness;
use starting::Starting;
use starting::next;

/// A build may take 20 min and a person 10 min; a stage bounds its own steps and says which one expired.
const START: Duration = Duration::from_mins(35);
/// Backend ≤ 5 s, emulators ≤ 1 s, and room for a busy machine.
const STOP: Duration = Duration::from_secs(8);

/// A running stage.
#[derive(Debug)]
pub struct StageProcess {
    description: StageDescription,
    stage_file: PathBuf,
    ready_ms: u64,
    build_ms: u64,
    state: watch::Receiver<StageState>,
    child: Child,
    lifeline: Option<ChildStdin>,
    reader: JoinSet<()>,
}

/// What has happened to a stage since it was ready. Nothing is ever taken back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StageState {
    /// The backend ended by itself.
    pub backend_exited: Option<BackendExit>,
    /// The backend was killed and answers again, each time.
    pub restarts: Vec<BackendRestart>,
    /// The stage process ended without being asked to.
    pub lost: Option<StageLost>,
    /// It said that it has stopped everything.
    pub stopped: bool,
}

/// The stage process is gone and did not say why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StageLost {
    /// The last thing that was read from it.
    pub last_line: String,
}

/// There is no stage.
#[derive(Debug, Error)]
pub enum StageStartError {
    /// The process cannot be started.
    #[error("cannot start the stage process {harness}")]
    Spawn {
        /// The executable.
        harness: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The request cannot be written.
    #[error("cannot hand the request to the stage process")]
    Request {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another version of the protocol.
    #[error("the stage process speaks protocol {theirs}, this harness {PROTOCOL}")]
    Protocol {
        /// Its number.
        theirs: u32,
    },
    /// The stage says why, and what to do.
    #[error("{error}")]
    Failed {
        /// The sentence.
        error: String,
        /// What to do about it.
        hint: Option<String>,
        /// Last lines of the backend's log, oldest first.
        log_tail: Vec<String>,
        /// Whose fault it is.
        refusal: Refusal,
    },
    /// It ended without a word.
    #[error(
        "the stage process ended before the stage was ready ({status}); last heard: {last_line}"
    )]
    Lost {
        /// How it ended.
        status: String,
        /// The last thing that was read from it.
        last_line: String,
    },
    /// The caller does not want it any more; everything is stopped.
    #[error("the start of the stage was cancelled")]
    Cancelled,
    /// It said nothing in time.
    #[error("the stage was not ready within {within:?}; last heard: {last_line}")]
    TooLong {
        /// The bound.
        within: Duration,
        /// The last thing that was read from it.
        last_line: String,
    },
}

/// The stage did not stop in order. It is gone nevertheless.
#[derive(Debug, Error)]
pub enum StageStopError {
    /// Killed at the bound; its guards end what it had started.
    #[error("the stage process did not stop within {STOP:?} and was killed")]
    Killed,
    /// It cannot be waited for.
    #[error("cannot wait for the stage process")]
    Wait {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl StageProcess {
    /// Starts a stage and waits until it is ready. Dropping the future ends all of it, within 4 s, unobserved.
    pub async fn start(request: StageRequest, harness: &Path) -> Result<Self, StageStartError> {
        Self::start_until(request, harness, std::future::pending(), |_| ()).await
    }

    /// As [`start`](Self::start), and tells `note` what a person should know meanwhile. When `cancel` completes first,
    /// everything is stopped before this returns [`StageStartError::Cancelled`].
    pub async fn start_until(
        request: StageRequest,
        harness: &Path,
        cancel: impl Future<Output = ()>,
        mut note: impl FnMut(&str),
    ) -> Result<Self, StageStartError> {
        let mut starting = Starting::spawn(&request, harness)?;
        let ready = tokio::select! {
            ready = timeout(START, starting.greet(&request, &mut note)) => Some(ready),
            () = cancel => None,
        };
        match ready {
            Some(Ok(ready)) => Ok(Self::running(starting, ready?)),
            Some(Err(_)) => Err(StageStartError::TooLong {
                within: START,
                last_line: std::mem::take(&mut starting.last_line),
            }),
            None => {
                starting.give_up().await;
                Err(StageStartError::Cancelled)
            }
        }
    }

    fn running(starting: Starting, ready: Readiness) -> Self {
        let (told, state) = watch::channel(StageState::default());
        let mut reader = JoinSet::new();
        reader.spawn(listen(starting.lines, told));
        Self {
            description: ready.description,
            stage_file: ready.stage_file,
            ready_ms: ready.ready_ms,
            build_ms: ready.build_ms,
            state,
            child: starting.child,
            lifeline: starting.lifeline,
            reader,
        }
    }

    /// What suites are told.
    pub fn description(&self) -> &StageDescription {
        &self.description
    }

    /// The `stage.json` that it wrote.
    pub fn stage_file(&self) -> &Path {
        &self.stage_file
    }

    /// From the existence of the backend's binary to readiness, in milliseconds, as the stage measured it from its
    /// own start on.
    pub fn ready_ms(&self) -> u64 {
        self.ready_ms
    }

    /// What cargo took before, in milliseconds.
    pub fn build_ms(&self) -> u64 {
        self.build_ms
    }

    /// What happens to the stage. A receiver sees everything that has happened, whenever it is taken.
    pub fn events(&self) -> watch::Receiver<StageState> {
        self.state.clone()
    }

    /// Stops all of it: at most 8 s, then it is killed and its guards end the rest.
    pub async fn stop(mut self) -> Result<(), StageStopError> {
        drop(self.lifeline.take());
        let ended = timeout(STOP, self.child.wait()).await;
        self.reader.abort_all();
        match ended {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(source)) => Err(StageStopError::Wait { source }),
            Err(_) => {
                drop(self.child.start_kill());
                Err(StageStopError::Killed)
            }
        }
    }
}

/// Reads until the stage ends. The end without `stopped` is the loss of the stage.
async fn listen(mut lines: Lines<BufReader<ChildStdout>>, told: watch::Sender<StageState>) {
    let mut last_line = "ready".to_owned();
    while let Some(line) = next(&mut lines, &mut last_line).await {
        match line {
            StageLine::BackendExited(exit) => {
                told.send_modify(|state| state.backend_exited = Some(exit));
            }
            StageLine::BackendRestarted(restart) => {
                told.send_modify(|state| state.restarts.push(restart));
            }
            StageLine::Stopped => told.send_modify(|state| state.stopped = true),
            StageLine::Hello { .. }
            | StageLine::Note { .. }
            | StageLine::Ready { .. }
            | StageLine::Failed { .. } => {}
        }
    }
    told.send_if_modified(|state| {
        if state.stopped {
            return false;
        }
        state.lost = Some(StageLost { last_line });
        true
    });
}

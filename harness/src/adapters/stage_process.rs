//! A stage in a process of its own: the runner starts it, reads what happens to it, and stops it. The stage ends when
//! this side is dropped or dies: its stdin is its lifeline. What the stage does inside is not known here.

mod protocol;
mod request;

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use verdict::domain::stage::StageDescription;

pub use protocol::BackendExit;
pub use protocol::PROTOCOL;
pub use protocol::Refusal;
pub use protocol::StageLine;
pub use request::BackendChoice;
pub use request::StageRequest;
pub use request::WantedUser;

/// A build may take 20 min and a person 10 min; a stage bounds its own steps and says which one expired.
const START: Duration = Duration::from_mins(35);
/// The first line comes before anything is done.
const HELLO: Duration = Duration::from_secs(10);
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
    #[error("the stage process ended before the stage was ready ({status}); last heard: {last_line}")]
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
            Some(Ok(ready)) => Ok(starting.into_running(ready?)),
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

/// What a stage says of itself when it is ready.
#[derive(Debug)]
struct Readiness {
    stage_file: PathBuf,
    description: StageDescription,
    ready_ms: u64,
    build_ms: u64,
}

/// A stage process that is not ready yet.
#[derive(Debug)]
struct Starting {
    child: Child,
    lifeline: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    last_line: String,
}

impl Starting {
    fn spawn(request: &StageRequest, harness: &Path) -> Result<Self, StageStartError> {
        let spawn_error =
            |source| StageStartError::Spawn { harness: harness.to_path_buf(), source };
        let mut command = Command::new(harness);
        command
            .arg("__stage")
            // Says in a process list whose it is; every process of the stage carries it.
            .env("HARNESS_STAGE", &request.run_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(spawn_error)?;
        let lifeline = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| spawn_error(io::Error::other("its stdout is not a pipe")))?;
        let lines = BufReader::new(stdout).lines();
        Ok(Self { child, lifeline, lines, last_line: "nothing".to_owned() })
    }

    async fn greet(
        &mut self,
        request: &StageRequest,
        note: &mut impl FnMut(&str),
    ) -> Result<Readiness, StageStartError> {
        self.hand_over(request).await?;
        self.hello().await?;
        self.ready(note).await
    }

    /// Closes the lifeline and waits for the end.
    async fn give_up(&mut self) {
        drop(self.lifeline.take());
        drop(timeout(STOP, self.child.wait()).await);
    }

    async fn hand_over(&mut self, request: &StageRequest) -> Result<(), StageStartError> {
        let request_error = |source| StageStartError::Request { source };
        let mut line =
            serde_json::to_vec(request).map_err(|error| request_error(io::Error::other(error)))?;
        line.push(b'\n');
        let lifeline = self
            .lifeline
            .as_mut()
            .ok_or_else(|| request_error(io::Error::other("its stdin is not a pipe")))?;
        match timeout(HELLO, lifeline.write_all(&line)).await {
            Ok(written) => written.map_err(request_error),
            Err(elapsed) => Err(request_error(io::Error::new(io::ErrorKind::TimedOut, elapsed))),
        }
    }

    async fn hello(&mut self) -> Result<(), StageStartError> {
        match timeout(HELLO, self.next()).await {
            Ok(Some(StageLine::Hello { protocol: PROTOCOL, .. })) => Ok(()),
            Ok(Some(StageLine::Hello { protocol, .. })) => {
                Err(StageStartError::Protocol { theirs: protocol })
            }
            Ok(Some(line)) => self.unready(line).await,
            Ok(None) => Err(self.lost().await),
            Err(_) => Err(StageStartError::TooLong {
                within: HELLO,
                last_line: std::mem::take(&mut self.last_line),
            }),
        }
    }

    async fn ready(
        &mut self,
        note: &mut impl FnMut(&str),
    ) -> Result<Readiness, StageStartError> {
        loop {
            match self.next().await {
                Some(StageLine::Note { text }) => note(&text),
                Some(StageLine::Ready { stage_file, description, ready_ms, build_ms }) => {
                    let description = *description;
                    return Ok(Readiness { stage_file, description, ready_ms, build_ms });
                }
                Some(line) => self.unready(line).await?,
                None => return Err(self.lost().await),
            }
        }
    }

    /// A line that is neither a greeting nor readiness.
    async fn unready(&mut self, line: StageLine) -> Result<(), StageStartError> {
        match line {
            StageLine::Failed { error, hint, log_tail, refusal } => {
                self.give_up().await;
                Err(StageStartError::Failed { error, hint, log_tail, refusal })
            }
            StageLine::Hello { .. }
            | StageLine::Note { .. }
            | StageLine::Ready { .. }
            | StageLine::BackendExited(_)
            | StageLine::Stopped => Ok(()),
        }
    }

    async fn next(&mut self) -> Option<StageLine> {
        next(&mut self.lines, &mut self.last_line).await
    }

    async fn lost(&mut self) -> StageStartError {
        let status = match timeout(STOP, self.child.wait()).await {
            Ok(Ok(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "unknown exit status".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => "still running, stdout closed".to_owned(),
        };
        StageStartError::Lost { status, last_line: std::mem::take(&mut self.last_line) }
    }

    fn into_running(self, ready: Readiness) -> StageProcess {
        let (told, state) = watch::channel(StageState::default());
        let mut reader = JoinSet::new();
        reader.spawn(listen(self.lines, told));
        StageProcess {
            description: ready.description,
            stage_file: ready.stage_file,
            ready_ms: ready.ready_ms,
            build_ms: ready.build_ms,
            state,
            child: self.child,
            lifeline: self.lifeline,
            reader,
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

/// The next line that is one of the protocol; another is only remembered. None at the end.
async fn next(
    lines: &mut Lines<BufReader<ChildStdout>>,
    last_line: &mut String,
) -> Option<StageLine> {
    while let Ok(Some(line)) = lines.next_line().await {
        let parsed = serde_json::from_str(&line).ok();
        *last_line = line.chars().take(400).collect();
        if parsed.is_some() {
            return parsed;
        }
    }
    None
}

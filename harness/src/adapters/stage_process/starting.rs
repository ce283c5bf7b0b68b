//! A stage process from its start to its `ready` line: the request is handed over, the greeting and every way to fail
//! are read. What happens later is `StageProcess`'s.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::time::timeout;
use verdict::domain::stage::StageDescription;

use super::PROTOCOL;
use super::STOP;
use super::StageLine;
use super::StageRequest;
use super::StageStartError;

/// The first line comes before anything is done.
const HELLO: Duration = Duration::from_secs(10);

/// What a stage says of itself when it is ready.
#[derive(Debug)]
pub(super) struct Readiness {
    pub(super) stage_file: PathBuf,
    pub(super) description: StageDescription,
    pub(super) ready_ms: u64,
    pub(super) build_ms: u64,
}

/// A stage process that is not ready yet.
#[derive(Debug)]
pub(super) struct Starting {
    pub(super) child: Child,
    pub(super) lifeline: Option<ChildStdin>,
    pub(super) lines: Lines<BufReader<ChildStdout>>,
    pub(super) last_line: String,
}

impl Starting {
    pub(super) fn spawn(request: &StageRequest, harness: &Path) -> Result<Self, StageStartError> {
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

    pub(super) async fn greet(
        &mut self,
        request: &StageRequest,
        note: &mut impl FnMut(&str),
    ) -> Result<Readiness, StageStartError> {
        self.hand_over(request).await?;
        self.hello().await?;
        self.ready(note).await
    }

    /// Closes the lifeline and waits for the end.
    pub(super) async fn give_up(&mut self) {
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

    async fn ready(&mut self, note: &mut impl FnMut(&str)) -> Result<Readiness, StageStartError> {
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
            | StageLine::BackendRestarted(_)
            | StageLine::Stopped => Ok(()),
        }
    }

    async fn next(&mut self) -> Option<StageLine> {
        next(&mut self.lines, &mut self.last_line).await
    }

    pub(super) async fn lost(&mut self) -> StageStartError {
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
}

/// The next line that is one of the protocol; another is only remembered. None at the end.
pub(super) async fn next(
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

//! A worker, from the runner's side: a hidden subcommand in its own process group. The plan goes in as one line, lines
//! of evidence come out, and closing its stdin tells it to stop.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::time::timeout;
use verdict::domain::evidence::Evidence;

/// A worker that was told to stop drains and says `done` within this.
const STOP: Duration = Duration::from_secs(8);
/// The plan is a few hundred kilobytes over a pipe.
const PLAN: Duration = Duration::from_secs(10);

/// A worker could not be started.
#[derive(Debug, Error)]
pub enum WorkerStartError {
    /// Its log cannot be made.
    #[error("cannot make {path}")]
    Log {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be run.
    #[error("cannot start the worker {exe}")]
    Spawn {
        /// The executable.
        exe: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It does not take its plan.
    #[error("cannot hand the worker its plan")]
    Plan {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What a worker said.
#[derive(Debug)]
pub enum WorkerLine<E = Evidence> {
    /// A line of evidence.
    Evidence(E),
    /// A line that a library printed for people: no evidence, and no harm (goose says how many users it launched).
    Chatter,
    /// A line that should be evidence and is none.
    Rubbish(String),
    /// Nothing more will come; how the process ended.
    Ended(String),
}

/// A worker that runs.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    pid: u32,
}

impl WorkerProcess {
    /// Starts `exe subcommand`, hands it `plan` (one line of JSON), and lets it log to `log`.
    pub async fn start(
        exe: &Path,
        subcommand: &str,
        plan: &[u8],
        log: &Path,
    ) -> Result<Self, WorkerStartError> {
        let stderr = std::fs::File::create(log)
            .map_err(|source| WorkerStartError::Log { path: log.to_path_buf(), source })?;
        let mut child = Command::new(exe)
            .arg(subcommand)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| WorkerStartError::Spawn { exe: exe.to_path_buf(), source })?;
        let no_pipe = || WorkerStartError::Plan { source: io::ErrorKind::BrokenPipe.into() };
        let mut stdin = child.stdin.take().ok_or_else(no_pipe)?;
        let stdout = child.stdout.take().ok_or_else(no_pipe)?;
        let hand_over = async {
            stdin.write_all(plan).await?;
            stdin.write_all(b"\n").await?;
            stdin.flush().await
        };
        let late = |_elapsed| WorkerStartError::Plan { source: io::ErrorKind::TimedOut.into() };
        timeout(PLAN, hand_over)
            .await
            .map_err(late)?
            .map_err(|source| WorkerStartError::Plan { source })?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, stdin: Some(stdin), lines: BufReader::new(stdout).lines(), pid })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Tells it to stop; it goes on to say what it has seen.
    pub fn stop(&mut self) {
        drop(self.stdin.take());
    }

    /// The next thing it says. Safe to be cancelled.
    pub async fn next<E: DeserializeOwned>(&mut self) -> WorkerLine<E> {
        match self.lines.next_line().await {
            Ok(Some(line)) if !line.starts_with('{') => WorkerLine::Chatter,
            Ok(Some(line)) => match serde_json::from_str(&line) {
                Ok(evidence) => WorkerLine::Evidence(evidence),
                Err(_not_evidence) => WorkerLine::Rubbish(line),
            },
            Ok(None) => WorkerLine::Ended(self.reap().await),
            Err(error) => WorkerLine::Ended(format!("its output cannot be read: {error}")),
        }
    }

    /// Kills it if it is still there.
    pub async fn end(mut self) {
        self.stop();
        drop(self.child.start_kill());
        drop(timeout(STOP, self.child.wait()).await);
    }

    async fn reap(&mut self) -> String {
        match timeout(STOP, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => format!("it cannot be waited for: {error}"),
            Err(_elapsed) => {
                drop(self.child.start_kill());
                format!("it closed its output and did not end within {STOP:?}")
            }
        }
    }
}

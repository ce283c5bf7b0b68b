//! A real LocalStack and AWS's DynamoDB Local as plain processes. Both listen on every address they find, so they run in a
//! network namespace of their own, in which there is a loopback and nothing else; a socket file leads in.

pub mod inside;
mod install;
mod tunnel;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use thiserror::Error;

use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::ProgramExit;
use crate::adapters::guard::last_lines;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
pub use install::InstallError;
use tunnel::Tunnel;

/// LocalStack takes 3 to 5 s on an idle machine.
const READY: Duration = Duration::from_secs(90);
/// What says that it is ready.
const HEALTH: &str = "/_localstack/health";

/// The names of the sockets in their folder.
const LOCALSTACK: &str = "localstack.sock";
const DYNAMODB: &str = "dynamodb.sock";

/// It does not stand.
#[derive(Debug, Error)]
pub enum LocalStackError {
    /// It is not there and cannot be had.
    #[error("cannot install LocalStack")]
    Install(#[source] InstallError),
    /// No folder for its sockets.
    #[error("cannot make a folder for the sockets")]
    Folder(#[source] std::io::Error),
    /// No process.
    #[error("cannot start it in a network namespace of its own")]
    Start(#[source] GuardStartError),
    /// It ended.
    #[error("it ended before it was ready ({exit}); it said: {said}")]
    Ended {
        /// How.
        exit: ProgramExit,
        /// The end of its log.
        said: String,
    },
    /// It took too long.
    #[error("it was not ready within {READY:?}; last seen: {last_seen}; its log: {log}")]
    NotReady {
        /// The last answer.
        last_seen: String,
        /// Where it logs.
        log: PathBuf,
    },
    /// No way in.
    #[error("cannot lead a port of this machine to it")]
    Tunnel(#[source] std::io::Error),
}

/// Both, running.
#[derive(Debug)]
pub struct LocalStackHost {
    process: Guarded,
    localstack: Tunnel,
    dynamodb: Tunnel,
    _sockets: TempDir,
}

impl LocalStackHost {
    /// Installs what is missing below `root`, and starts both; logs go into `run_dir`.
    pub async fn start(
        harness: &Path,
        (root, run_dir): (&Path, &Path),
        note: &mut impl FnMut(String),
    ) -> Result<Self, LocalStackError> {
        let installed = install::installed(harness, (root, run_dir), note)
            .await
            .map_err(LocalStackError::Install)?;
        let sockets = tempfile::Builder::new()
            .prefix("manuel-ls-")
            .tempdir()
            .map_err(LocalStackError::Folder)?;
        note(
            "starting LocalStack and DynamoDB Local in a network namespace of their own".to_owned(),
        );
        let log = run_dir.join("localstack.log");
        let word = |text: &str| OsString::from(text);
        let mut process = Guarded::start(GuardedCommand {
            harness: harness.to_path_buf(),
            program: PathBuf::from("unshare"),
            args: vec![
                word("--map-root-user"),
                word("--net"),
                word("--"),
                word("sh"),
                word("-c"),
                word("ip link set lo up && exec \"$@\""),
                word("sh"),
                harness.into(),
                word("__localstack"),
                word("--installed"),
                installed.into(),
                word("--sockets"),
                sockets.path().into(),
                word("--run-dir"),
                run_dir.into(),
            ],
            env: install::environment(),
            cwd: run_dir.to_path_buf(),
            log: log.clone(),
            show_stderr: false,
        })
        .await
        .map_err(LocalStackError::Start)?;
        let mut localstack =
            Tunnel::to(sockets.path().join(LOCALSTACK)).await.map_err(LocalStackError::Tunnel)?;
        let mut dynamodb =
            Tunnel::to(sockets.path().join(DYNAMODB)).await.map_err(LocalStackError::Tunnel)?;
        let url = format!("http://{}{HEALTH}", localstack.address());
        let table = format!("http://{}/", dynamodb.address());
        let ready = poll::until(Pace::patient(READY), "nothing".to_owned(), async || {
            // DynamoDB Local answers a GET with 400, which is an answer.
            match (tunnel::status(&url).await, tunnel::status(&table).await) {
                (Ok(200), Ok(_)) => ControlFlow::Break(()),
                (left, right) => {
                    ControlFlow::Continue(format!("LocalStack {left:?}, DynamoDB {right:?}"))
                }
            }
        });
        let ready = tokio::select! {
            exit = process.exited() => {
                let said = last_lines(&log, 5).join(" | ");
                return Err(LocalStackError::Ended { exit, said });
            }
            ready = ready => ready,
        };
        if let Err(expired) = ready {
            process.stop().await;
            localstack.stop().await;
            dynamodb.stop().await;
            let last_seen = expired.last_seen;
            return Err(LocalStackError::NotReady { last_seen, log });
        }
        Ok(Self { process, localstack, dynamodb, _sockets: sockets })
    }

    /// Where LocalStack answers.
    pub fn localstack(&self) -> SocketAddr {
        self.localstack.address()
    }

    /// Where DynamoDB Local answers.
    pub fn dynamodb(&self) -> SocketAddr {
        self.dynamodb.address()
    }

    /// Ends both; at most 6 s.
    pub async fn stop(mut self) {
        self.localstack.stop().await;
        self.dynamodb.stop().await;
        self.process.stop().await;
    }
}

//! The pipe that ties a process to its parent: when it ends, the parent is gone, however it went. Every hidden
//! subcommand holds one, and a command in the foreground one that also lives without a parent. Nothing else may read
//! stdin.

use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::BufReader;
use tokio::net::unix::pipe;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::timeout;

/// The first line is at most this long: a request is a few kilobytes.
const LINE_LIMIT: u64 = 4 << 20;

/// Standard input, and the signals that mean the same as its end.
#[derive(Debug)]
pub struct Lifeline {
    pipe: Option<BufReader<pipe::Receiver>>,
    stops: Stops,
}

/// SIGTERM, SIGINT and SIGHUP.
#[derive(Debug)]
struct Stops {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Why a process is asked to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The parent closed the pipe, or is gone.
    Pipe,
    /// A signal.
    Signal,
}

/// The lifeline cannot be held, or did not bring what it must.
#[derive(Debug, Error)]
pub enum LifelineError {
    /// Standard input is a terminal, a file or closed.
    #[error("standard input is not a pipe: this subcommand is started by `harness` itself")]
    NotAPipe {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be listened for.
    #[error("cannot listen for signals")]
    Signals {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The first line cannot be read.
    #[error("cannot read the request from standard input")]
    Read {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No full line came.
    #[error("no complete request line came on standard input within {within:?}")]
    NoLine {
        /// How long was waited.
        within: Duration,
    },
}

impl Lifeline {
    /// Takes hold of standard input, which must be a pipe. It is read without a thread, so that a process can end
    /// while its parent still holds the other end.
    pub fn hold() -> Result<Self, LifelineError> {
        let pipe = stdin_pipe().map_err(|source| LifelineError::NotAPipe { source })?;
        Ok(Self { pipe: Some(BufReader::new(pipe)), stops: Stops::listen()? })
    }

    /// For a command in the foreground: signals, and the end of standard input where that is a pipe. A terminal is not
    /// read (in the background that would stop the process), and `/dev/null` has no end that means anything.
    pub fn foreground() -> Result<Self, LifelineError> {
        Ok(Self { pipe: stdin_pipe().ok().map(BufReader::new), stops: Stops::listen()? })
    }

    /// The first line, without its end; `within` bounds the wait.
    pub async fn line(&mut self, within: Duration) -> Result<String, LifelineError> {
        let mut line = String::new();
        let Some(pipe) = &mut self.pipe else { return Err(LifelineError::NoLine { within }) };
        let mut limited = pipe.take(LINE_LIMIT);
        match timeout(within, limited.read_line(&mut line)).await {
            Ok(Ok(_)) if line.ends_with('\n') => Ok(line.trim_end().to_owned()),
            Ok(Ok(_)) | Err(_) => Err(LifelineError::NoLine { within }),
            Ok(Err(source)) => Err(LifelineError::Read { source }),
        }
    }

    /// Waits until the parent is gone or asks this process to end. Bounded by the life of the parent.
    pub async fn ended(&mut self) -> Ended {
        tokio::select! {
            () = drained(self.pipe.as_mut()) => Ended::Pipe,
            _ = self.stops.terminate.recv() => Ended::Signal,
            _ = self.stops.interrupt.recv() => Ended::Signal,
            _ = self.stops.hang_up.recv() => Ended::Signal,
        }
    }
}

impl Stops {
    fn listen() -> Result<Self, LifelineError> {
        let listen = |kind| signal(kind).map_err(|source| LifelineError::Signals { source });
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

fn stdin_pipe() -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)
}

/// Reads and drops until the end; a read that fails is an end too. Without a pipe there is none.
async fn drained(pipe: Option<&mut BufReader<pipe::Receiver>>) {
    let Some(pipe) = pipe else { return std::future::pending().await };
    let mut scratch = [0_u8; 256];
    while let Ok(1..) = pipe.read(&mut scratch).await {}
}

//! The pipe that ties a process to its parent: when it ends, the parent is gone, however it went. Every hidden
//! subcommand holds one, and a command in the foreground one that also lives without a parent. Nothing else may read
//! stdin.

use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncBufRead;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::BufReader;
use tokio::net::unix::pipe;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::timeout;

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
    /// The first line does not end where it must.
    #[error("the request line on standard input is longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: u64,
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

    /// The first line, without its end; `within` bounds the wait, `limit` its bytes with the end.
    pub async fn line(&mut self, within: Duration, limit: u64) -> Result<String, LifelineError> {
        let Some(pipe) = &mut self.pipe else { return Err(LifelineError::NoLine { within }) };
        timeout(within, first_line(pipe, limit))
            .await
            .unwrap_or(Err(LifelineError::NoLine { within }))?
            .ok_or(LifelineError::NoLine { within })
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

/// The first line of `from`; none if `from` ends within it.
async fn first_line<R: AsyncBufRead + Unpin>(
    from: &mut R,
    limit: u64,
) -> Result<Option<String>, LifelineError> {
    let mut line = String::new();
    let mut limited = from.take(limit);
    let read = limited.read_line(&mut line).await;
    read.map_err(|source| LifelineError::Read { source })?;
    if line.ends_with('\n') {
        line.truncate(line.trim_end().len());
        Ok(Some(line))
    } else if limited.limit() == 0 {
        Err(LifelineError::TooLong { limit })
    } else {
        Ok(None)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_read_up_to_its_limit_and_no_further() {
        let text = "twelve bytes\nmore";
        for (limit, fits) in [(100, true), (13, true), (12, false), (1, false)] {
            let read = first_line(&mut text.as_bytes(), limit).await;
            match read {
                Ok(line) => assert_eq!((line.as_deref(), fits), (Some("twelve bytes"), true)),
                Err(error) => {
                    assert!(!fits, "{limit}: {error}");
                    assert!(error.to_string().contains(&format!("longer than {limit} bytes")));
                }
            }
        }
        assert_eq!(first_line(&mut "no end".as_bytes(), 100).await.unwrap(), None);
        assert_eq!(first_line(&mut "".as_bytes(), 100).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_plan_of_thousands_of_users_is_a_line() {
        let mut plan = "x".repeat(5 << 20);
        plan.push('\n');
        let small = first_line(&mut plan.as_bytes(), 4 << 20).await.unwrap_err();
        assert!(matches!(small, LifelineError::TooLong { limit: 4_194_304 }), "{small}");
        let read = first_line(&mut plan.as_bytes(), 256 << 20).await.unwrap().unwrap();
        assert_eq!(read.len(), 5 << 20);
    }
}

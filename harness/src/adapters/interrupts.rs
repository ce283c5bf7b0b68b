//! Ctrl-C and its kin, counted: the first stops the run in order, the second stops the waiting.

use std::io;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Signals of this process, from when it was made.
#[derive(Debug)]
pub struct Interrupts {
    first: CancellationToken,
    second: CancellationToken,
    /// Listens for as long as this lives.
    _listener: JoinSet<()>,
}

impl Interrupts {
    /// Listens for SIGINT, SIGTERM and SIGHUP.
    pub fn listen() -> io::Result<Self> {
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut listener = JoinSet::new();
        let (one, two) = (first.clone(), second.clone());
        listener.spawn(async move {
            for token in [one, two] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(Self { first, second, _listener: listener })
    }

    /// Once: stop in order.
    pub fn first(&self) -> &CancellationToken {
        &self.first
    }

    /// Twice: stop waiting.
    pub fn second(&self) -> &CancellationToken {
        &self.second
    }
}

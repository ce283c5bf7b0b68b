//! Asking dependencies whether they are there, where no other call of theirs would do.

use std::fmt;

use crate::ports::PortFuture;

/// Whether there was anything to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// It answered.
    There,
    /// The configuration names none.
    NotConfigured,
}

/// Cheap calls that read and change nothing.
pub trait Probes: Send + Sync + fmt::Debug {
    /// The secret of the signing key, not its value.
    fn secrets(&self) -> PortFuture<'_, Probed>;
    /// Speech to text.
    fn transcriber(&self) -> PortFuture<'_, Probed>;
    /// The dead-letter queue.
    fn queue(&self) -> PortFuture<'_, Probed>;
    /// The topic of alerts.
    fn alerts(&self) -> PortFuture<'_, Probed>;
}

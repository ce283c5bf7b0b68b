//! Where failures for good go.

use std::fmt;

use crate::domain::failure::Failure;
use crate::ports::PortFuture;

/// The dead-letter queue.
pub trait FailureQueue: Send + Sync + fmt::Debug {
    /// Puts a failure into the queue; without a queue nothing happens.
    fn send<'a>(&'a self, failure: &'a Failure) -> PortFuture<'a, ()>;
}

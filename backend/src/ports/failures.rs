//! Where failures for good go, and what the error processor needs.

use std::fmt;

use crate::domain::failure::{ErrorRecord, Failure};
use crate::ports::PortFuture;

/// The dead-letter queue, as what fails sees it.
pub trait FailureQueue: Send + Sync + fmt::Debug {
    /// Puts a failure into the queue; without a queue nothing happens.
    fn send<'a>(&'a self, failure: &'a Failure) -> PortFuture<'a, ()>;
}

/// A message of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The same however often it is delivered.
    pub message_id: String,
    /// This delivery.
    pub receipt: String,
    /// The text.
    pub body: String,
}

/// The dead-letter queue, as the server's own error processor sees it; Lambda delivers messages by itself.
pub trait FailureSource: Send + Sync + fmt::Debug {
    /// The next messages, at most ten; waits a moment for the first. Without a queue there are none.
    fn receive(&self) -> PortFuture<'_, Vec<Received>>;
    /// The message is done with.
    fn delete<'a>(&'a self, receipt: &'a str) -> PortFuture<'a, ()>;
}

/// Whether people must be told of an error now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Yes, by whoever got this answer: a claim that holds for a moment.
    Due(ErrorRecord),
    /// They were told within the window.
    Given,
    /// Somebody else has the claim and has not said yet that they were told.
    Claimed,
}

/// The errors table: one record per hash of failures.
pub trait ErrorStore: Send + Sync + fmt::Debug {
    /// Counts an occurrence, once per message however often it is delivered. Times in Unix seconds.
    fn count<'a>(
        &'a self,
        message_id: &'a str,
        failure: &'a Failure,
        now: i64,
    ) -> PortFuture<'a, ()>;
    /// Claims the telling of people, if it is due.
    fn claim_notice<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, Notice>;
    /// People were told; the claim is over.
    fn notice_given<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, ()>;
}

/// Notifications to people.
pub trait Alerts: Send + Sync + fmt::Debug {
    /// Tells them; without anybody to tell nothing happens.
    fn notify<'a>(&'a self, error: &'a ErrorRecord) -> PortFuture<'a, ()>;
}

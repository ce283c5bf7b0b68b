//! One direction of one connection: reading, the chain of toxics, writing.
//!
//! A toxic is a function of events with times: what comes in (bytes, the end) becomes what goes out and when. Nothing
//! waits inside a toxic, so changing the chain never waits for traffic, and the same events give the same times in
//! a test without a wire.
mod chain;
pub(crate) mod draw;
mod flow;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

pub(crate) use chain::{Links, Spec};
pub(crate) use flow::{End, flow};

/// Later than anybody waits.
pub(crate) const NEVER: Duration = Duration::from_hours(24 * 365);

/// What happens on one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Bytes.
    Data(Bytes),
    /// The sender is done.
    Fin,
    /// The whole connection closes in order.
    Close,
    /// The whole connection is reset.
    Reset,
}

/// Where a stage puts what goes out, and when.
pub(crate) type Output<'a> = dyn FnMut(Instant, Event) + 'a;

/// A toxic at work on one direction.
pub(crate) trait Stage: Send {
    /// An event comes at `at`; events come in order, and go out in order.
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>);

    /// When it wants to be woken though nothing came.
    fn wakes(&self) -> Option<Instant> {
        None
    }

    /// That time has come.
    fn wake(&mut self, _at: Instant, _out: &mut Output<'_>) {}

    /// Whether much may wait behind it; little does otherwise, so that the sender feels it.
    fn buffers(&self) -> bool {
        false
    }

    /// Whether the connection cannot go on without it.
    fn closes_when_removed(&self) -> bool {
        false
    }

    /// What it counted, for the stage that takes its place when its attributes change.
    fn passed(&self) -> u64 {
        0
    }

    /// Counts on from there.
    fn resume(&mut self, _passed: u64) {}
}

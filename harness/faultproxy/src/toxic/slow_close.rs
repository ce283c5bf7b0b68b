//! `slow_close`: the end of a stream is passed on later.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute};

/// Delay of a FIN.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlowClose {
    /// Milliseconds.
    pub delay: u64,
}

impl SlowClose {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self { delay: given.milliseconds("delay", self.delay)? })
    }

    pub(super) fn stage(self) -> Box<dyn Stage> {
        Box::new(Closing(Duration::from_millis(self.delay)))
    }
}

struct Closing(Duration);

impl Stage for Closing {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        let wait = if matches!(event, Event::Fin) { self.0 } else { Duration::ZERO };
        out(at + wait, event);
    }
}

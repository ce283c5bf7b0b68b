//! `timeout`: nothing comes through; the connection closes when nothing has come for so long.
//!
//! As in Toxiproxy the time starts again at each chunk, 0 is a black hole until the toxic is removed, and removing it
//! closes the connection: what was thrown away cannot be brought back.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute};

/// Silence, then the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeout {
    /// Milliseconds; 0 never closes.
    pub timeout: u64,
}

impl Timeout {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self { timeout: given.milliseconds("timeout", self.timeout)? })
    }

    pub(super) fn stage(self, now: Instant) -> Box<dyn Stage> {
        let after = (self.timeout > 0).then(|| Duration::from_millis(self.timeout));
        Box::new(Swallowing { after, closes: after.map(|after| now + after) })
    }
}

struct Swallowing {
    after: Option<Duration>,
    closes: Option<Instant>,
}

impl Stage for Swallowing {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        match event {
            Event::Data(_) => self.closes = self.after.map(|after| at + after),
            Event::Fin => out(at, Event::Close),
            Event::Close | Event::Reset => out(at, event),
        }
    }

    fn wakes(&self) -> Option<Instant> {
        self.closes
    }

    fn wake(&mut self, at: Instant, out: &mut Output<'_>) {
        self.closes = None;
        out(at, Event::Close);
    }

    fn closes_when_removed(&self) -> bool {
        true
    }
}

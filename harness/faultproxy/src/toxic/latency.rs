//! `latency`: each chunk waits, counted from when it came, so that chunks under way wait together.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::draw::Draws;
use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute};

/// Delay of each chunk: `latency` ± `jitter`, evenly drawn; never less than nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Milliseconds.
    pub latency: u64,
    /// Milliseconds.
    pub jitter: u64,
}

impl Latency {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self {
            latency: given.milliseconds("latency", self.latency)?,
            jitter: given.milliseconds("jitter", self.jitter)?,
        })
    }

    pub(super) fn stage(self, now: Instant, draws: Draws) -> Box<dyn Stage> {
        Box::new(Delaying { toxic: self, draws, last: now })
    }
}

struct Delaying {
    toxic: Latency,
    draws: Draws,
    /// When the chunk before leaves: bytes keep their order whatever the jitter.
    last: Instant,
}

impl Stage for Delaying {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        if !matches!(event, Event::Data(_)) {
            out(at.max(self.last), event);
            return;
        }
        let mut wait = Duration::from_millis(self.toxic.latency);
        if self.toxic.jitter > 0 {
            let jitter = Duration::from_millis(self.toxic.jitter);
            wait = (wait + jitter.mul_f64(2.0 * self.draws.unit())).saturating_sub(jitter);
        }
        self.last = self.last.max(at + wait);
        out(self.last, event);
    }

    /// As Toxiproxy's buffer for this toxic.
    fn buffers(&self) -> bool {
        true
    }
}

//! `reset_peer`: the connection is reset (RST) some time after the first chunk, or after the end of the stream.
//!
//! Here that holds for connections that are open when the toxic comes, and a toxicity of 0 resets nobody.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute};

/// A reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResetPeer {
    /// Milliseconds from the first chunk on; 0 is at once.
    pub timeout: u64,
}

impl ResetPeer {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self { timeout: given.milliseconds("timeout", self.timeout)? })
    }

    pub(super) fn stage(self) -> Box<dyn Stage> {
        Box::new(Resetting { after: Duration::from_millis(self.timeout), told: false })
    }
}

struct Resetting {
    after: Duration,
    told: bool,
}

impl Stage for Resetting {
    fn take(&mut self, at: Instant, _event: Event, out: &mut Output<'_>) {
        if !self.told {
            self.told = true;
            out(at + self.after, Event::Reset);
        }
    }
}

//! `bandwidth`: at most so many bytes a second, in slices of a tenth of a second.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::{Event, NEVER, Output, Stage};

use super::{Attributes, BadAttribute};

/// A tenth of a second, as in Toxiproxy.
const SLICE: Duration = Duration::from_millis(100);
/// A gigabyte of kilobytes a second: more than any wire.
const MOST: u64 = 1_000_000_000;

/// The rate of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// KB/s, a KB being 1000 bytes; 0 stalls for ever.
    pub rate: u64,
}

impl Bandwidth {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self { rate: given.number("rate", self.rate, MOST)? })
    }

    pub(super) fn stage(self, now: Instant) -> Box<dyn Stage> {
        Box::new(Metering { rate: self.rate, free: now })
    }
}

struct Metering {
    rate: u64,
    /// When the wire is free again.
    free: Instant,
}

impl Stage for Metering {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        let Event::Data(mut data) = event else {
            out(at.max(self.free), event);
            return;
        };
        if self.rate == 0 {
            self.free = at + NEVER;
            out(self.free, Event::Data(data));
            return;
        }
        let slice = usize::try_from(self.rate.saturating_mul(100)).unwrap_or(usize::MAX);
        while !data.is_empty() {
            let piece = data.split_to(data.len().min(slice));
            let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000) / self.rate);
            self.free = self.free.max(at) + takes.min(SLICE);
            out(self.free, Event::Data(piece));
        }
    }
}

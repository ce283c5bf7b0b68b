//! `slicer`: each chunk is cut into pieces, with a pause after each.
use std::time::Duration;

use tokio::time::Instant;

use crate::link::draw::Draws;
use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute, LONGEST_MS, bad};

/// As large as anything that is read at once gets.
const MOST: u64 = 1 << 30;

/// Pieces of `average_size` ± `size_variation` bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slicer {
    /// Bytes, from 1.
    pub average_size: u64,
    /// Bytes, less than the average.
    pub size_variation: u64,
    /// Microseconds between pieces.
    pub delay: u64,
}

impl Slicer {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        let average_size = given.number("average_size", self.average_size, MOST)?;
        let size_variation = given.number("size_variation", self.size_variation, MOST)?;
        if average_size == 0 {
            return Err(bad("average_size", "is 0; expected a number of bytes from 1"));
        }
        if size_variation >= average_size {
            let reason =
                format!("is {size_variation}; expected less than average_size, {average_size}");
            return Err(bad("size_variation", reason));
        }
        let delay = given.number("delay", self.delay, LONGEST_MS * 1000)?;
        Ok(Self { average_size, size_variation, delay })
    }

    pub(super) fn stage(self, now: Instant, draws: Draws) -> Box<dyn Stage> {
        Box::new(Slicing { toxic: self, draws, last: now })
    }
}

struct Slicing {
    toxic: Slicer,
    draws: Draws,
    /// When the piece before leaves.
    last: Instant,
}

impl Stage for Slicing {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        let Event::Data(mut data) = event else {
            out(at.max(self.last), event);
            return;
        };
        let pause = Duration::from_micros(self.toxic.delay);
        let mut leaves = at.max(self.last);
        while !data.is_empty() {
            let spread = self.toxic.size_variation * 2 + 1;
            let least = self.toxic.average_size - self.toxic.size_variation;
            let size = usize::try_from(least + self.draws.below(spread)).unwrap_or(usize::MAX);
            let piece = data.split_to(data.len().min(size));
            out(leaves, Event::Data(piece));
            leaves += pause;
        }
        self.last = leaves;
    }
}

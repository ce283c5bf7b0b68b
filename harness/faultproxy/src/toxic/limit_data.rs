//! `limit_data`: so many bytes come through, then the connection closes.
use bytes::Bytes;
use tokio::time::Instant;

use crate::link::{Event, Output, Stage};

use super::{Attributes, BadAttribute};

/// As many bytes as anybody counts.
const MOST: u64 = 1 << 60;

/// The bytes of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitData {
    /// Bytes.
    pub bytes: u64,
}

impl LimitData {
    pub(super) fn with(self, given: &Attributes<'_>) -> Result<Self, BadAttribute> {
        Ok(Self { bytes: given.number("bytes", self.bytes, MOST)? })
    }

    pub(super) fn stage(self) -> Box<dyn Stage> {
        Box::new(Counting { bytes: self.bytes, passed: 0 })
    }
}

struct Counting {
    bytes: u64,
    passed: u64,
}

impl Stage for Counting {
    fn take(&mut self, at: Instant, event: Event, out: &mut Output<'_>) {
        let Event::Data(mut data) = event else {
            out(at, event);
            return;
        };
        let left = usize::try_from(self.bytes.saturating_sub(self.passed)).unwrap_or(usize::MAX);
        data.truncate(left);
        self.passed += length(&data);
        if !data.is_empty() {
            out(at, Event::Data(data));
        }
        if self.passed >= self.bytes {
            out(at, Event::Close);
        }
    }

    /// What has passed counts on when the limit is changed.
    fn passed(&self) -> u64 {
        self.passed
    }

    fn resume(&mut self, passed: u64) {
        self.passed = passed;
    }
}

fn length(data: &Bytes) -> u64 {
    u64::try_from(data.len()).unwrap_or(u64::MAX)
}

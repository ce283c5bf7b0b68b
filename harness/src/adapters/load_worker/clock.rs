//! The worker's clock: microseconds from the start of the load. The one place where a load reads the time.

use std::time::Duration;

use manuel_client::Monotonic;
use tokio::time::Instant;

/// A clock that starts at the first scheduled moment of the load.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadClock {
    start: Instant,
}

impl LoadClock {
    /// A clock whose zero lies `lead` ahead.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(super) fn starting_in(lead: Duration) -> Self {
        Self { start: Instant::from_std(std::time::Instant::now()) + lead }
    }

    /// Microseconds from the start; 0 before it.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When `us` from the start will be.
    pub(super) fn at(&self, us: u64) -> Instant {
        self.start + Duration::from_micros(us)
    }

    /// When the load begins, µs of the Unix epoch.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(super) fn begins_unix_us(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
        let ahead = self.start.saturating_duration_since(Instant::now());
        let ahead = u64::try_from(ahead.as_micros()).unwrap_or(0);
        (now + ahead).saturating_sub(self.now_us())
    }

    /// Seconds since the Unix epoch, for signatures.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(super) fn unix_s() -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}

impl Monotonic for LoadClock {
    fn now_us(&self) -> u64 {
        Self::now_us(self)
    }
}

//! The runner's clocks: wall time for names and dates, a monotonic one for everything that is measured.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

/// A monotonic clock from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self { start: Instant::from_std(std::time::Instant::now()) }
    }

    /// Microseconds since the start.
    pub fn us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The moment `after` from now.
    pub fn in_future(&self, after: Duration) -> Instant {
        self.start + self.start.elapsed() + after
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn now() -> OffsetDateTime {
    OffsetDateTime::from(std::time::SystemTime::now())
}

/// Now, RFC 3339, UTC, to the second.
pub fn rfc3339() -> String {
    now().replace_nanosecond(0).ok().and_then(|now| now.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Seconds since 1970, now.
pub fn unix_now_s() -> i64 {
    now().unix_timestamp()
}

/// Seconds since 1970 of an RFC 3339 time.
pub fn unix_s(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

/// `2026-11-23`, today, UTC.
pub fn today() -> String {
    let now = now();
    format!("{:04}-{:02}-{:02}", now.year(), u8::from(now.month()), now.day())
}

/// `20261122-201530`, for run ids.
pub fn compact() -> String {
    let now = now();
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second()
    )
}

//! Time for the injector: monotonic, from when it started; and the wall clock, for the ledger and `Date`.
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// A clock that starts at zero.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody takes")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start; never goes back.
    pub fn ticks(self) -> Duration {
        self.0.elapsed()
    }

    /// The wall clock, UTC.
    pub fn wall(self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// Waits `span`: an injected delay is the one wait that has no condition.
#[expect(clippy::disallowed_methods, reason = "the delay is the fault")]
pub(crate) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

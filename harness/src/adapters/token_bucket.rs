//! The token bucket of an API (API Gateway developer guide, "Throttle requests to your REST APIs").

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use verdict::domain::lambda::Throttle;

/// Parts of a token.
const PARTS: u64 = 1_000_000;

/// A bucket.
#[derive(Debug)]
pub(in crate::adapters) struct Bucket {
    throttle: Throttle,
    began: Instant,
    level: Mutex<Level>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    parts: u64,
    at: Duration,
}

impl Bucket {
    /// A full one.
    pub(in crate::adapters) fn new(throttle: Throttle) -> Self {
        let level = Level { parts: u64::from(throttle.burst) * PARTS, at: Duration::ZERO };
        Self { throttle, began: Instant::now(), level: Mutex::new(level) }
    }

    /// Takes a token, if there is one.
    pub(in crate::adapters) fn take(&self) -> bool {
        let now = self.began.elapsed();
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        taken(self.throttle, &mut level, now)
    }
}

fn taken(throttle: Throttle, level: &mut Level, now: Duration) -> bool {
    let since = now.saturating_sub(level.at);
    let us = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    let back = us.saturating_mul(u64::from(throttle.rate_per_s));
    level.parts = level.parts.saturating_add(back).min(u64::from(throttle.burst) * PARTS);
    level.at = level.at.max(now);
    if level.parts < PARTS {
        return false;
    }
    level.parts -= PARTS;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let throttle = Throttle { rate_per_s: 10, burst: 3 };
        let mut level = Level { parts: 3 * PARTS, at: Duration::ZERO };
        let mut take = |ms| taken(throttle, &mut level, Duration::from_millis(ms));
        assert_eq!([take(0), take(0), take(0), take(0)], [true, true, true, false]);
        assert_eq!([take(99), take(100), take(101), take(200)], [false, true, false, true]);
        // However long nobody came, no more than the burst.
        let passed = (0..10).filter(|_| take(60_000)).count();
        assert_eq!(passed, 3);
    }
}

//! What each emulator says of itself: requests, errors, requests under way, its own service time.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;

/// Counters of one service; cheap enough for every request.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: AtomicU64,
    errors: AtomicU64,
    faults: AtomicU64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    service_time_us_sum: AtomicU64,
    service_time_us_max: AtomicU64,
}

/// A request under way; dropping it (the caller hung up) counts it as an error.
#[derive(Debug)]
pub(crate) struct Timed {
    stats: Arc<Stats>,
    clock: Clock,
    began: Duration,
    /// Zero until the answer is known.
    status: u16,
}

impl Stats {
    /// Begins to time a request.
    pub(crate) fn begin(self: &Arc<Self>, clock: &Clock) -> Timed {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let depth = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_max.fetch_max(depth, Ordering::Relaxed);
        Timed { stats: Arc::clone(self), clock: clock.clone(), began: clock.ticks(), status: 0 }
    }

    /// The counters as JSON: counts and microseconds. Errors are answers of 400 and more, which a
    /// failed condition is too; faults those of 500 and more, and callers that hung up.
    pub(crate) fn report(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "requests": read(&self.requests),
            "errors": read(&self.errors),
            "faults": read(&self.faults),
            "in_flight": read(&self.in_flight),
            "in_flight_max": read(&self.in_flight_max),
            "service_time_us": {
                "sum": read(&self.service_time_us_sum),
                "max": read(&self.service_time_us_max),
            },
        })
    }
}

impl Timed {
    /// Ends the request with the answer's status.
    pub(crate) fn end(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let stats = &self.stats;
        let took = self.clock.ticks().saturating_sub(self.began);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        stats.service_time_us_sum.fetch_add(took, Ordering::Relaxed);
        stats.service_time_us_max.fetch_max(took, Ordering::Relaxed);
        stats.in_flight.fetch_sub(1, Ordering::Relaxed);
        let unanswered = self.status == 0;
        if unanswered || self.status >= 400 {
            stats.errors.fetch_add(1, Ordering::Relaxed);
        }
        if unanswered || self.status >= 500 {
            stats.faults.fetch_add(1, Ordering::Relaxed);
        }
    }
}

//! What each emulator says of itself: requests, errors, requests under way, its own service time, and which requests
//! lack what the backend promises to put on each. The members are documented in `admin`.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::clock::Clock;

/// Counters of one service's own, by their names in the report.
pub(crate) type Counters = BTreeMap<&'static str, Arc<AtomicU64>>;

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
    without_traceparent: AtomicU64,
    without_user: AtomicU64,
    own: Counters,
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
    /// With counters that the service keeps itself.
    pub(crate) fn with(own: Counters) -> Self {
        Self { own, ..Self::default() }
    }

    /// Notes what a call's headers lack. Pages beside a service are no calls.
    pub(crate) fn look_at(&self, headers: &HeaderMap) {
        for (name, counter) in
            [("traceparent", &self.without_traceparent), ("x-manuel-user", &self.without_user)]
        {
            if headers.get(name).is_none_or(http::HeaderValue::is_empty) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

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
        let mut report = json!({
            "requests": read(&self.requests),
            "errors": read(&self.errors),
            "faults": read(&self.faults),
            "in_flight": read(&self.in_flight),
            "in_flight_max": read(&self.in_flight_max),
            "service_time_us": {
                "sum": read(&self.service_time_us_sum),
                "max": read(&self.service_time_us_max),
            },
            "without_traceparent": read(&self.without_traceparent),
            "without_user": read(&self.without_user),
        });
        for (name, counter) in &self.own {
            report[*name] = read(counter).into();
        }
        report
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

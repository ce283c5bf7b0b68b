//! What belongs to one request and must reach every layer below without being passed by hand: its id, its trace, its
//! deadline, and the time it spent waiting for dependencies. Nothing here decides what is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::domain::trace::TraceParent;
use crate::domain::user::UserId;
use crate::metrics::{Figures, Ids};

tokio::task_local! {
    static CURRENT: Arc<RequestContext>;
}

/// The identity, trace, deadline and time account of one request (or of one run of a background task).
#[derive(Debug)]
pub struct RequestContext {
    /// Made here, one per request, never taken from the client.
    pub request_id: String,
    /// The client's trace continued with a span of ours, or a new trace.
    pub trace: TraceParent,
    /// When the answer must be on its way.
    pub deadline: Deadline,
    started: Instant,
    user_hash: OnceLock<String>,
    waiting: DependencyMeter,
    figures: Mutex<Figures>,
    calls: Mutex<BTreeMap<(String, String), u32>>,
}

impl RequestContext {
    /// Starts the account of a request that must be answered within `allowed`.
    pub fn new(trace: TraceParent, allowed: Duration) -> Self {
        Self {
            request_id: uuid::Uuid::new_v4().to_string(),
            trace,
            deadline: Deadline::after(allowed),
            started: clock::monotonic(),
            user_hash: OnceLock::new(),
            waiting: DependencyMeter::default(),
            figures: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// What was measured since the start, or since it was taken last.
    pub fn take_figures(&self) -> Figures {
        std::mem::take(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Names the user, once known, for the log and for `x-manuel-user`.
    pub fn identify(&self, user: &UserId) {
        self.user_hash.get_or_init(|| user.hash());
    }

    /// Counts a call of a service's operation; the how-manieth of this request it is, from 1.
    pub fn next_call(&self, service: &str, operation: &str) -> u32 {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry((service.to_owned(), operation.to_owned())).or_default();
        *count += 1;
        *count
    }

    /// The hash of the user, if one is known yet.
    pub fn user_hash(&self) -> Option<&str> {
        self.user_hash.get().map(String::as_str)
    }

    /// By which its lines are found.
    pub fn ids(&self) -> Ids<'_> {
        Ids { request_id: &self.request_id, trace_id: self.trace.trace_id() }
    }

    /// Wall time since the start.
    pub fn elapsed(&self) -> Duration {
        clock::monotonic().duration_since(self.started)
    }

    /// Time during which at least one dependency was awaited: overlapping waits count once.
    pub fn waited(&self) -> Duration {
        self.waiting.total()
    }

    /// Runs `future` with this context as the current one.
    pub async fn scope<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }
}

/// The context of the request that this task works for, if any.
pub fn current() -> Option<Arc<RequestContext>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Adds to the figures of the current request; what is measured outside of any is not kept.
pub fn note(add: impl FnOnce(&mut Figures)) {
    if let Some(context) = current() {
        add(&mut context.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The id of the current request; a fresh one outside any request, so that an answer never lacks it.
pub fn request_id() -> String {
    current().map_or_else(|| uuid::Uuid::new_v4().to_string(), |context| context.request_id.clone())
}

/// Awaits a dependency and books the time as the dependency's, not ours.
pub async fn dependency<F: Future>(future: F) -> F::Output {
    let context = current();
    let _waiting = context.as_ref().map(|context| context.waiting.enter());
    future.await
}

/// A point in monotonic time by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

/// The deadline passed before the work was done.
#[derive(Debug, thiserror::Error)]
#[error("the deadline of the request passed")]
pub struct DeadlinePassed;

impl Deadline {
    /// `allowed` from now.
    pub fn after(allowed: Duration) -> Self {
        let now = clock::monotonic();
        Self(now.checked_add(allowed).unwrap_or(now))
    }

    /// The same deadline, `margin` earlier: what remains is for putting things right.
    #[must_use]
    pub fn earlier_by(self, margin: Duration) -> Self {
        Self(self.0.checked_sub(margin).unwrap_or(self.0))
    }

    /// The same deadline, `margin` later.
    #[must_use]
    pub fn later_by(self, margin: Duration) -> Self {
        Self(self.0.checked_add(margin).unwrap_or(self.0))
    }

    /// What is left; zero when it passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(clock::monotonic())
    }

    /// Runs `future` until it is done or the deadline passes; then it is dropped.
    pub async fn bound<F: Future>(self, future: F) -> Result<F::Output, DeadlinePassed> {
        tokio::time::timeout(self.remaining(), future).await.map_err(|_elapsed| DeadlinePassed)
    }
}

/// Sums the time during which at least one wait is open.
#[derive(Debug, Default)]
struct DependencyMeter(Mutex<Waits>);

#[derive(Debug, Default)]
struct Waits {
    open: u32,
    since: Option<Instant>,
    total: Duration,
}

struct OpenWait<'a>(&'a DependencyMeter);

impl DependencyMeter {
    fn enter(&self) -> OpenWait<'_> {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.open == 0 {
            waits.since = Some(clock::monotonic());
        }
        waits.open += 1;
        OpenWait(self)
    }

    fn total(&self) -> Duration {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = waits.since.map_or(Duration::ZERO, |since| since.elapsed());
        waits.total + running
    }
}

impl Drop for OpenWait<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.open = waits.open.saturating_sub(1);
        if waits.open == 0
            && let Some(since) = waits.since.take()
        {
            waits.total += clock::monotonic().duration_since(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn overlapping_waits_are_counted_once() {
        let context = Arc::new(RequestContext::new(TraceParent::fresh(), Duration::from_secs(5)));
        let wait = || dependency(clock::pause(Duration::from_millis(60)));
        Arc::clone(&context).scope(async { tokio::join!(wait(), wait(), wait()) }).await;
        let waited = context.waited();
        assert!(waited >= Duration::from_millis(60), "{waited:?}");
        assert!(waited < Duration::from_millis(120), "three waits of 60 ms overlap: {waited:?}");
        assert!(context.elapsed() >= waited);
    }

    #[tokio::test]
    async fn a_deadline_drops_the_work_that_is_late() {
        let late = Deadline::after(Duration::from_millis(5));
        assert!(late.bound(std::future::pending::<()>()).await.is_err());
        assert!(Deadline::after(Duration::from_secs(5)).bound(async { 1 }).await.is_ok());
    }
}

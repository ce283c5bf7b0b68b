//! Reporting what failed for good. A report never fails or delays the request it happened in: it is sent by a task, within
//! a bound, and what cannot be sent is in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::context::{self, Deadline};
use crate::domain::failure::Failure;
use crate::logging::chain;
use crate::ports::FailureQueue;
use crate::state::App;

/// How long a report may take.
const SEND_WITHIN: Duration = Duration::from_secs(8);

/// Reports on their way at once: a flood of failures must not become a flood of tasks. More are logged only.
const AT_ONCE: usize = 32;

/// Sends reports; clones share the bound.
#[derive(Debug, Clone)]
pub struct Failures {
    queue: Arc<dyn FailureQueue>,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
    /// Whether the process lives on between requests.
    stays: Arc<AtomicBool>,
}

/// Reports a failure; see [`Failures::report`].
pub fn report(app: &App, failure: Failure) {
    app.failures.report(failure);
}

impl Failures {
    /// Reports go to `queue`, by tasks of `tasks`.
    pub fn new(queue: Arc<dyn FailureQueue>, tasks: TaskTracker) -> Self {
        Self { queue, tasks, room: Arc::new(Semaphore::new(AT_ONCE)), stays: Arc::default() }
    }

    /// The process lives on between requests: what a task could not do at once, it may try for a while.
    pub fn stay(&self) {
        self.stays.store(true, Ordering::Release);
    }

    /// How long a task may try to put something right: `within` in a server. In a function an answer waits for its tasks, so
    /// they try once, and expiry and sweep heal the rest.
    pub(in crate::app) fn patience(&self, within: Duration) -> Duration {
        if self.stays.load(Ordering::Acquire) { within } else { Duration::ZERO }
    }

    /// The tasks that outlive their request.
    pub(in crate::app) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Logs the failure and sends it to the queue soon. The request it happens in, if any, lends its id and user.
    pub fn report(&self, mut failure: Failure) {
        let context = context::current();
        if failure.request_id.is_empty() {
            failure.request_id = context::request_id();
        }
        if failure.user_hash.is_none() {
            failure.user_hash =
                context.as_ref().and_then(|context| context.user_hash()).map(str::to_owned);
        }
        log(&failure);
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::error!(message = "failure not queued", cause = "too many at once");
            return;
        };
        let queue = Arc::clone(&self.queue);
        let sending = async move {
            let _permit = permit;
            match Deadline::after(SEND_WITHIN).bound(queue.send(&failure)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log_unsent(&failure, &chain(&error)),
                Err(passed) => log_unsent(&failure, &chain(&passed)),
            }
        };
        match context {
            Some(context) => self.tasks.spawn(context.scope(sending)),
            None => self.tasks.spawn(sending),
        };
    }
}

fn log(failure: &Failure) {
    tracing::warn!(
        message = "failed for good",
        kind = failure.kind.as_str(),
        severity = failure.severity().as_str(),
        operation = failure.operation,
        detail = failure.detail,
        request_id = failure.request_id,
        user = failure.user_hash,
    );
}

fn log_unsent(failure: &Failure, cause: &str) {
    tracing::error!(
        message = "failure not queued",
        kind = failure.kind.as_str(),
        request_id = failure.request_id,
        cause,
    );
}

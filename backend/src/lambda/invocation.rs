//! One invocation: until when it runs, what is awaited before it ends, and how it fails.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use lambda_runtime::{Context, Diagnostic};

use crate::clock::Clock;
use crate::context::Deadline;
use crate::state::App;

/// What is kept of an invocation for handing the answer over.
const RETURN_MARGIN: Duration = Duration::from_millis(200);

/// An invocation that ended without an answer; Lambda tells the caller that the function failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FunctionError {
    /// The code panicked; the log has its line.
    #[error("the function panicked")]
    Panicked,
}

impl From<FunctionError> for Diagnostic {
    fn from(error: FunctionError) -> Self {
        let error_type = match error {
            FunctionError::Panicked => "Panicked",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// When Lambda ends the invocation, by the machine's clock: it knows nothing of a test's.
pub(super) fn end_of(context: &Context) -> Deadline {
    let now = Clock::System.now().unix_timestamp_nanos() / 1_000_000;
    let left = i128::from(context.deadline).saturating_sub(now);
    Deadline::after(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// Does the work and then waits for what it left to tasks, so that nothing is under way when the process is frozen.
pub(super) async fn whole<T>(
    app: &App,
    ends: Deadline,
    work: impl Future<Output = T>,
) -> Result<T, FunctionError> {
    let worked = AssertUnwindSafe(work).catch_unwind().await;
    app.tasks.close();
    if ends.earlier_by(RETURN_MARGIN).bound(app.tasks.wait()).await.is_err() {
        // They go on with the next invocation, if there is one, within bounds of their own; expiry heals the rest.
        tracing::warn!(message = "invocation ends with work unfinished", tasks = app.tasks.len());
    }
    app.tasks.reopen();
    worked.map_err(|_logged_by_the_hook| FunctionError::Panicked)
}

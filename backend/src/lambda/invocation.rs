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

/// How long an answer that is ready may be kept back by tasks: a dependency that hangs in one must not make a refusal slow.
const TASKS_WITHIN: Duration = Duration::from_secs(2);

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

/// Does the work and then waits a moment for what it left to tasks, so that as a rule nothing is under way when the process
/// is frozen. What is under way nevertheless goes on with the next invocation, within bounds of its own, if there is one;
/// else a reservation heals by expiry, a recording or an object without a row is the sweep's, and a report is lost.
pub(super) async fn whole<T>(
    app: &App,
    ends: Deadline,
    work: impl Future<Output = T>,
) -> Result<T, FunctionError> {
    let worked = AssertUnwindSafe(work).catch_unwind().await;
    app.tasks.close();
    let within = ends.earlier_by(RETURN_MARGIN).remaining().min(TASKS_WITHIN);
    if Deadline::after(within).bound(app.tasks.wait()).await.is_err() {
        tracing::warn!(message = "invocation ends with work unfinished", tasks = app.tasks.len());
    }
    app.tasks.reopen();
    worked.map_err(|_logged_by_the_hook| FunctionError::Panicked)
}

//! The error processor: what arrives in the dead-letter queue is classified, counted with its like, and told to people
//! when it is critical or high. A message is done with only after all of it; a crash in between repeats the rest.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::app::error::{AppError, AppResult};
use crate::clock;
use crate::context::{Deadline, RequestContext};
use crate::domain::failure::Failure;
use crate::domain::trace::TraceParent;
use crate::logging::chain;
use crate::ports::{Notice, Received};
use crate::state::App;

/// How long the server's processor works on what it received at once.
const BATCH_WITHIN: Duration = Duration::from_secs(20);

/// The wait after a queue that could not be read.
const PAUSE_AFTER_OUTAGE: Duration = Duration::from_secs(2);

/// The wait after a queue that had nothing.
const PAUSE_WHEN_EMPTY: Duration = Duration::from_millis(100);

/// Whether a message is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// It is, and must not come again.
    Done,
    /// It must come again.
    Again,
}

/// Works on one message. What is not ours is counted too, as such: it would never become readable.
pub async fn process(app: &App, message_id: &str, body: &str, deadline: Deadline) -> Processed {
    let work = async { handle(app, message_id, body).await };
    match deadline.bound(work).await.map_err(AppError::Deadline).flatten() {
        Ok(processed) => processed,
        Err(error) => {
            tracing::warn!(message = "failure not processed", cause = chain(&error));
            Processed::Again
        }
    }
}

async fn handle(app: &App, message_id: &str, body: &str) -> AppResult<Processed> {
    let now = app.clock.now();
    let failure = Failure::parse(body).unwrap_or_else(|| Failure::unreadable(message_id, now));
    let now = now.unix_timestamp();
    let errors = &app.ports.errors;
    errors.count(message_id, &failure, now).await.map_err(AppError::Port)?;
    if !failure.severity().notifies() {
        return Ok(Processed::Done);
    }
    let hash = failure.hash();
    match errors.claim_notice(&hash, now).await.map_err(AppError::Port)? {
        Notice::Given => Ok(Processed::Done),
        // If whoever has the claim crashed, this message is what is left of it.
        Notice::Claimed => Ok(Processed::Again),
        Notice::Due(record) => {
            app.ports.alerts.notify(&record).await.map_err(AppError::Port)?;
            errors.notice_given(&hash, now).await.map_err(AppError::Port)?;
            Ok(Processed::Done)
        }
    }
}

/// The processor of a server: receives, works, deletes, until cancelled. Being cancelled anywhere is safe: what was not
/// deleted comes again.
pub async fn run(app: App, cancelled: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = round(&app).await {
                tracing::warn!(message = "failures not received", cause = chain(&error));
                clock::pause(PAUSE_AFTER_OUTAGE).await;
            }
        }
    };
    tokio::select! {
        () = cancelled.cancelled() => {}
        () = rounds => {}
    }
}

async fn round(app: &App) -> AppResult<()> {
    // A trace of its own: nobody asked for this.
    let context = Arc::new(RequestContext::new(TraceParent::fresh(), BATCH_WITHIN));
    let deadline = context.deadline;
    let receiving = context.scope(async {
        let received = app.ports.failure_source.receive().await.map_err(AppError::Port)?;
        let done = received.iter().map(|message| process_and_delete(app, message, deadline));
        join_all(done).await;
        if received.is_empty() {
            // The queue waits for a first message itself; one that does not must not make this a busy loop.
            clock::pause(PAUSE_WHEN_EMPTY).await;
        }
        Ok(())
    });
    receiving.await
}

async fn process_and_delete(app: &App, message: &Received, deadline: Deadline) {
    let processed = process(app, &message.message_id, &message.body, deadline).await;
    if processed == Processed::Done
        && let Err(error) = app.ports.failure_source.delete(&message.receipt).await
    {
        // It comes again, and is then known.
        tracing::warn!(message = "failure not deleted", cause = chain(&error));
    }
}

//! The error processor: what arrives in the dead-letter queue is classified, counted with its like, and told to people
//! when it is critical or high. A message is done with only after all of it; a crash in between repeats the rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::app::conflict;
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

/// The waits for somebody else who is telling people: longer than it takes when it goes well.
const CLAIM_WAITS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(800)];

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

/// A message of the queue, as both ways of receiving it have it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The same however often it is delivered.
    pub id: &'a str,
    /// The text.
    pub body: &'a str,
}

struct Occurrence<'a> {
    index: usize,
    message_id: &'a str,
    failure: Failure,
}

/// Works on a batch and says of each message, in order, whether it is done with. Failures that are alike are one item of
/// the table, so they are counted one after the other, and people are told of them once; others are worked on at once.
/// What is not ours is counted too, as such: it would never become readable.
pub async fn process(app: &App, batch: &[Message<'_>], deadline: Deadline) -> Vec<Processed> {
    let now = app.clock.now();
    let mut alike: BTreeMap<String, Vec<Occurrence<'_>>> = BTreeMap::new();
    for (index, &Message { id, body }) in batch.iter().enumerate() {
        let failure = Failure::parse(body).unwrap_or_else(|| Failure::unreadable(id, now));
        let occurrence = Occurrence { index, message_id: id, failure };
        alike.entry(occurrence.failure.hash()).or_default().push(occurrence);
    }
    let working =
        alike.iter().map(|(hash, occurrences)| process_alike(app, hash, occurrences, deadline));
    let mut processed = join_all(working).await.concat();
    processed.sort_unstable_by_key(|(index, _)| *index);
    processed.into_iter().map(|(_, processed)| processed).collect()
}

async fn process_alike(
    app: &App,
    hash: &str,
    occurrences: &[Occurrence<'_>],
    deadline: Deadline,
) -> Vec<(usize, Processed)> {
    let mut processed = Vec::with_capacity(occurrences.len());
    for occurrence in occurrences {
        let counted = count(app, occurrence, deadline).await;
        processed.push((occurrence.index, or_again(counted)));
    }
    let any = processed.iter().any(|(_, processed)| *processed == Processed::Done);
    let notifies = occurrences.iter().any(|one| one.failure.severity().notifies());
    if any && notifies {
        let telling = deadline.bound(tell(app, hash, deadline)).await;
        if or_again(telling.map_err(AppError::Deadline).flatten()) == Processed::Again {
            for (_, processed) in &mut processed {
                *processed = Processed::Again;
            }
        }
    }
    processed
}

fn or_again(outcome: AppResult<Processed>) -> Processed {
    outcome.unwrap_or_else(|error| {
        tracing::warn!(message = "failure not processed", cause = chain(&error));
        Processed::Again
    })
}

async fn count(app: &App, one: &Occurrence<'_>, deadline: Deadline) -> AppResult<Processed> {
    let now = app.clock.unix_seconds();
    // Another processor may be at the same item.
    let step = || app.ports.errors.count(one.message_id, &one.failure, now);
    conflict::resolve(deadline, step).await.map(|()| Processed::Done)
}

/// Tells people if they must be told. Somebody else who is telling them is waited for: to come again costs a message one
/// of the few deliveries that it has.
async fn tell(app: &App, hash: &str, deadline: Deadline) -> AppResult<Processed> {
    let errors = &app.ports.errors;
    let mut waits = CLAIM_WAITS.into_iter();
    loop {
        let now = app.clock.unix_seconds();
        match conflict::resolve(deadline, || errors.claim_notice(hash, now)).await? {
            Notice::Given => return Ok(Processed::Done),
            Notice::Claimed => match waits.next() {
                Some(wait) => clock::pause(wait).await,
                // If whoever has the claim crashed, this message is what is left of it.
                None => return Ok(Processed::Again),
            },
            Notice::Due(record) => {
                app.ports.alerts.notify(&record).await.map_err(AppError::Port)?;
                conflict::resolve(deadline, || errors.notice_given(hash, now)).await?;
                return Ok(Processed::Done);
            }
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
        let messages: Vec<Message<'_>> = received.iter().map(message_of).collect();
        let processed = process(app, &messages, deadline).await;
        let done = received.iter().zip(processed).filter(|(_, one)| *one == Processed::Done);
        join_all(done.map(|(message, _)| delete(app, message))).await;
        if received.is_empty() {
            // The queue waits for a first message itself; one that does not must not make this a busy loop.
            clock::pause(PAUSE_WHEN_EMPTY).await;
        }
        Ok(())
    });
    receiving.await
}

fn message_of(received: &Received) -> Message<'_> {
    Message { id: &received.message_id, body: &received.body }
}

async fn delete(app: &App, message: &Received) {
    if let Err(error) = app.ports.failure_source.delete(&message.receipt).await {
        // It comes again, and is then known.
        tracing::warn!(message = "failure not deleted", cause = chain(&error));
    }
}

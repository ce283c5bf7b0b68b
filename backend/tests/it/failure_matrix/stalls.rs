//! A dependency that takes a call and never answers, in real time and with the real bounds: one of each class of time-outs
//! of the contract. All of them stall at once, so this takes as long as the longest.

use std::time::Duration;

use backend::app::error_processing::{Message, Processed, process};
use backend::clock;
use backend::context::Deadline;
use backend::domain::failure::{Failure, FailureKind};
use backend::memory::web::MemoryPage;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use http::Method;
use serde_json::json;

use super::wire::{Full, Manner, Wire};
use super::{Real, assert_told, world, world_with};
use crate::world::{ANNA, Answer, BERT, World, passage};

/// Connecting: a second, three times.
const CONNECT: Duration = Duration::from_secs(5);

/// The tables, objects, queues and the like: two seconds an attempt, eight the whole call.
const STORES: Duration = Duration::from_secs(8);

/// Retrieval: three seconds an attempt, nine the whole call; and a moment to say so.
const SEARCH: Duration = Duration::from_millis(9500);

/// The keys of the user pool: two seconds, once; and a moment to say so.
const KEYS: Duration = Duration::from_millis(2900);

/// What a request gives the index before it is answered.
const PUSH: Duration = Duration::from_secs(4);

/// One class and what shows that it was kept.
struct Stall {
    real: Real,
    deadline_ms: &'static str,
    within: Duration,
    /// Status and code.
    told: (u16, &'static str),
    /// How often was tried until the answer.
    attempts: usize,
    /// What is reported once all is over.
    reported: &'static [FailureKind],
}

const fn stall(real: Real, within: Duration, code: &'static str, attempts: usize) -> Stall {
    Stall { real, deadline_ms: "25000", within, told: (503, code), attempts, reported: &[] }
}

const OUT: &str = "store_unavailable";

fn stalls() -> Vec<Stall> {
    vec![
        Stall {
            reported: &[FailureKind::ReservationLeft],
            ..stall(Real::Counters, STORES, OUT, 3)
        },
        stall(Real::Limits, STORES, OUT, 3),
        stall(Real::Replay, STORES, OUT, 3),
        stall(Real::Rows, STORES, OUT, 3),
        stall(Real::Jobs, STORES, OUT, 3),
        stall(Real::Announced, STORES, OUT, 3),
        stall(Real::Files, STORES, "files_unavailable", 3),
        stall(Real::Secrets, STORES, "signing_unavailable", 3),
        // What was begun is deleted, which hangs, too: the answer waits a second for that.
        Stall {
            reported: &[FailureKind::AudioLeft],
            ..stall(Real::Recordings, STORES, "files_unavailable", 4)
        },
        Stall {
            reported: &[FailureKind::AudioLeft, FailureKind::TranscriptionLeft],
            ..stall(Real::Speech, STORES, "transcription_unavailable", 4)
        },
        stall(Real::Identity, KEYS, "identity_unavailable", 1),
        stall(Real::Search, SEARCH, "search_unavailable", 3),
        // The model has twenty seconds, but not more than the request has.
        Stall {
            deadline_ms: "2500",
            told: (504, "deadline_exceeded"),
            ..stall(Real::Model, Duration::from_millis(2500), "", 1)
        },
    ]
}

async fn timed(real: Real, world: &World) -> (Answer, Duration) {
    let began = clock::monotonic();
    let answer = real.ask(world).await;
    (answer, clock::monotonic().duration_since(began))
}

async fn holds(stall: Stall) {
    let Stall { real, deadline_ms, within, told, attempts, reported } = stall;
    let wire = Wire::new(Manner::Silent).await;
    let changes = [("REQUEST_DEADLINE_MS", deadline_ms)];
    let world = world_with(real, &wire.endpoint, &changes).await;
    let (answer, took) = timed(real, &world).await;
    let what = format!("{real:?} took {took:?}");
    assert_told(&answer, told.0, told.1, &what);
    assert!(took < within, "{what}");
    assert_eq!(wire.attempts(), attempts, "{what}");
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "{what}");
    let sent = world.ports.failures.sent();
    let mut kinds: Vec<FailureKind> = sent.iter().map(|failure| failure.kind).collect();
    kinds.sort();
    assert_eq!(kinds, reported, "{what}");
}

/// Nobody takes the connection.
async fn connecting() {
    let full = Full::new().await;
    let world = world(Real::Rows, &full.endpoint).await;
    let (answer, took) = timed(Real::Rows, &world).await;
    assert_told(&answer, 503, OUT, "connecting");
    assert!(took < CONNECT, "connecting took {took:?}");
}

/// A large file has the whole operation for its one attempt.
async fn large_file() {
    let wire = Wire::new(Manner::Silent).await;
    let world = world(Real::Files, &wire.endpoint).await;
    world.ports.web.name("example.com", &[&["93.184.215.14"]]);
    let parts = vec![Bytes::from_static(b"# text")];
    let content_type = Some("text/markdown".to_owned());
    let page = MemoryPage { status: 200, content_type, parts, ..MemoryPage::default() };
    world.ports.web.page("https://example.com/a.md", page);
    let body = json!({ "url": "https://example.com/a.md" }).to_string().into_bytes();
    let path = "/api/manuals/download";
    let began = clock::monotonic();
    let answer = world.send(world.signed_request(ANNA, Method::POST, path, body)).await;
    let took = clock::monotonic().duration_since(began);
    assert_told(&answer, 503, "files_unavailable", "a large file");
    assert!(
        (STORES..STORES + Duration::from_secs(1)).contains(&took),
        "a large file took {took:?}"
    );
    assert_eq!(wire.attempts(), 1, "a large file");
}

/// An upload does not wait for the knowledge base.
async fn index() {
    let wire = Wire::new(Manner::Silent).await;
    let world = world(Real::Index, &wire.endpoint).await;
    let (uploaded, took) = timed(Real::Index, &world).await;
    assert_eq!(uploaded.status.as_u16(), 201);
    assert!(took < PUSH, "index took {took:?}");
}

/// No answer waits for the queue.
async fn queue() {
    let wire = Wire::new(Manner::Silent).await;
    let world = world(Real::Queue, &wire.endpoint).await;
    world.ports.search.hold(vec![passage(BERT, "secret", 1), passage(ANNA, "mine", 2)]);
    let (answer, took) = timed(Real::Queue, &world).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(took < Duration::from_secs(2), "queue took {took:?}");
    let began = clock::monotonic();
    world.settle().await;
    let took = clock::monotonic().duration_since(began);
    assert!(took < STORES + Duration::from_millis(500), "the report took {took:?}");
    assert_eq!(wire.attempts(), 3);
}

/// A deletion that hangs costs the answer a second, and not its success.
async fn deletion() {
    let wire = Wire::new(Manner::Silent).await;
    let hanging = super::real_ports(&wire.endpoint).await.transcriber;
    let world = super::built(&[], |memory| backend::state::Ports {
        transcriber: std::sync::Arc::new(super::speech::HangingDeletion {
            memory: memory.transcriber.clone(),
            hanging,
        }),
        ..memory.ports()
    });
    for path in super::speech::PATHS {
        let began = clock::monotonic();
        let answer = super::say(&world, path).await;
        let took = clock::monotonic().duration_since(began);
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert!(took < Duration::from_secs(3), "{path} took {took:?}");
    }
    world.settle().await;
    let kinds: Vec<_> = world.ports.failures.sent().iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds, [FailureKind::TranscriptionLeft; 2]);
    assert!(world.ports.transcriber.audio.objects().is_empty());
}

/// A message whose telling or counting hangs comes again, within the processor's own time.
async fn processor(real: Real) {
    let wire = Wire::new(Manner::Silent).await;
    let world = world(real, &wire.endpoint).await;
    let failure = Failure::new(FailureKind::AudioLeft, "delete", "left", world.app.clock.now());
    let body = serde_json::to_string(&failure).unwrap();
    let began = clock::monotonic();
    let deadline = Deadline::after(Duration::from_secs(20));
    let processed = process(&world.app, &[Message { id: "m-1", body: &body }], deadline).await;
    let took = clock::monotonic().duration_since(began);
    assert_eq!(processed, [Processed::Again], "{real:?}");
    assert!(took < STORES, "{real:?} took {took:?}");
    assert_eq!(wire.attempts(), 3, "{real:?}");
}

#[tokio::test]
async fn a_dependency_that_never_answers_is_given_up_in_the_time_of_its_class() {
    let mut all: Vec<BoxFuture<'_, ()>> =
        stalls().into_iter().map(|one| holds(one).boxed()).collect();
    all.extend([connecting().boxed(), index().boxed(), queue().boxed(), deletion().boxed()]);
    all.push(large_file().boxed());
    all.extend([processor(Real::Alerts).boxed(), processor(Real::Errors).boxed()]);
    join_all(all).await;
}

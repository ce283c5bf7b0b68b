//! What fails for good is reported once, with the request and the hash of the user, and never at the request's cost.

use std::time::Duration;

use backend::domain::failure::{Failure, FailureKind};
use backend::domain::ingestion::IndexRun;
use backend::domain::user::UserId;
use backend::memory::Trouble;
use backend::ports::PortErrorKind;

use crate::world::{ANNA, BERT, World, passage};

fn kinds(world: &World) -> Vec<FailureKind> {
    world.ports.failures.sent().iter().map(|failure| failure.kind).collect()
}

#[tokio::test]
async fn passages_of_another_user_are_reported_with_request_and_user() {
    let world = World::new();
    world.ports.search.hold(vec![passage(BERT, "secret", 1), passage(ANNA, "mine", 2)]);
    let answer = world.ask(ANNA, "What?").await;
    assert_eq!(answer.status.as_u16(), 200);
    world.settle().await;
    let sent = world.ports.failures.sent();
    let [failure] = sent.as_slice() else { panic!("one failure: {sent:?}") };
    assert_eq!(failure.kind, FailureKind::ForeignPassages);
    assert_eq!(failure.request_id, answer.header("x-request-id"));
    assert_eq!(failure.user_hash, Some(UserId::parse(ANNA).unwrap().hash()));
    assert_eq!(failure.occurred_at.unix_timestamp(), world.now_s());
    let text = serde_json::to_string(failure).unwrap();
    assert!(!text.contains(BERT) && !text.contains(ANNA) && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_manual_that_does_not_get_into_the_index_is_reported_once() {
    let world = World::new();
    let uploaded = world.upload(ANNA, "a.md", "# text").await.json();
    world.ports.indexer.end(IndexRun::Failed);
    let job = format!("/api/ingestion/job/{}", uploaded["ingestion_job_id"].as_str().unwrap());
    assert_eq!(world.get(ANNA, &job).await.json()["status"], "failed");
    assert_eq!(world.get(ANNA, &job).await.json()["status"], "failed");
    world.settle().await;
    assert_eq!(kinds(&world), [FailureKind::IngestionFailed]);
}

#[tokio::test]
async fn a_reservation_that_stays_is_reported() {
    let world = World::new();
    world.ports.quota.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(world.ask(ANNA, "What?").await.status.as_u16(), 503);
    world.settle().await;
    assert_eq!(kinds(&world), [FailureKind::ReservationLeft]);
}

#[tokio::test]
async fn a_queue_that_is_out_or_hangs_costs_the_request_nothing() {
    for trouble in [Trouble::Fails(PortErrorKind::Unavailable), Trouble::Hangs] {
        let world = World::new();
        world.ports.failures.trouble.set(Some(trouble));
        world.ports.search.hold(vec![passage(BERT, "secret", 1)]);
        let asked = tokio::time::timeout(Duration::from_secs(5), world.ask(ANNA, "What?"));
        assert_eq!(asked.await.unwrap().status.as_u16(), 200, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_flood_of_reports_is_bounded() {
    let world = World::new();
    world.ports.failures.trouble.set(Some(Trouble::Hangs));
    for _ in 0..100 {
        let at = world.app.clock.now();
        let failure = Failure::new(FailureKind::SweepFinding, "sweep", "an orphan", at);
        backend::app::failures::report(&world.app, failure);
    }
    assert_eq!(world.app.tasks.len(), 32);
}

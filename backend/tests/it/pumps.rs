//! Two processes that pump the same work: the one that comes last with what it read first changes nothing.

use std::sync::Arc;
use std::time::Duration;

use backend::context::Deadline;
use backend::domain::ingestion::{IndexRun, Work};
use backend::memory::Trouble;
use backend::ports::{IngestionStore as _, PortErrorKind};
use serde_json::Value;

use crate::world::{ANNA, World};

/// A manual that waits for the index: nothing could be started when it came. Its job.
async fn waiting(world: &World) -> String {
    world.ports.indexer.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let uploaded = world.upload(ANNA, "a.md", "# x").await.json();
    world.ports.indexer.trouble.set(None);
    uploaded["ingestion_job_id"].as_str().unwrap().to_owned()
}

async fn push(world: &World) {
    Arc::clone(&world.app.indexing).push(Deadline::after(Duration::from_secs(10))).await;
}

/// The late process is held at its call of the store after `others`; meanwhile the other does as it is told.
async fn overtaken(late: &World, others: u32, meanwhile: impl Future<Output = ()>) {
    late.ports.rows.trouble.hold(others);
    let overtaking = async {
        late.ports.rows.trouble.held().await;
        meanwhile.await;
        late.ports.rows.trouble.release();
    };
    let both = async { tokio::join!(push(late), overtaking) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("both end");
}

async fn work(world: &World) -> Vec<Work> {
    world.ports.rows.open_work().await.unwrap()
}

async fn job(world: &World, id: &str) -> Value {
    world.get(ANNA, &format!("/api/ingestion/job/{id}")).await.json()
}

fn complete() -> IndexRun {
    IndexRun::Complete { failure_texts: Vec::new() }
}

/// As its run ended, so does the job; nothing is left and nothing more was started.
async fn assert_ends_complete(world: &World, id: &str, runs: usize) {
    world.ports.indexer.end(complete());
    push(world).await;
    assert_eq!(job(world, id).await["status"], "complete");
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["manuals"][0]["status"], "ready");
    assert!(work(world).await.is_empty());
    assert_eq!(world.ports.indexer.started(), runs);
}

#[tokio::test]
async fn a_late_run_does_not_take_the_place_of_a_newer_one() {
    let late = World::new();
    let other = late.another_process();
    let id = waiting(&late).await;
    // Held where it would say that its run, 0, covers the work. That run fails before anybody hears of it.
    overtaken(&late, 1, async {
        assert_eq!(late.ports.indexer.started(), 1);
        late.ports.indexer.end(IndexRun::Failed);
        push(&other).await;
    })
    .await;
    assert_eq!(work(&late).await[0].covered_by.as_deref(), Some("1"));
    push(&late).await;
    assert_eq!(job(&other, &id).await["status"], "running", "run 1 goes on");
    assert_ends_complete(&other, &id, 2).await;
}

#[tokio::test]
async fn a_late_look_at_a_forgotten_run_does_not_have_covered_work_wait_again() {
    let late = World::new();
    let other = late.another_process();
    let id = waiting(&late).await;
    push(&late).await;
    assert_eq!(work(&late).await[0].covered_by.as_deref(), Some("0"));
    late.ports.indexer.end(IndexRun::Unknown);
    // Held where it would say that the work waits again.
    overtaken(&late, 1, push(&other)).await;
    assert_eq!(work(&late).await[0].covered_by.as_deref(), Some("1"));
    assert_eq!(job(&other, &id).await["status"], "running");
    assert_ends_complete(&late, &id, 2).await;
}

#[tokio::test]
async fn a_late_verdict_of_an_older_run_does_not_end_work_of_a_newer_one() {
    let late = World::new();
    let other = late.another_process();
    let id = waiting(&late).await;
    push(&late).await;
    late.ports.indexer.end(IndexRun::Failed);
    // Held where it would end the work, after it has told of the change.
    overtaken(&late, 2, async {
        late.ports.indexer.end(IndexRun::Unknown);
        push(&other).await;
    })
    .await;
    assert_eq!(work(&late).await[0].covered_by.as_deref(), Some("1"));
    assert_eq!(job(&other, &id).await["status"], "running");
    assert_ends_complete(&late, &id, 2).await;
}

#[tokio::test]
async fn work_that_is_given_back_is_covered_by_the_run_that_the_same_round_starts() {
    let world = World::new();
    let id = waiting(&world).await;
    push(&world).await;
    world.ports.indexer.end(IndexRun::Unknown);
    push(&world).await;
    assert_eq!(work(&world).await[0].covered_by.as_deref(), Some("1"));
    assert_ends_complete(&world, &id, 2).await;
}

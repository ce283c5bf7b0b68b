//! The memory of answers: what is given again, to whom, until when, and what never is.

use backend::domain::ingestion::IndexRun;
use backend::memory::Trouble;
use backend::ports::PortErrorKind;
use serde_json::{Value, json};

use crate::world::{ANNA, BERT, World, passage};

fn world() -> World {
    let world = World::with(&[("CACHE_TTL_S", "1800")]);
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world
}

/// `cache_status`, and how often the model was asked until now.
async fn asked(world: &World, user: &str, question: &str) -> (Value, usize) {
    let answer = world.ask(user, question).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", String::from_utf8_lossy(&answer.body));
    (answer.json()["cache_status"].clone(), world.ports.model.messages().len())
}

#[tokio::test]
async fn the_same_question_is_answered_again_without_the_model() {
    let world = world();
    let first = world.ask(ANNA, "How do I reset it?").await.json();
    let again = world.ask(ANNA, "how do I  RESET it").await.json();
    assert_eq!((&first["cache_status"], &again["cache_status"]), (&json!("miss"), &json!("hit")));
    for same in ["answer", "sources", "context_used", "context_found"] {
        assert_eq!(first[same], again[same], "{same}");
    }
    assert_eq!(again["question"], "how do I  RESET it");
    assert_eq!(again["cost"]["total_cost"], json!(0));
    assert_ne!(first["request_id"], again["request_id"]);
    assert_eq!(world.ports.model.messages().len(), 1);
    // A 2xx is charged, wherever it came from.
    assert_eq!(again["usage"]["daily_used"], 2);
    assert_eq!(world.figures(ANNA), (2, 2, 2, 0));
}

#[tokio::test]
async fn nobody_gets_the_answer_of_another() {
    let world = world();
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 1));
    world.ports.search.hold(vec![passage(BERT, "oven", 1)]);
    let berts = world.ask(BERT, "How?").await.json();
    assert_eq!(berts["cache_status"], "miss");
    assert_eq!(berts["sources"][0]["manual_id"], "oven");
}

#[tokio::test]
async fn an_answer_is_forgotten_by_the_clock_of_the_service() {
    let world = world();
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 1));
    world.move_clock(1799);
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("hit"), 1));
    world.move_clock(1);
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 2));
}

#[tokio::test]
async fn a_manual_that_is_indexed_or_deleted_makes_every_answer_old() {
    let world = world();
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 1));
    let uploaded = world.upload(ANNA, "new.md", "# New").await.json();
    world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
    let job = uploaded["ingestion_job_id"].as_str().unwrap();
    let done = world.get(ANNA, &format!("/api/ingestion/job/{job}")).await.json();
    assert_eq!(done["status"], "complete");
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 2));
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("hit"), 2));
    world.ports.search.hold(vec![passage(BERT, "oven", 1)]);
    assert_eq!(asked(&world, BERT, "How?").await, (json!("miss"), 3));
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);

    world.delete(ANNA, uploaded["manual_id"].as_str().unwrap()).await;
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 4));
    assert_eq!(asked(&world, BERT, "How?").await, (json!("hit"), 4));
}

#[tokio::test]
async fn what_is_not_whole_is_not_given_again() {
    let world = World::with(&[("CACHE_TTL_S", "1800")]);
    // The index gave a passage that is not the caller's: what was answered without it is right, but suspicious.
    world.ports.search.hold(vec![passage(ANNA, "router", 3), passage(BERT, "oven", 1)]);
    world.ask(ANNA, "How?").await;
    assert!(world.ports.answers.is_empty());

    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world.ports.model.cut_off(true);
    world.ask(ANNA, "How?").await;
    assert!(world.ports.answers.is_empty());
    world.ports.model.cut_off(false);

    // Answered, but not booked: the client got a failure.
    world.ports.quota.trouble.set(Some(Trouble::LosesReplies));
    assert_eq!(world.ask(ANNA, "How?").await.status.as_u16(), 503);
    world.ports.quota.trouble.set(None);
    world.settle().await;
    assert!(world.ports.answers.is_empty());

    world.ask(ANNA, "How?").await;
    assert_eq!(world.ports.answers.len(), 1);
}

#[tokio::test]
async fn a_memory_that_fails_costs_nothing_but_work() {
    let world = World::with(&[("CACHE_TTL_S", "1800")]);
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    for trouble in [Trouble::Fails(PortErrorKind::Unavailable), Trouble::LosesReplies] {
        world.ports.answers.trouble.set(Some(trouble));
        let (status, _) = asked(&world, ANNA, "How?").await;
        assert_eq!(status, "miss");
        world.ports.answers.trouble.set(None);
    }
    // The rows are out: the version cannot be read, and neither can the marks of deleted manuals.
    world.ports.rows.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(world.ask(ANNA, "How?").await.status.as_u16(), 503);
}

#[tokio::test]
async fn without_a_time_to_live_nothing_is_remembered() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 1));
    assert_eq!(asked(&world, ANNA, "How?").await, (json!("miss"), 2));
    assert!(world.ports.answers.is_empty());
}

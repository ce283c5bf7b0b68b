//! Questions: answers with sources, isolation, money, and what happens when something fails on the way.

use backend::memory::Trouble;
use backend::ports::PortErrorKind;
use http::Method;
use serde_json::json;

use crate::world::{ANNA, BERT, World, passage};

#[tokio::test]
async fn an_answer_names_its_sources_its_use_and_its_cost() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3), passage(ANNA, "coffee", 7)]);
    world.ports.model.say("Hold it. [2] Then wait. [1] [2]");
    let answer = world.ask(ANNA, "  How do I reset it?\n").await;
    assert_eq!(answer.status.as_u16(), 200);
    let body = answer.json();
    assert_eq!(body["answer"], "Hold it. [1] Then wait. [2] [1]");
    assert_eq!(body["question"], "How do I reset it?");
    let source = |index: usize| body["sources"][index].clone();
    assert_eq!(
        (source(0)["manual_id"].clone(), source(0)["page_number"].clone()),
        (json!("coffee"), json!(7))
    );
    assert_eq!(source(1)["manual_name"], "router.pdf");
    assert!(source(1)["chunk_text"].as_str().unwrap().contains("router"));
    assert_eq!(body["context_used"], true);
    assert_eq!(body["context_found"], true);
    assert_eq!(body["cache_status"], "miss");
    assert_eq!(
        body["usage"],
        json!({ "daily_used": 1, "daily_limit": 50, "monthly_used": 1, "monthly_limit": 1000 })
    );
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    assert_eq!(body["timestamp"], "2026-11-15T12:00:00Z");
    assert_eq!(body["cost"]["currency"], "USD");
    let parts: f64 = body["cost"]["cost_breakdown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["cost"].as_f64().unwrap())
        .sum();
    let total = body["cost"]["total_cost"].as_f64().unwrap();
    assert!(total > 0.0 && (total - parts).abs() < 1e-12, "{total} {parts}");
    assert_eq!(world.figures(ANNA), (1, 1, 1, 0));
    let message = world.ports.model.messages().remove(0);
    assert!(message.starts_with("[1] router.pdf, page 3\nHold the button"), "{message}");
    assert!(message.ends_with("\n\nQuestion: How do I reset it?"), "{message}");
}

#[tokio::test]
async fn passages_of_others_never_reach_model_or_client() {
    let world = World::new();
    let mut nobodys = passage(ANNA, "nobodys", 1);
    nobodys.user_id = String::new();
    world.ports.search.hold(vec![passage(BERT, "secret", 1), nobodys, passage(ANNA, "mine", 2)]);
    let body = world.ask(ANNA, "What?").await.json();
    assert_eq!(body["sources"].as_array().unwrap().len(), 1);
    assert_eq!(body["sources"][0]["manual_id"], "mine");
    let message = world.ports.model.messages().remove(0);
    assert!(!message.contains("secret") && !message.contains("nobodys"), "{message}");
}

#[tokio::test]
async fn what_the_manuals_do_not_say_has_no_source_and_is_still_a_call() {
    let world = World::new();
    let none = world.ask(ANNA, "What?").await.json();
    assert_eq!(none["answer"], "The manuals do not say.");
    assert_eq!((&none["context_used"], &none["context_found"]), (&json!(false), &json!(false)));
    assert_eq!(none["cost"]["total_cost"], json!(0));
    assert!(world.ports.model.messages().is_empty());

    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world.ports.model.say("The manuals do not say.");
    let unsaid = world.ask(ANNA, "What?").await.json();
    assert_eq!((&unsaid["context_used"], &unsaid["context_found"]), (&json!(true), &json!(false)));
    assert_eq!(unsaid["sources"], json!([]));
    assert_eq!(world.figures(ANNA), (2, 2, 2, 0));
}

#[tokio::test]
async fn a_deleted_manual_is_not_cited_though_the_index_still_has_it() {
    let world = World::new();
    let id = world.upload(ANNA, "a.md", "# text").await.json()["manual_id"].clone();
    let id = id.as_str().unwrap();
    world.ports.search.hold(vec![passage(ANNA, id, 1)]);
    assert_eq!(world.ask(ANNA, "What?").await.json()["sources"][0]["manual_id"], id);
    assert_eq!(world.delete(ANNA, id).await.status.as_u16(), 204);
    assert_eq!(world.ask(ANNA, "What?").await.json()["sources"], json!([]));
}

#[tokio::test]
async fn bad_questions_are_refused_and_cost_nothing() {
    let world = World::new();
    let long = "x".repeat(1001);
    for (question, code) in [
        ("", "question_empty"),
        (" \n\t ", "question_empty"),
        (long.as_str(), "question_too_long"),
        ("a\u{0}b", "question_invalid"),
    ] {
        let answer = world.ask(ANNA, question).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code));
    }
    for (body, status, code) in
        [(json!({}), 400, "question_empty"), (json!({ "question": 5 }), 400, "invalid_json")]
    {
        let body = body.to_string().into_bytes();
        let answer = world.send(world.request(ANNA, Method::POST, "/api/query", body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
    let sql = world.ask(ANNA, "What does '; DROP TABLE users; -- do? <script>").await;
    assert_eq!(sql.status.as_u16(), 200);
}

#[tokio::test]
async fn a_failure_on_the_way_is_told_without_its_cause_and_given_back() {
    let failing = |kind| Some(Trouble::Fails(kind));
    for (kind, status, code_end) in [
        (PortErrorKind::Unavailable, 503, "unavailable"),
        (PortErrorKind::Corrupt, 503, "unavailable"),
        (PortErrorKind::Throttled, 429, "throttled"),
    ] {
        for port in ["search", "model", "files_rows"] {
            let world = World::new();
            world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
            match port {
                "search" => world.ports.search.trouble.set(failing(kind)),
                "model" => world.ports.model.trouble.set(failing(kind)),
                _ => world.ports.rows.trouble.set(failing(kind)),
            }
            let answer = world.ask(ANNA, "What?").await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status.as_u16(), status, "{port}: {text}");
            assert!(answer.code().ends_with(code_end), "{port}: {text}");
            assert!(!text.contains("arn:") && !text.contains("123456789012"), "{text}");
            assert_eq!(answer.json()["retryable"], true);
            let after: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&after));
            assert_eq!(answer.json()["retry_after"], after);
            assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "{port}");
        }
    }
}

#[tokio::test]
async fn the_deadline_ends_a_call_that_hangs_and_gives_it_back() {
    let world = World::with(&[("REQUEST_DEADLINE_MS", "1000")]);
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world.ports.model.trouble.set(Some(Trouble::Hangs));
    let answer = world.ask(ANNA, "What?").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (504, "deadline_exceeded"));
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_client_that_goes_away_is_not_charged() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world.ports.model.trouble.set(Some(Trouble::Hangs));
    let asking =
        tokio::time::timeout(std::time::Duration::from_millis(50), world.ask(ANNA, "What?"));
    assert!(asking.await.is_err());
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

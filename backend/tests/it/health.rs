//! Deep health: every dependency, each bounded, asked once for many; and what breakers do to answers.

use backend::memory::{Switch, Trouble};
use backend::ports::PortErrorKind;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::world::{ANNA, Answer, World, passage};

const OUT: Option<Trouble> = Some(Trouble::Fails(PortErrorKind::Unavailable));

const ALL: [&str; 10] = [
    "store",
    "files",
    "identity",
    "secrets",
    "transcription",
    "queue",
    "alerts",
    "search",
    "model",
    "index",
];

/// A dependency, its switch, and how the whole is without it.
type Case = (&'static str, fn(&World) -> &Switch, &'static str);

async fn deep(world: &World) -> Answer {
    let request = Request::builder().method(Method::GET).uri("/health/deep");
    world.send(request.body(axum::body::Body::empty()).unwrap()).await
}

fn check<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

#[tokio::test]
async fn each_dependency_has_a_check_and_a_breaker() {
    let world = World::new();
    let answer = deep(&world).await.json();
    let names: Vec<&str> =
        answer["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ALL);
    for name in ALL {
        assert_eq!(check(&answer, name)["status"], "ok", "{name}");
        assert_eq!(check(&answer, name)["breaker"], "closed", "{name}");
    }
}

#[tokio::test]
async fn one_that_is_out_or_hangs_is_named_and_only_without_counters_or_keys_is_it_down() {
    let cases: [Case; 7] = [
        ("store", |world| &world.ports.quota.trouble, "down"),
        ("identity", |world| &world.ports.jwks.trouble, "down"),
        ("files", |world| &world.ports.files.trouble, "degraded"),
        ("secrets", |world| &world.ports.secret.trouble, "degraded"),
        ("transcription", |world| &world.ports.transcriber.trouble, "degraded"),
        ("queue", |world| &world.ports.failures.trouble, "degraded"),
        ("alerts", |world| &world.ports.alerts.trouble, "degraded"),
    ];
    let looks = cases.into_iter().flat_map(|case| [(case, OUT), (case, Some(Trouble::Hangs))]);
    let looks = looks.map(|((name, switch, expected), trouble)| async move {
        let world = World::new();
        switch(&world).set(trouble);
        let answer = deep(&world).await;
        let body = answer.json();
        assert_eq!(body["status"], expected, "{name} {trouble:?}");
        let status = if expected == "down" { 503 } else { 200 };
        assert_eq!(answer.status.as_u16(), status, "{name}");
        for other in ALL {
            let expected = if other == name { "down" } else { "ok" };
            assert_eq!(check(&body, other)["status"], expected, "{other} while {name} is out");
        }
        assert!(check(&body, name)["latency_ms"].as_u64().unwrap() < 4000);
    });
    futures::future::join_all(looks).await;
}

#[tokio::test]
async fn keys_that_are_known_keep_it_from_being_down() {
    let world = World::new();
    assert_eq!(world.get(ANNA, "/api/manuals").await.status, StatusCode::OK);
    world.ports.jwks.trouble.set(OUT);
    let answer = deep(&world).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &json!("degraded")));
}

#[tokio::test]
async fn many_that_ask_at_once_are_one_round_and_its_picture_is_kept_for_a_second() {
    let world = World::new();
    futures::future::join_all((0..40).map(|_| deep(&world))).await;
    assert_eq!(world.ports.jwks.fetches(), 1);
    world.move_clock(1);
    deep(&world).await;
    assert_eq!(world.ports.jwks.fetches(), 2);
}

#[tokio::test]
async fn a_dark_model_opens_its_breaker_which_answers_at_once_and_closes_afterwards() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "m-1", 1)]);
    world.ports.model.trouble.set(OUT);
    for _ in 0..10 {
        assert_eq!(world.ask(ANNA, "How?").await.code(), "model_unavailable");
    }
    let body = deep(&world).await.json();
    assert_eq!(
        (&body["status"], &check(&body, "model")["breaker"]),
        (&json!("degraded"), &json!("open"))
    );

    world.ports.model.trouble.set(None);
    let refused = world.ask(ANNA, "How?").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "model_unavailable"));
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((4..=6).contains(&after), "{after}");
    assert!(world.ports.model.messages().is_empty(), "an open breaker makes no call");
    assert_eq!(world.get(ANNA, "/api/manuals").await.status, StatusCode::OK, "only the model's");
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));

    world.move_clock(7);
    for _ in 0..2 {
        assert_eq!(world.ask(ANNA, "How?").await.status, StatusCode::OK);
    }
    let body = deep(&world).await.json();
    assert_eq!(
        (&body["status"], &check(&body, "model")["breaker"]),
        (&json!("ok"), &json!("closed"))
    );
}

#[tokio::test]
async fn what_was_reserved_is_given_back_through_an_open_breaker_and_what_was_refused_is_not() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "m-1", 1)]);
    world.ports.model.trouble.set(Some(Trouble::Hangs));
    world.ports.search.trouble.hold(0);
    let asking = world.ask(ANNA, "How?");
    let meanwhile = async {
        world.ports.search.trouble.held().await;
        assert_eq!(world.figures(ANNA).3, 1, "reserved");
        world.ports.quota.trouble.set(OUT);
        for _ in 0..10 {
            assert_eq!(world.get(ANNA, "/api/user/quota").await.code(), "store_unavailable");
        }
        world.ports.quota.trouble.set(None);
        let refused = world.ask(ANNA, "How?").await;
        assert_eq!(refused.code(), "store_unavailable");
        world.ports.search.trouble.set(OUT);
        world.ports.search.trouble.release();
    };
    let (failed, ()) = tokio::join!(asking, meanwhile);
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "given back while the breaker is open");
    assert_eq!(deep(&world).await.json()["checks"][0]["breaker"], "open");
}

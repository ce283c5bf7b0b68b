//! The admin interface and LocalStack's: transcripts, and nothing that a bad body can break.
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use injector::{Injector, admin};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Counting, get_item, injector, rule, send};

async fn call(
    injector: &Injector,
    method: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(path)
        .body(Full::new(body.into()))
        .unwrap();
    let answer = admin::answer(injector.clone(), request).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(answer.body()).unwrap())
}

#[tokio::test]
async fn rules_come_are_listed_renewed_and_go() {
    let injector = injector();
    let one = json!({ "name": "a", "on": "dynamodb:GetItem", "do": "lose-reply", "ttl_ms": 15_000, "owner": "me" });
    let (status, said) = call(&injector, "POST", "/rules", one.to_string()).await;
    assert_eq!((status, said), (201, json!({ "added": ["a"] })));
    let (status, said) = call(&injector, "POST", "/rules", one.to_string()).await;
    assert_eq!((status, &said["field"]), (409, &json!("name")), "{said}");
    let (_, listed) = call(&injector, "GET", "/rules", "").await;
    assert_eq!(listed["rules"][0]["on"], "dynamodb:GetItem");
    assert!(listed["rules"][0]["left_ms"].as_u64().unwrap() > 10_000, "{listed}");
    let lease = json!({ "ttl_ms": 1000 }).to_string();
    assert_eq!(call(&injector, "PUT", "/rules/a/lease", lease.clone()).await.0, 200);
    let renewed = call(&injector, "PUT", "/owners/me/lease", lease.clone()).await;
    assert_eq!(renewed, (200, json!({ "renewed": 1 })));
    send(&injector, "dynamodb", &Counting::default(), get_item(1, 1, "t")).await;
    let (_, activity) = call(&injector, "GET", "/activity?since=0&limit=5", "").await;
    assert_eq!(activity["activity"][0]["rule"], "a", "{activity}");
    assert_eq!(call(&injector, "DELETE", "/rules/a", "").await.0, 200);
    assert_eq!(call(&injector, "DELETE", "/rules/a", "").await.0, 404);
    assert_eq!(call(&injector, "PUT", "/rules/a/lease", lease).await.0, 404);
    let (_, state) = call(&injector, "GET", "/", "").await;
    assert_eq!((&state["rules"], &state["ledger"]["written"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn an_array_is_taken_whole_or_not_at_all() {
    let injector = injector();
    let body = json!([
        { "name": "a", "on": "s3:*", "do": "lose-reply", "ttl_ms": 1000 },
        { "name": "b", "on": "s3:*", "do": "error SlowDwon", "ttl_ms": 1000 },
    ]);
    let (status, said) = call(&injector, "POST", "/rules", body.to_string()).await;
    assert_eq!((status, &said["field"]), (400, &json!("do")));
    assert!(said["error"].as_str().unwrap().contains("did you mean `SlowDown`?"), "{said}");
    assert!(injector.list().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let injector = injector();
    let with = |field: &str, value: Value| {
        let mut spec =
            json!({ "name": "a", "on": "dynamodb:GetItem", "do": "lose-reply", "ttl_ms": 1000 });
        spec[field] = value;
        spec.to_string()
    };
    for (body, status, field, says) in [
        (with("on", json!("dynamo:GetItem")), 400, "on", "did you mean `dynamodb`?"),
        (with("on", json!("dynamodb:GetItme")), 400, "on", "did you mean `GetItem`?"),
        (with("on", json!("dynamodb")), 400, "on", "service:operation"),
        (with("do", json!("delay NaN")), 400, "do", "500ms"),
        (with("do", json!("delay -4s")), 400, "do", "500ms"),
        (with("do", json!("delya 4s")), 400, "do", "did you mean `delay`?"),
        (with("when", json!({ "rate": -0.5 })), 400, "when.rate", "0 to 1"),
        (with("when", json!({ "rat": 0.5 })), 400, "rat", "unknown field"),
        (with("ttl_ms", json!(16_000)), 400, "ttl_ms", "15000"),
        (with("ttl_ms", json!(0)), 400, "ttl_ms", "15000"),
        ("{\"name\": \"a\", \"on".to_owned(), 400, "body", "EOF"),
        (String::new(), 400, "body", "EOF"),
        ("[1]".to_owned(), 400, "", "invalid type"),
        ("x".repeat(10 << 20), 413, "", "1048576"),
    ] {
        let (got, said) = call(&injector, "POST", "/rules", body.clone()).await;
        let short = &body[..body.len().min(80)];
        assert_eq!(got, status, "{short}: {said}");
        assert_eq!(said["field"].as_str().unwrap_or_default(), field, "{short}: {said}");
        assert!(said["error"].as_str().unwrap().contains(says), "{short}: {said}");
    }
    assert_eq!(call(&injector, "POST", "/seed", "{}").await.0, 405);
    assert_eq!(call(&injector, "GET", "/rule", "").await.0, 404);
    let (status, said) = call(&injector, "GET", "/activity?since=x", "").await;
    assert_eq!((status, &said["field"]), (400, &json!("since")));
}

#[tokio::test]
async fn localstack_scripts_run() {
    let injector = injector();
    let path = "/_localstack/chaos/faults";
    let throttle = json!({ "service": "dynamodb", "operation": "GetItem", "probability": 1,
        "error": { "statusCode": 400, "code": "ProvisionedThroughputExceededException" } });
    let (status, said) = call(&injector, "POST", path, json!([throttle]).to_string()).await;
    assert_eq!((status, &said[0]["service"]), (200, &json!("dynamodb")));
    let inner = Counting::default();
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "t")).await.unwrap();
    assert_eq!((saw.status, inner.calls()), (400, 0));
    call(&injector, "PATCH", path, json!([{ "service": "s3" }]).to_string()).await;
    // Only what is exactly equal goes.
    call(&injector, "DELETE", path, json!([{ "service": "dynamodb" }]).to_string()).await;
    assert_eq!(call(&injector, "GET", path, "").await.1.as_array().unwrap().len(), 2);
    call(&injector, "DELETE", path, json!([throttle]).to_string()).await;
    assert_eq!(call(&injector, "GET", path, "").await.1, json!([{ "service": "s3" }]));
    // `[{}]` fails everything, with the defaults.
    call(&injector, "POST", path, "[{}]").await;
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "t")).await.unwrap();
    assert_eq!(saw.status, 503);
    assert!(saw.json().to_string().contains("Service 'dynamodb' not accessible due to an outage"));
    assert_eq!(injector.ledger().counts(), (2, 0));
    call(&injector, "POST", path, "[]").await;
    assert!(send(&injector, "dynamodb", &inner, get_item(1, 1, "t")).await.unwrap().status == 200);
    let effects = "/_localstack/chaos/effects";
    assert_eq!(call(&injector, "POST", effects, r#"{"latency": 40}"#).await.0, 200);
    let began = tokio::time::Instant::now();
    send(&injector, "dynamodb", &inner, get_item(1, 1, "t")).await.unwrap();
    assert!(began.elapsed().as_millis() >= 40);
    call(&injector, "POST", path, r#"[{"service": "s3"}]"#).await;
    call(&injector, "DELETE", "/rules", "").await;
    assert_eq!(call(&injector, "GET", path, "").await.1, json!([]), "all is all");
    assert_eq!(call(&injector, "GET", effects, "").await.1, json!({}));
    call(&injector, "PUT", "/kill-switch", "").await;
    for (path, body) in [(path, "[]"), (effects, r#"{"latency": 1}"#)] {
        assert_eq!(call(&injector, "POST", path, body).await.0, 409, "{path}");
    }
    call(&injector, "DELETE", "/kill-switch", "").await;
    assert_eq!(call(&injector, "POST", effects, "{}").await.1, json!({}));
    for bad in [r#"[{"probability": 2}]"#, r#"[{"service": "dynamo"}]"#, r#"[{"servce": "s3"}]"#] {
        assert_eq!(call(&injector, "POST", path, bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn ten_thousand_rules_are_the_most() {
    let injector = injector();
    let many = |from: u32, to: u32| {
        (from..to).map(|n| rule(json!({ "name": format!("r{n}"), "do": "lose-reply" }))).collect()
    };
    injector.add(many(0, 10_000)).unwrap();
    assert!(injector.add(many(10_000, 10_001)).is_err());
    assert_eq!(call(&injector, "DELETE", "/rules", "").await.1, json!({ "ended": 10_000 }));
}

proptest! {
    #[test]
    fn no_body_breaks_it(method in "GET|POST|PUT|PATCH|DELETE", path in
        "(/rules|/seed|/kill-switch|/activity|/_localstack/chaos/(faults|effects)|/owners/x/lease)",
        body in prop_oneof![any::<Vec<u8>>(), r#"[\[\]{}":,0-9a-z_.\-]{0,60}"#.prop_map(String::into_bytes)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (status, _) = runtime.block_on(call(&injector(), &method, &path, body));
        prop_assert!(status < 500, "{status}");
    }
}

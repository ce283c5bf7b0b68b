//! What a caller sees of each verb, what the service behind sees, and what the ledger says.
use std::collections::BTreeSet;
use std::time::Duration;

use injector::ledger::Fate;
use injector::{Injector, Refused};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Counting, get_item, injector, let_pass, rule, send};

fn with(verb: &str) -> (Injector, Counting) {
    let injector = injector();
    injector.add(vec![rule(json!({ "do": verb }))]).unwrap();
    (injector, Counting::default())
}

#[tokio::test]
async fn an_error_comes_instead_of_the_call() {
    let (injector, inner) = with("error ProvisionedThroughputExceededException");
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
    assert_eq!((saw.status, inner.calls()), (400, 0));
    let code = saw.json()["__type"].as_str().unwrap().to_owned();
    assert!(code.ends_with("#ProvisionedThroughputExceededException"), "{code}");
    let lines = injector.ledger().recent(0, 10);
    assert_eq!(lines.len(), 1);
    let trace = format!("{:032x}", 1);
    assert_eq!(lines[0].key, format!("{trace}/dynamodb:GetItem/1"));
    assert_eq!(lines[0].resource.as_deref(), Some("usage"));
    assert_eq!((lines[0].effect, lines[0].fate), (false, Fate::Answered));
}

#[tokio::test]
async fn a_lost_reply_keeps_the_effect() {
    let (injector, inner) = with("lose-reply");
    assert!(send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.is_none());
    assert_eq!(inner.calls(), 1);
    let lines = injector.ledger().recent(0, 10);
    assert_eq!((lines[0].effect, lines[0].fate), (true, Fate::Cut));
}

#[tokio::test]
async fn an_error_after_the_effect_is_an_error_and_an_effect() {
    let (injector, inner) = with("fail-after-effect InternalServerError");
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
    assert_eq!((saw.status, inner.calls()), (500, 1));
    assert!(injector.ledger().recent(0, 10)[0].effect);
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_within_what_it_announced() {
    for (verb, kept) in [("truncate 0", 0), ("truncate 0.5", 5), ("truncate 1", 9)] {
        let (injector, inner) = with(verb);
        let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
        let whole = json!({ "call": 1 }).to_string();
        assert_eq!(saw.body.unwrap_err(), &whole.as_bytes()[..kept], "{verb}");
        assert_eq!((whole.len(), inner.calls()), (10, 1));
    }
}

#[tokio::test]
async fn garbage_is_no_json_and_a_duplicate_arrives_thrice() {
    let (injector, inner) = with("garbage");
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
    assert_eq!(saw.status, 200);
    assert!(serde_json::from_slice::<Value>(&saw.body.unwrap()).is_err());
    let (injector, inner) = with("duplicate 3");
    let saw = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
    assert_eq!((saw.json()["call"].clone(), inner.calls()), (json!(1), 3));
}

#[tokio::test]
async fn a_delay_waits_and_is_told_also_if_the_caller_leaves() {
    let (injector, inner) = with("delay 60ms±20ms");
    let began = Instant::now();
    send(&injector, "dynamodb", &inner, get_item(1, 1, "usage")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
    let (injector, inner) = with("delay 10s");
    let call = send(&injector, "dynamodb", &inner, get_item(1, 1, "usage"));
    assert!(tokio::time::timeout(Duration::from_millis(30), call).await.is_err());
    let lines = injector.ledger().recent(0, 10);
    assert_eq!((lines[0].effect, lines[0].fate, inner.calls()), (false, Fate::HungUp, 0));
}

#[tokio::test]
async fn a_skewed_date_is_on_errors_too() {
    let injector = injector();
    injector
        .add(vec![
            rule(json!({ "name": "skew", "do": "skew date +10m" })),
            rule(json!({ "name": "deny", "do": "error AccessDeniedException" })),
        ])
        .unwrap();
    let saw = send(&injector, "dynamodb", &Counting::default(), get_item(1, 1, "t")).await.unwrap();
    let date = saw.headers["date"].to_str().unwrap();
    let format = time::format_description::well_known::Rfc2822;
    let date = time::OffsetDateTime::parse(&date.replace("GMT", "+0000"), &format).unwrap();
    let off = date - time::OffsetDateTime::now_utc();
    assert!((off.whole_seconds() - 600).abs() <= 5, "{off}");
    assert_eq!(injector.ledger().recent(0, 10).len(), 2);
}

#[tokio::test]
async fn a_stale_read_is_an_answer_of_before() {
    let (injector, inner) = with("stale 50ms");
    let call = || send(&injector, "dynamodb", &inner, get_item(1, 1, "usage"));
    let value = |saw: Option<crate::support::Saw>| saw.unwrap().json()["call"].clone();
    assert_eq!(value(call().await), 1, "there is nothing old yet");
    assert_eq!(value(call().await), 2, "nor old enough");
    let_pass(Duration::from_millis(60)).await;
    assert_eq!(value(call().await), 2);
    let other = send(&injector, "dynamodb", &inner, get_item(1, 1, "manuals")).await;
    assert_eq!(value(other), 3, "another read has its own past");
    assert_eq!(injector.ledger().recent(0, 10).len(), 1, "only what was stale is a fault");
}

#[tokio::test]
async fn a_limit_refuses_what_is_over_it() {
    let (injector, inner) = with("limit 5 requests/min");
    let mut statuses = Vec::new();
    for trace in 1..=8 {
        let saw = send(&injector, "dynamodb", &inner, get_item(trace, 1, "usage")).await;
        statuses.push(saw.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 400, 400, 400]);
    assert!(injector.ledger().recent(0, 10).iter().all(|line| !line.keyed));
}

#[tokio::test]
async fn calls_are_counted_within_each_trace() {
    let injector = injector();
    let spec = json!({ "do": "error InternalServerError", "when": { "calls": "1..2" } });
    injector.add(vec![rule(spec)]).unwrap();
    let inner = Counting::default();
    for trace in [1, 2] {
        for (attempt, status) in [(1, 500), (2, 500), (3, 200)] {
            let saw = send(&injector, "dynamodb", &inner, get_item(trace, attempt, "t")).await;
            assert_eq!(saw.unwrap().status, status, "{trace} {attempt}");
        }
    }
}

#[tokio::test]
async fn only_what_a_rule_is_about_is_hit() {
    let injector = injector();
    for (n, only) in [
        json!({ "resource": "usage-*" }),
        json!({ "tenant": "b*" }),
        json!({ "header": { "x-other": "*" } }),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("r{n}");
        injector.add(vec![rule(json!({ "name": name, "do": "lose-reply", "if": only }))]).unwrap();
    }
    injector.spare(["HARNESS".to_owned()]);
    let inner = Counting::default();
    assert!(send(&injector, "dynamodb", &inner, get_item(1, 1, "manuals")).await.is_some());
    assert!(send(&injector, "s3", &inner, get_item(1, 1, "usage-x")).await.is_some());
    assert!(send(&injector, "dynamodb", &inner, get_item(1, 1, "usage-x")).await.is_none());
    let mut own = get_item(1, 1, "usage-x");
    let signature = "AWS4-HMAC-SHA256 Credential=HARNESS/20261123/eu-west-1/dynamodb/aws4_request";
    own.headers_mut().insert("authorization", signature.parse().unwrap());
    assert!(send(&injector, "dynamodb", &inner, own).await.is_some(), "the harness is spared");
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_the_kill_switch_at_once() {
    let injector = injector();
    injector.add(vec![rule(json!({ "do": "lose-reply", "ttl_ms": 80 }))]).unwrap();
    let inner = Counting::default();
    assert!(send(&injector, "dynamodb", &inner, get_item(1, 1, "t")).await.is_none());
    assert_eq!(injector.renew(120, |_| true), Ok(1));
    let_pass(Duration::from_millis(90)).await;
    assert!(send(&injector, "dynamodb", &inner, get_item(2, 1, "t")).await.is_none(), "renewed");
    let_pass(Duration::from_millis(50)).await;
    assert!(send(&injector, "dynamodb", &inner, get_item(3, 1, "t")).await.is_some(), "over");
    injector.add(vec![rule(json!({ "do": "lose-reply" }))]).unwrap();
    injector.kill(true);
    assert!(send(&injector, "dynamodb", &inner, get_item(4, 1, "t")).await.is_some());
    let refused = injector.add(vec![rule(json!({ "do": "lose-reply" }))]);
    assert_eq!(refused, Err(Refused::Killed));
}

/// 64 callers at once, in another order each time: the same faults.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_seed_hits_the_same_calls_twenty_times_over() {
    let mut hashes = BTreeSet::new();
    let mut hits = BTreeSet::new();
    for run in 0..20_u32 {
        let injector = injector();
        let throttle = json!({
            "name": "throttle", "when": { "rate": 0.3 },
            "do": "error ProvisionedThroughputExceededException",
        });
        let lose = json!({ "name": "lose", "when": { "calls": "2" }, "do": "lose-reply" });
        injector.add(vec![rule(throttle), rule(lose)]).unwrap();
        let inner = Counting::default();
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..64_u32 {
            let (injector, inner) = (injector.clone(), inner.clone());
            clients.spawn(async move {
                for n in 0..20_u32 {
                    let n = (n * 7 + run) % 20;
                    let trace = u128::from(client * 100 + n + 1);
                    for attempt in 1..=3 {
                        let saw =
                            send(&injector, "dynamodb", &inner, get_item(trace, attempt, "t"));
                        if saw.await.is_some_and(|saw| saw.status == 200) {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        hashes.insert(injector.ledger().hash().unwrap());
        hits.insert(injector.ledger().counts().0);
    }
    assert_eq!((hashes.len(), hits.len()), (1, 1), "{hashes:?} {hits:?}");
    let hits = hits.pop_first().unwrap();
    assert!((300..900).contains(&hits), "about 0.39 of 1280: {hits}");
}

proptest! {
    /// A rule is taken or refused with the name of a field; nothing else, whatever is written.
    #[test]
    fn any_text_is_taken_or_refused(
        name in "[a-z#é ]{0,12}", on in "(dynamodb|s3|x|)(:|)[A-Za-z*{}\\[\\],?]{0,9}",
        verb in "(error|delay|limit|skew|stream|truncate|stale|duplicate|status|) ?[a-zA-Z0-9±.+/ -]{0,24}",
        rate in prop::num::f64::ANY, ttl_ms in any::<u64>(),
    ) {
        let mut spec = rule(json!({ "do": verb }));
        spec.name = name;
        spec.on = on;
        spec.ttl_ms = ttl_ms;
        spec.when = Some(injector::WhenSpec { rate: Some(rate), ..Default::default() });
        match injector().add(vec![spec]) {
            Ok(()) => {}
            Err(Refused::Field(_, field)) => {
                prop_assert!(["name", "on", "do", "when.rate", "ttl_ms"].contains(&field.field.as_str()));
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

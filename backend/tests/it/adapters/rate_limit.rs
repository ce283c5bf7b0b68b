//! Slots of rate limits over the real adapter: one conditional write a call, nobody's name in it, and a lost reply that
//! is not taken for a refusal.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::app::rate_limit::RateLimiter;
use backend::clock::Clock;
use backend::domain::rate_limit::{RateLimit, Subject};
use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use super::{anna, dynamo, ports, refused};
use crate::world::{ANNA, NOON_S};

/// A table that keeps what is put where nothing is, and whose first reply is lost.
async fn table_that_loses_its_first_reply(server: &MockServer) {
    let slots: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let store = Arc::clone(&slots);
    let put = move |request: &Request| {
        let item = request.body_json::<Value>().unwrap()["Item"].clone();
        let mut slots = store.lock().unwrap();
        let (first, sk) = (slots.is_empty(), item["sk"]["S"].as_str().unwrap().to_owned());
        if slots.contains_key(&sk) {
            return refused(400, "ConditionalCheckFailedException", &json!({}));
        }
        slots.insert(sk, item);
        if first {
            refused(500, "InternalServerError", &json!({}))
        } else {
            ResponseTemplate::new(200).set_body_json(json!({}))
        }
    };
    dynamo("PutItem").respond_with(put).mount(server).await;
    let query = move |_: &Request| {
        let items: Vec<Value> = slots.lock().unwrap().values().cloned().collect();
        ResponseTemplate::new(200).set_body_json(json!({ "Items": items }))
    };
    dynamo("Query").respond_with(query).mount(server).await;
}

#[tokio::test]
async fn a_slot_is_one_conditional_write_and_a_lost_reply_counts_once() {
    let server = MockServer::start().await;
    table_that_loses_its_first_reply(&server).await;
    let limit = RateLimit { requests: 3, window: Duration::from_mins(1) };
    let clock = Clock::Manual(Arc::new(AtomicI64::new(NOON_S * 1000)));
    let limiter = RateLimiter::new(ports(&server).await.rate_limit, clock, limit);
    for _ in 0..3 {
        limiter.admit(Subject::user(&anna())).await.unwrap();
    }
    assert!(limiter.admit(Subject::user(&anna())).await.is_err());

    let sent = server.received_requests().await.unwrap();
    let of = |operation: &str| {
        let target = format!("DynamoDB_20120810.{operation}");
        sent.iter().filter(|sent| sent.headers["x-amz-target"] == target.as_str()).count()
    };
    assert_eq!((of("PutItem"), of("Query"), sent.len()), (4, 1, 5), "one was sent again");
    let body: Value = sent[0].body_json().unwrap();
    let item = &body["Item"];
    assert_eq!(item["at"]["N"], (NOON_S * 1000).to_string());
    assert_eq!(item["expires_at"]["N"], (NOON_S + 61).to_string());
    let values = &body["ExpressionAttributeValues"];
    assert_eq!(values[":free_until"]["N"], ((NOON_S - 60) * 1000).to_string());
    assert_eq!(
        body["ConditionExpression"],
        "attribute_not_exists(#pk) OR #at <= :free_until OR #at > :plausible_until"
    );
    assert!(!body.to_string().contains(ANNA), "{body}");
    assert_eq!(item["pk"]["S"].as_str().unwrap().len(), "RATE#".len() + 32);
}

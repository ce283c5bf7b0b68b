//! The contract check, answer by answer: what holds, and one broken promise at a time.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::*;
use crate::exchange::Marks;

const DOCUMENTED: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("x-request-id", "r-1"),
    ("x-manuel-version", "1a53660-dirty"),
    ("server-timing", "own;dur=1.5, dep;dur=0"),
];

pub(super) fn answer(status: u16, body: &Value) -> Exchange {
    let mut headers = HeaderMap::new();
    for (name, value) in DOCUMENTED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let marks = Marks { sent_us: 0, head_us: Some(1), done_us: 2 };
    Exchange { status, headers, body: Bytes::from(body.to_string()), marks }
}

fn error(status: u16, code: &str, retry_after: Option<u64>) -> Exchange {
    let mut body = json!({
        "error": "That did not work.", "code": code, "request_id": "r-1", "retryable": false,
    });
    if let Some(seconds) = retry_after {
        body["retry_after"] = json!(seconds);
    }
    let mut exchange = answer(status, &body);
    if let Some(seconds) = retry_after {
        exchange.headers.insert("retry-after", HeaderValue::from(seconds));
    }
    exchange
}

fn ask() -> Request {
    Request::Query { question: "q".to_owned() }
}

fn query_body() -> Value {
    json!({
        "answer": "a", "question": "q", "context_used": true, "context_found": true,
        "sources": [{ "manual_id": "m", "manual_name": "n", "page_number": 3, "chunk_text": "c", "score": 0.5 }],
        "cache_status": "miss", "request_id": "r-1", "timestamp": "t", "response_time_ms": 7,
        "usage": { "daily_used": 1, "daily_limit": 50, "monthly_used": 1, "monthly_limit": 1000 },
        "cost": {
            "request_id": "r-1", "operation": "query", "total_cost": "0.0003", "currency": "USD", "timestamp": "t",
            "cost_breakdown": [
                { "service": "bedrock", "operation": "converse", "cost": "0.0001", "unit": "token", "quantity": 12 },
                { "service": "bedrock", "operation": "retrieve", "cost": 0.0002, "unit": "call", "quantity": "1" },
            ],
        },
    })
}

fn rules(request: &Request, exchange: &Exchange) -> Vec<ContractRule> {
    match check(request, exchange) {
        Ok(_) => vec![],
        Err(breaches) => breaches.into_iter().map(|breach| breach.rule).collect(),
    }
}

#[test]
fn documented_answers_hold() {
    let parsed = check(&ask(), &answer(200, &query_body()));
    let Ok(Parsed::Query(query)) = parsed else { panic!("{parsed:?}") };
    assert_eq!(query.sources[0].page_number, Some(3));
    let manual = json!({ "id": "m", "name": "n", "upload_date": "d", "size": 1, "pages": null, "status": "ready" });
    let list = json!({ "manuals": [manual], "count": 1 });
    let request = Request::ListManuals { limit: None, cursor: None };
    assert!(matches!(check(&request, &answer(200, &list)), Ok(Parsed::Manuals(_))));
    let mut gone = answer(204, &json!(null));
    gone.body = Bytes::new();
    assert_eq!(check(&Request::DeleteManual { id: "m".into() }, &gone), Ok(Parsed::Deleted));
    let health = json!({ "status": "ok", "version": "1", "stage": "local" });
    assert!(check(&Request::Health, &answer(200, &health)).is_ok());
    let days = json!([{ "date": "2026-01-01", "queries": 1, "transcriptions": 0, "cost": "0.1" }]);
    let usage = json!({ "daily_used": 1, "daily_limit": 2, "monthly_used": 3, "monthly_limit": 4, "days": days });
    assert!(check(&Request::Usage { days: None }, &answer(200, &usage)).is_ok());
    let jobs = json!({ "jobs": [{ "job_id": "j", "status": "running" }] });
    assert!(check(&Request::IngestionStatus, &answer(200, &jobs)).is_ok());
}

#[test]
fn recordings_are_answered_as_documented() {
    let recording = || ("audio/wav".to_owned(), Bytes::from_static(b"RIFF"));
    let (content_type, bytes) = recording();
    let asked = Request::VoiceQuery { content_type, bytes };
    assert!(matches!(check(&asked, &answer(200, &query_body())), Ok(Parsed::Query(_))));
    let (content_type, bytes) = recording();
    let heard = Request::Transcribe { content_type, bytes, filename: None };
    let mut body = query_body();
    let mut cost = body["cost"].take();
    cost["operation"] = json!("transcribe");
    let body =
        json!({ "transcription": "t", "usage": body["usage"], "cost": cost, "request_id": "r-1" });
    let parsed = check(&heard, &answer(200, &body));
    assert!(matches!(parsed, Ok(Parsed::Transcribed(_))), "{parsed:?}");
    for request in [&asked, &heard] {
        let unreadable = error(422, "audio_unreadable", None);
        assert!(matches!(check(request, &unreadable), Ok(Parsed::Error(_))));
        assert_eq!(rules(request, &error(409, "conflict", None)), [ContractRule::Status]);
    }
    // A typed question cannot be unreadable, and a query's cost is not a transcription's.
    assert_eq!(rules(&ask(), &error(422, "no_speech", None)), [ContractRule::Status]);
    assert_eq!(rules(&asked, &answer(200, &body)), [ContractRule::Body]);
    let mut other = body;
    other["cost"]["operation"] = json!("query");
    assert_eq!(rules(&heard, &answer(200, &other)), [ContractRule::Body]);
}

/// An upload of `# a`, the same by the two other ways, and what is answered.
fn taken_in() -> (Request, Request, Request, Value) {
    let upload = Request::UploadManual {
        filename: "a.md".to_owned(),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from_static(b"# a"),
        idempotency_key: None,
    };
    let complete = Request::CompleteManual { id: "m".to_owned() };
    let url = "https://a.example/a.md".to_owned();
    let download = Request::DownloadManual { url, filename: None };
    let sha256 = "b2e77fbb5f564e2145071c75ac6a7d56478cf3ef696e5100f53378a7bb185750";
    let body = json!({
        "manual_id": "m", "name": "a.md", "size": 3, "sha256": sha256, "status": "processing",
        "ingestion_job_id": "j",
    });
    (upload, complete, download, body)
}

#[test]
fn manuals_are_taken_in_three_ways() {
    let (upload, complete, download, body) = taken_in();
    for request in [&upload, &complete, &download] {
        let parsed = check(request, &answer(201, &body));
        assert!(matches!(parsed, Ok(Parsed::Uploaded(_))), "{parsed:?}");
        assert_eq!(rules(request, &answer(200, &body)), [ContractRule::Status]);
        assert!(rules(request, &error(422, "manual_unreadable", None)).is_empty());
        assert!(rules(request, &error(415, "content_type_mismatch", None)).is_empty());
    }
    let pending = error(409, "upload_incomplete", None);
    assert!(rules(&complete, &pending).is_empty());
    assert_eq!(rules(&download, &pending), [ContractRule::Status]);
    let absent = error(404, "not_found", None);
    assert!(rules(&complete, &absent).is_empty());
    for request in [&upload, &download] {
        assert_eq!(rules(request, &absent), [ContractRule::Status]);
    }
}

#[test]
fn an_announcement_is_answered_with_a_url() {
    let announce = Request::AnnounceManual {
        filename: "a.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        size: 5_000_000,
        sha256: "ab".repeat(32),
        idempotency_key: None,
    };
    let mut body = json!({
        "manual_id": "m", "upload_url": "https://b.example/m?s", "expires_at": "2026-01-01T00:00:00Z",
        "headers": { "content-length": "5000000" },
    });
    let parsed = check(&announce, &answer(201, &body));
    let Ok(Parsed::Announced(announced)) = parsed else { panic!("{parsed:?}") };
    assert_eq!(announced.headers["content-length"], "5000000");
    assert!(rules(&announce, &error(409, "idempotency_key_reused", None)).is_empty());
    // No file is read yet, and there is nothing that could be missing.
    for status in [404, 422] {
        assert_eq!(rules(&announce, &error(status, "c", None)), [ContractRule::Status]);
    }
    body["upload_url"] = json!("m?s");
    assert_eq!(rules(&announce, &answer(201, &body)), [ContractRule::Body]);
    body.as_object_mut().unwrap().remove("expires_at");
    assert_eq!(rules(&announce, &answer(201, &body)), [ContractRule::Body]);
}

#[test]
fn an_answer_about_something_else_is_a_breach() {
    let (upload, complete, _, body) = taken_in();
    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        answer(201, &body)
    };
    assert_eq!(rules(&upload, &with("size", json!(4))), [ContractRule::Body]);
    assert_eq!(rules(&upload, &with("sha256", json!("00"))), [ContractRule::Body]);
    assert_eq!(rules(&upload, &with("status", json!("ready"))), [ContractRule::Body]);
    assert_eq!(rules(&complete, &with("manual_id", json!("n"))), [ContractRule::Body]);
    let job = Request::IngestionJob { id: "j".to_owned() };
    let told = |id: &str| answer(200, &json!({ "job_id": id, "status": "running" }));
    assert!(rules(&job, &told("j")).is_empty());
    assert_eq!(rules(&job, &told("k")), [ContractRule::Body]);
    let get = Request::GetManual { id: "m".to_owned() };
    let row = json!({
        "id": "n", "name": "n", "upload_date": "d", "size": 1, "pages": 1, "status": "ready",
        "download_url": "https://b.example/n",
    });
    assert_eq!(rules(&get, &answer(200, &row)), [ContractRule::Body]);
}

#[test]
fn documented_refusals_hold() {
    for exchange in [
        error(401, "token_expired", None),
        error(429, "rate_limited", Some(60)),
        error(429, "quota_exceeded", Some(20_000)),
        error(503, "store_unavailable", Some(1)),
        error(504, "deadline_exceeded", None),
    ] {
        let parsed = check(&ask(), &exchange);
        assert!(matches!(parsed, Ok(Parsed::Error(_))), "{parsed:?}");
    }
}

#[test]
fn each_header_is_missed() {
    for (name, _) in DOCUMENTED.iter().filter(|(name, _)| *name != "content-type") {
        for mut exchange in [answer(200, &query_body()), error(401, "no_token", None)] {
            exchange.headers.remove(*name);
            let seen = check(&ask(), &exchange).unwrap_err();
            assert!(seen.iter().any(|breach| breach.rule == ContractRule::Header), "{name}");
        }
    }
}

#[test]
fn a_doubled_header_is_a_breach() {
    let mut exchange = answer(200, &query_body());
    exchange.headers.append("x-frame-options", HeaderValue::from_static("ALLOWALL"));
    assert_eq!(rules(&ask(), &exchange), [ContractRule::Header]);
}

#[test]
fn undocumented_statuses_are_breaches() {
    assert_eq!(rules(&ask(), &error(500, "internal", None)), [ContractRule::Status]);
    assert_eq!(rules(&ask(), &error(404, "not_found", None)), [ContractRule::Status]);
    assert_eq!(rules(&Request::Health, &error(503, "out", Some(1))), [ContractRule::Status]);
    assert_eq!(rules(&ask(), &answer(202, &query_body())), [ContractRule::Status]);
    let get = Request::GetManual { id: "m".to_owned() };
    assert!(rules(&get, &error(404, "not_found", None)).is_empty());
}

#[test]
fn retry_after_has_its_range() {
    let wrong = [
        error(429, "rate_limited", None),
        error(429, "rate_limited", Some(61)),
        error(429, "rate_limited", Some(0)),
        error(503, "quota_store_unavailable", Some(3600)),
        error(429, "quota_exceeded", Some(0)),
    ];
    for exchange in wrong {
        assert_eq!(rules(&ask(), &exchange), [ContractRule::RetryAfter], "{exchange:?}");
    }
    let mut date = error(503, "out", None);
    date.headers.insert("retry-after", HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(rules(&ask(), &date), [ContractRule::RetryAfter]);
}

#[test]
fn a_body_that_is_off_is_named() {
    for field in ["answer", "sources", "usage", "cost", "cache_status", "request_id"] {
        let mut body = query_body();
        body.as_object_mut().unwrap().remove(field);
        let seen = check(&ask(), &answer(200, &body)).unwrap_err();
        assert_eq!(seen[0].rule, ContractRule::Body);
        assert!(seen[0].detail.contains(&format!("missing field `{field}`")), "{seen:?}");
    }
    let mut other_id = query_body();
    other_id["request_id"] = json!("r-2");
    assert_eq!(rules(&ask(), &answer(200, &other_id)), [ContractRule::Body]);
    let mut sum = query_body();
    sum["cost"]["total_cost"] = json!("0.0004");
    assert_eq!(rules(&ask(), &answer(200, &sum)), [ContractRule::Body]);
    let list = json!({ "manuals": [], "count": 1 });
    let request = Request::ListManuals { limit: None, cursor: None };
    assert_eq!(rules(&request, &answer(200, &list)), [ContractRule::Body]);
    let delete = Request::DeleteManual { id: "m".to_owned() };
    assert_eq!(rules(&delete, &answer(204, &json!({}))), [ContractRule::Body]);
}

#[test]
fn error_bodies_are_flat_and_complete() {
    let full = json!({ "error": "e", "code": "c", "request_id": "r-1", "retryable": true });
    let with = |name: &str, value: Value| {
        let mut body = full.clone();
        body[name] = value;
        body
    };
    let off = [
        with("request_id", json!("r-2")),
        with("code", json!("NotSnake")),
        with("error", json!(" ")),
        with("details", json!({ "a": 1 })),
        with("retry_after", json!(3)),
        with("retryable", json!("yes")),
        json!([1]),
    ];
    assert!(rules(&ask(), &answer(400, &full)).is_empty());
    for body in off {
        assert_eq!(rules(&ask(), &answer(400, &body)), [ContractRule::ErrorBody], "{body}");
    }
    let mut html = answer(400, &json!(null));
    html.body = Bytes::from_static(b"<html>Bad Request</html>");
    assert_eq!(rules(&ask(), &html), [ContractRule::ErrorBody]);
}

#[test]
fn leaks_are_found_in_errors_and_headers_and_not_in_answers() {
    let contract = Contract::new(["Manuel-Usage"]).unwrap();
    let leaky = |text: &str| {
        answer(503, &json!({ "error": text, "code": "c", "request_id": "r-1", "retryable": true }))
    };
    for text in ["table manuel-usage is gone", "arn:aws:dynamodb:x"] {
        let mut exchange = leaky(text);
        exchange.headers.insert("retry-after", HeaderValue::from(2));
        let seen = contract.check(&ask(), &exchange).unwrap_err();
        assert!(seen.iter().all(|breach| breach.rule == ContractRule::Leak), "{seen:?}");
    }
    let mut escaped = error(400, "c", None);
    escaped.body = Bytes::from_static(
        br#"{"error":"\u0061rn:aws:x","code":"c","request_id":"r-1","retryable":false}"#,
    );
    assert_eq!(rules(&ask(), &escaped), [ContractRule::Leak]);
    let mut header = answer(200, &query_body());
    header.headers.insert("x-debug", HeaderValue::from_static("arn:aws:x"));
    assert_eq!(rules(&ask(), &header), [ContractRule::Leak]);
    let mut body = query_body();
    body["answer"] = json!("Set arn:aws:iot as the endpoint.");
    assert!(rules(&ask(), &answer(200, &body)).is_empty());
    assert!(Contract::new(["abc"]).is_err());
}

#[test]
fn preflight_is_204() {
    let raw = |method: Method| Request::Raw {
        method,
        path_and_query: "/api/query".to_owned(),
        content_type: None,
        body: Bytes::new(),
        signed: false,
    };
    assert_eq!(rules(&raw(Method::OPTIONS), &answer(200, &json!({}))), [ContractRule::Status]);
    assert!(rules(&raw(Method::PUT), &error(405, "method_not_allowed", None)).is_empty());
}

#[test]
fn the_picture_of_the_dependencies_is_one_with_200_and_503_and_names_no_resource() {
    let picture = |status: &str, part: &str| json!({ "status": status, "checks": [{ "name": "store", "status": part, "latency_ms": 3, "breaker": "closed" }] });
    let deep = |status: u16, body: &Value| {
        let mut exchange = answer(status, body);
        if status == 503 {
            exchange.headers.insert("retry-after", HeaderValue::from(5_u64));
        }
        exchange
    };
    let held = [(200, "ok", "ok"), (200, "degraded", "down"), (503, "down", "down")];
    for (status, whole, part) in held {
        let parsed = check(&Request::DeepHealth, &deep(status, &picture(whole, part)));
        assert!(matches!(parsed, Ok(Parsed::DeepHealth(_))), "{parsed:?}");
    }
    let wrong = [(200, "down", "down"), (503, "ok", "ok"), (200, "ok", "down"), (200, "ok", "dim")];
    for (status, whole, part) in wrong {
        let exchange = deep(status, &picture(whole, part));
        assert_eq!(rules(&Request::DeepHealth, &exchange), [ContractRule::Body], "{whole} {part}");
    }
    let silent = answer(503, &picture("down", "down"));
    assert_eq!(rules(&Request::DeepHealth, &silent), [ContractRule::RetryAfter]);
    let contract = Contract::new(["manuel-usage"]).unwrap();
    let mut named = picture("ok", "ok");
    named["checks"][0]["name"] = json!("manuel-usage");
    let breaches = contract.check(&Request::DeepHealth, &answer(200, &named)).unwrap_err();
    assert_eq!(breaches[0].rule, ContractRule::Leak);
    let refused = check(&Request::DeepHealth, &error(403, "address_not_allowed", None));
    assert!(matches!(refused, Ok(Parsed::Error(_))), "{refused:?}");
}

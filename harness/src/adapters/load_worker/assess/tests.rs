//! Answers made by hand: the right one breaks nothing, each wrong one breaks the promise that it should.

use std::time::Duration;

use bytes::Bytes;
use manuel_client::ManuelClient;
use manuel_client::Marks;
use serde_json::Value;
use serde_json::json;

use super::super::plan::WorkerUser;
use super::*;

/// Noon.
const NOON_S: u64 = 1_000 * DAY_S + DAY_S / 2;

fn seat() -> Seat {
    let user = WorkerUser {
        name: "load-0".to_owned(),
        username: "u".to_owned(),
        password: "p".to_owned(),
        sub: "sub-0".to_owned(),
        access_token: "a.b.c".to_owned(),
        manual_ids: [("router".to_owned(), "r".to_owned())].into(),
    };
    let second = Duration::from_secs(1);
    Seat::new(user, ManuelClient::new("http://127.0.0.1:9", None, second, second).unwrap(), None)
}

fn question() -> Question {
    Question {
        id: "q1".to_owned(),
        question: " How many devices? ".to_owned(),
        manual: Some("router".to_owned()),
        page: Some(2),
        phrase: Some("64 devices".to_owned()),
        answered_by: None,
    }
}

/// A world in which `r` is the seat's, `f` another's, and 3 to 5 questions count.
struct World {
    seat: Seat,
    known: Known,
    question: Question,
}

impl World {
    fn new() -> Self {
        let known = Known::default();
        known.learn("r", 0);
        known.learn("f", 1);
        Self { seat: seat(), known, question: question() }
    }

    fn uploaded(&self, id: &str, name: &str, at_us: u64) {
        self.seat.upload_begins();
        self.seat.upload_ended(Some((id, name)), false, at_us);
    }

    fn expected(&self, kind: RequestKind) -> Expected<'_> {
        let charged = Charged { least: 3, most: 5, daily_limit: 50, monthly_limit: 1_000 };
        Expected {
            kind,
            seat: &self.seat,
            seat_index: 0,
            question: kind.is_charged().then_some(&self.question),
            outage: None,
            exact: true,
            known: &self.known,
            sent_us: 1_000,
            charged: Some(charged),
            stage_s: NOON_S,
            unknown_id: false,
            again: None,
        }
    }
}

fn exchange(status: u16, headers: &[(&'static str, &str)], body: &Value) -> Exchange {
    let headers = headers.iter().map(|(name, value)| {
        (http::HeaderName::from_static(name), value.parse::<http::HeaderValue>().unwrap())
    });
    Exchange {
        status,
        headers: headers.collect(),
        body: Bytes::from(body.to_string()),
        marks: Marks { sent_us: 0, head_us: None, done_us: 1 },
    }
}

/// What an answer of this body breaks.
fn breaks(expected: &Expected<'_>, parsed: Parsed) -> Vec<Rule> {
    let request = Request::UploadManual {
        filename: "slip-1.md".to_owned(),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::from_static(b"abc"),
        idempotency_key: None,
    };
    let assessment = answered(expected, &request, &exchange(200, &[], &json!({})), &Ok(parsed));
    assert_eq!(assessment.class == Some(AnswerClass::Ok), assessment.broken.is_empty());
    assessment.broken.into_iter().map(|broken| broken.rule).collect()
}

/// Class of a refusal, and what it breaks.
fn refused(expected: &Expected<'_>, status: u16, code: &str) -> (AnswerClass, Vec<Rule>) {
    let body = json!({ "code": code });
    let exchange = exchange(status, &[("retry-after", "43200")], &body);
    let check = Err(Vec::new());
    let assessment = answered(expected, &Request::Quota, &exchange, &check);
    let rules = assessment.broken.into_iter().map(|broken| broken.rule).collect();
    (assessment.class.unwrap(), rules)
}

fn query_answer() -> Value {
    json!({
        "answer": "It takes 64 devices [1].", "question": "How many devices?",
        "sources": [{ "manual_id": "r", "manual_name": "router.pdf", "page_number": 2,
            "chunk_text": "Up to 64\n devices connect.", "score": 0.5 }],
        "context_used": true, "context_found": true, "cache_status": "miss",
        "usage": { "daily_used": 4, "daily_limit": 50, "monthly_used": 4, "monthly_limit": 1000 },
        "cost": { "request_id": "q", "operation": "query", "total_cost": "0.001",
            "currency": "USD", "cost_breakdown": [], "timestamp": "t" },
        "request_id": "q", "timestamp": "t", "response_time_ms": 1,
    })
}

fn query(change: impl FnOnce(&mut Value)) -> Vec<Rule> {
    let world = World::new();
    world.known.name_of("router", "router.pdf");
    world.uploaded("d", "slip.md", 10);
    world.seat.deleted("d", 20);
    let mut body = query_answer();
    change(&mut body);
    let answer = serde_json::from_value(body).unwrap();
    breaks(&world.expected(RequestKind::Query), Parsed::Query(Box::new(answer)))
}

#[test]
fn an_answer_to_a_question_is_looked_at_from_all_sides() {
    assert_eq!(query(|_| ()), []);
    let source = |id: &'static str| {
        query(move |body| {
            let mut other = body["sources"][0].clone();
            other["manual_id"] = json!(id);
            other["manual_name"] = json!("slip.md");
            body["sources"].as_array_mut().unwrap().push(other);
        })
    };
    assert_eq!(source("f"), [Rule::Isolation]);
    assert_eq!(source("nobody's"), [Rule::Citations]);
    assert_eq!(source("d"), [Rule::ManualsConserved]);
    assert_eq!(query(|b| b["sources"][0]["manual_name"] = json!("x.pdf")), [Rule::Contract]);
    assert_eq!(query(|b| b["sources"][0]["page_number"] = json!(3)), [Rule::RightAnswer]);
    assert_eq!(query(|b| b["sources"][0]["chunk_text"] = json!("")), [Rule::RightAnswer]);
    assert_eq!(query(|b| b["answer"] = json!("63")), [Rule::RightAnswer]);
    assert_eq!(query(|b| b["question"] = json!(" How many devices? ")), [Rule::Contract]);
    assert_eq!(query(|b| b["cost"]["total_cost"] = json!("0")), [Rule::Contract]);
    assert_eq!(query(|b| b["usage"]["daily_used"] = json!(2)), [Rule::UsageFigures]);
    assert_eq!(query(|b| b["usage"]["monthly_used"] = json!(6)), [Rule::UsageFigures]);
    assert_eq!(query(|b| b["usage"]["daily_limit"] = json!(51)), [Rule::UsageFigures]);
}

#[test]
fn a_foreign_source_is_foreign_also_while_an_upload_is_under_way() {
    let world = World::new();
    world.seat.upload_begins();
    let source = |id: &str| {
        let mut body = query_answer();
        let mut other = body["sources"][0].clone();
        other["manual_id"] = json!(id);
        body["sources"].as_array_mut().unwrap().push(other);
        let answer = serde_json::from_value(body).unwrap();
        breaks(&world.expected(RequestKind::Query), Parsed::Query(Box::new(answer)))
    };
    assert_eq!(source("f"), [Rule::Isolation]);
    assert_eq!(source("new"), []);
}

#[test]
fn a_list_shows_all_of_the_users_manuals_and_no_other() {
    let world = World::new();
    world.uploaded("u", "slip-1.md", 10);
    world.uploaded("late", "slip-2.md", 2_000);
    let list = |rows: &[(&str, &str)], cursor: Option<&str>| {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(id, name)| {
                json!({ "id": id, "name": name, "upload_date": "d", "size": 1, "pages": 1,
                    "status": "ready" })
            })
            .collect();
        let body = json!({ "count": rows.len(), "manuals": rows, "next_cursor": cursor });
        let answer = serde_json::from_value(body).unwrap();
        breaks(&world.expected(RequestKind::ListManuals), Parsed::Manuals(answer))
    };
    let (router, slip) = (("r", "router.pdf"), ("u", "slip-1.md"));
    assert_eq!(list(&[router, slip], None), []);
    assert_eq!(list(&[router, slip, ("late", "slip-2.md")], None), []);
    assert_eq!(list(&[router], None), [Rule::ManualsConserved]);
    assert_eq!(list(&[router], Some("next")), []);
    assert_eq!(list(&[router, slip, ("f", "router.pdf")], None), [Rule::Isolation]);
    assert_eq!(list(&[router, slip, ("x", "x")], None), [Rule::Citations]);
    assert_eq!(list(&[router, slip, slip], None), [Rule::Contract]);
    assert_eq!(list(&[router, ("u", "slip-9.md")], None), [Rule::Contract]);
    world.seat.deletion_begins("u");
    assert_eq!((list(&[router], None), list(&[router, slip], None)), (vec![], vec![]));
    world.seat.deleted("u", 500);
    assert_eq!(list(&[router, slip], None), [Rule::ManualsConserved]);
    // Asked before the deletion was answered, it may still show it.
    let answer = json!({ "count": 1, "manuals": [{ "id": "u", "name": "slip-1.md",
        "upload_date": "d", "size": 1, "pages": 1, "status": "ready" }], "next_cursor": "n" });
    let earlier = Expected { sent_us: 499, ..world.expected(RequestKind::ListManuals) };
    let answer = serde_json::from_value(answer).unwrap();
    assert_eq!(breaks(&earlier, Parsed::Manuals(answer)), []);
}

#[test]
fn an_upload_is_what_was_sent_and_the_same_again() {
    let world = World::new();
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let upload = |expected: &Expected<'_>, id: &str, name: &str, size: u64, sha256: &str| {
        let body = json!({ "manual_id": id, "name": name, "size": size, "sha256": sha256,
            "status": "processing", "ingestion_job_id": "j" });
        breaks(expected, Parsed::Uploaded(serde_json::from_value(body).unwrap()))
    };
    let first = world.expected(RequestKind::Upload);
    assert_eq!(upload(&first, "u", "slip-1.md", 3, sha256), []);
    assert_eq!(upload(&first, "u", "slip-2.md", 3, sha256), [Rule::Contract]);
    assert_eq!(upload(&first, "u", "slip-1.md", 4, sha256), [Rule::Contract]);
    assert_eq!(upload(&first, "u", "slip-1.md", 3, "00"), [Rule::Contract]);
    assert_eq!(upload(&first, "f", "slip-1.md", 3, sha256), [Rule::Isolation]);
    let again = Expected { again: Some("u"), ..world.expected(RequestKind::UploadAgain) };
    assert_eq!(upload(&again, "u", "slip-1.md", 3, sha256), []);
    assert_eq!(upload(&again, "v", "slip-1.md", 3, sha256), [Rule::ManualsConserved]);
}

#[test]
fn usage_and_quota_say_what_was_answered() {
    let world = World::new();
    let usage = |used: u64, month: u64, days: u64| {
        let body = json!({ "daily_used": used, "daily_limit": 50, "monthly_used": month,
            "monthly_limit": 1000,
            "days": [{ "date": "d", "queries": days, "transcriptions": 0, "cost": "0" }] });
        let answer = serde_json::from_value(body).unwrap();
        breaks(&world.expected(RequestKind::Usage), Parsed::Usage(answer))
    };
    assert_eq!((usage(3, 3, 3), usage(5, 5, 4)), (vec![], vec![]));
    assert_eq!(usage(2, 3, 3), [Rule::UsageFigures]);
    assert_eq!(usage(3, 6, 3), [Rule::UsageFigures]);
    assert_eq!(usage(3, 3, 0), [Rule::UsageFigures]);
    let quota = |daily: u64, monthly: u64, resets_at: &str| {
        let body = json!({ "daily_limit": 50, "monthly_limit": 1000, "daily_remaining": daily,
            "monthly_remaining": monthly, "resets_at": resets_at });
        let answer = serde_json::from_value(body).unwrap();
        breaks(&world.expected(RequestKind::Quota), Parsed::Quota(answer))
    };
    // Day 1001 of the epoch.
    let midnight = "1972-09-28T00:00:00Z";
    assert_eq!(quota(46, 996, midnight), []);
    assert_eq!(quota(50, 996, midnight), [Rule::UsageFigures]);
    assert_eq!(quota(46, 1_000, midnight), [Rule::UsageFigures]);
    assert_eq!(quota(46, 996, "1972-09-29T00:00:00Z"), [Rule::UsageFigures]);
    assert_eq!(quota(46, 996, "soon"), [Rule::UsageFigures]);
    // Where the user was there before, nothing is known.
    let unknown = Expected { charged: None, ..world.expected(RequestKind::Query) };
    let mut body = query_answer();
    body["usage"]["daily_used"] = json!(40);
    let answer = serde_json::from_value(body).unwrap();
    assert_eq!(breaks(&unknown, Parsed::Query(Box::new(answer))), []);
}

#[test]
fn what_must_be_refused_is_refused_in_the_right_way() {
    let world = World::new();
    let reject = (AnswerClass::ExpectedReject, vec![]);
    for (kind, right, rule, let_in) in [
        (RequestKind::UnsignedUpload, 401, Rule::Signature, Rule::Signature),
        (RequestKind::BadToken, 401, Rule::Identity, Rule::Identity),
        (RequestKind::ForeignManual, 404, Rule::UnexplainedRefusal, Rule::Isolation),
    ] {
        let expected = world.expected(kind);
        assert_eq!(refused(&expected, right, "x"), reject, "{kind}");
        assert_eq!(refused(&expected, 400, "x"), (AnswerClass::HttpError, vec![rule]), "{kind}");
        let broken = (AnswerClass::HttpError, vec![Rule::Unexplained5xx]);
        assert_eq!(refused(&expected, 500, "x"), broken, "{kind}");
        assert_eq!(breaks(&expected, Parsed::Deleted), [let_in], "{kind}");
    }
    let delete = world.expected(RequestKind::Delete);
    assert_eq!(refused(&delete, 404, "not_found").0, AnswerClass::HttpError);
    let never = Expected { unknown_id: true, ..delete };
    assert_eq!(refused(&never, 404, "not_found"), reject);
    assert_eq!(breaks(&never, Parsed::Deleted), []);
}

#[test]
fn an_exhausted_quota_says_when_its_day_is_over() {
    let world = World::new();
    let burst = |stage_s: u64| {
        let expected = Expected { stage_s, ..world.expected(RequestKind::QuotaBurst) };
        refused(&expected, 429, "quota_exceeded")
    };
    // The answer says twelve hours.
    assert_eq!(burst(NOON_S), (AnswerClass::ExpectedReject, vec![]));
    assert_eq!(burst(NOON_S + 119), (AnswerClass::ExpectedReject, vec![]));
    assert_eq!(burst(NOON_S + 130), (AnswerClass::WrongAnswer, vec![Rule::Contract]));
}

#[test]
fn a_request_id_is_given_out_once() {
    let world = World::new();
    let expected = world.expected(RequestKind::Health);
    let health = manuel_client::answers::HealthAnswer {
        status: "ok".to_owned(),
        version: "1".to_owned(),
        stage: "local".to_owned(),
    };
    let seen = |id: &str| {
        let exchange = exchange(200, &[("x-request-id", id)], &json!({}));
        let check = Ok(Parsed::Health(health.clone()));
        answered(&expected, &Request::Health, &exchange, &check).broken.len()
    };
    assert_eq!([seen("a"), seen("b"), seen("a")], [0, 0, 1]);
}

//! The real adapters against single replies of AWS, written as AWS writes them.

mod rate_limit;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use backend::aws::clients;
use backend::config::Config;
use backend::context::RequestContext;
use backend::domain::ingestion::IndexRun;
use backend::domain::quota::{Charge, Operation, Period, QuotaLimits, Reservation};
use backend::domain::trace::TraceParent;
use backend::domain::user::UserId;
use backend::ports::{PortErrorKind, Reserved, Settled, Started};
use backend::state::Ports;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use time::macros::datetime;
use wiremock::matchers::{header, method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::world::{ANNA, environment};

pub(crate) async fn ports(server: &MockServer) -> Ports {
    ports_with(server, &[]).await
}

pub(crate) async fn ports_with(server: &MockServer, changes: &[(&str, &str)]) -> Ports {
    ports_at(&server.uri(), changes).await
}

/// The adapters over whatever is at this address, in a region of their own: the SDK's budget of retries is one for all
/// clients of a service and region in a process, and a test's failures are no other test's.
pub(crate) async fn ports_at(endpoint: &str, changes: &[(&str, &str)]) -> Ports {
    static REGIONS: AtomicU32 = AtomicU32::new(0);
    let region = format!("eu-test-{}", REGIONS.fetch_add(1, Ordering::SeqCst));
    let jwks = format!("{endpoint}/jwks.json");
    let own = [("JWKS_URL", jwks.as_str()), ("AWS_REGION", region.as_str())];
    let changes = [own.as_slice(), changes].concat();
    let config = Config::from_environment(&environment(&changes)).unwrap();
    let config = Config { s3_path_style: true, ..config };
    let sdk = clients::sdk_config(&config).await;
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let keys = aws_credential_types::provider::SharedCredentialsProvider::new(keys);
    let sdk = sdk.to_builder().endpoint_url(endpoint).credentials_provider(keys).build();
    clients::ports(&sdk, &config)
}

pub(crate) fn anna() -> UserId {
    UserId::parse(ANNA).unwrap()
}

fn reservation() -> Reservation {
    Reservation {
        id: "r-1".to_owned(),
        user: anna(),
        day: "2026-11-15".to_owned(),
        month: "2026-11".to_owned(),
        expires_at: 1_794_744_100,
    }
}

pub(crate) fn dynamo(operation: &str) -> wiremock::MockBuilder {
    Mock::given(header("x-amz-target", format!("DynamoDB_20120810.{operation}").as_str()))
}

pub(crate) fn refused(status: u16, code: &str, more: &Value) -> ResponseTemplate {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"),
        "message": "arn:aws:dynamodb:eu-west-1:123456789012:table/usage" });
    if let Some(more) = more.as_object() {
        for (name, value) in more {
            body[name] = value.clone();
        }
    }
    ResponseTemplate::new(status).set_body_json(body)
}

pub(crate) fn canceled(codes: &[&str]) -> ResponseTemplate {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    refused(400, "TransactionCanceledException", &json!({ "CancellationReasons": reasons }))
}

async fn reserve(codes: &[&str]) -> (Result<Reserved, PortErrorKind>, usize) {
    let server = MockServer::start().await;
    dynamo("TransactWriteItems").respond_with(canceled(codes)).mount(&server).await;
    let limits = QuotaLimits { daily: 5, monthly: 9 };
    let reserved = ports(&server).await.quota.reserve(&reservation(), limits).await;
    (reserved.map_err(|error| error.kind), server.received_requests().await.unwrap().len())
}

#[tokio::test]
async fn a_cancelled_transaction_says_which_counter_is_full() {
    const FULL: &str = "ConditionalCheckFailed";
    assert_eq!(reserve(&[FULL, "None", "None"]).await, (Ok(Reserved::Full(Period::Day)), 1));
    assert_eq!(reserve(&["None", FULL, "None"]).await, (Ok(Reserved::Full(Period::Month)), 1));
    assert_eq!(reserve(&[FULL, FULL, "None"]).await, (Ok(Reserved::Full(Period::Month)), 1));
    let conflict = ["None", "TransactionConflict", "None"];
    assert_eq!(reserve(&conflict).await, (Err(PortErrorKind::Conflict), 1));
    assert_eq!(
        reserve(&["ThrottlingError", "None", "None"]).await.0,
        Err(PortErrorKind::Throttled)
    );
}

#[tokio::test]
async fn a_reservation_is_one_transaction_with_conditions_and_a_token() {
    let server = MockServer::start().await;
    let done = ResponseTemplate::new(200).set_body_json(json!({}));
    dynamo("TransactWriteItems").respond_with(done).mount(&server).await;
    let ports = ports(&server).await;
    let limits = QuotaLimits { daily: 5, monthly: 9 };
    assert_eq!(ports.quota.reserve(&reservation(), limits).await.unwrap(), Reserved::Done);
    let charge = Charge { operation: Operation::Query, cost: Decimal::new(375, 8) };
    assert_eq!(ports.quota.keep(&reservation(), charge).await.unwrap(), Settled::Now);

    let sent = server.received_requests().await.unwrap();
    let body: Value = sent[0].body_json().unwrap();
    let writes = body["TransactItems"].as_array().unwrap();
    assert_eq!(writes.len(), 3);
    for (write, sk, limit) in
        [(&writes[0], "DAY#2026-11-15", "5"), (&writes[1], "MONTH#2026-11", "9")]
    {
        let update = &write["Update"];
        assert_eq!(update["Key"]["pk"]["S"], format!("USER#{ANNA}"));
        assert_eq!(update["Key"]["sk"]["S"], sk);
        assert_eq!(update["ConditionExpression"], "attribute_not_exists(#used) OR #used < :limit");
        assert_eq!(update["ExpressionAttributeValues"][":limit"]["N"], limit);
    }
    assert_eq!(writes[2]["Put"]["Item"]["sk"]["S"], "RES#r-1");
    assert_eq!(writes[2]["Put"]["Item"]["expires_at"]["N"], "1794744100");
    let token = body["ClientRequestToken"].as_str().unwrap();
    assert!((1..=36).contains(&token.len()), "{token}");
    let kept: Value = sent[1].body_json().unwrap();
    assert_ne!(kept["ClientRequestToken"], body["ClientRequestToken"]);
    let booked = &kept["TransactItems"][2]["Update"];
    assert_eq!(booked["ExpressionAttributeValues"][":cost"]["N"], "0.00000375");
    assert_eq!(booked["ExpressionAttributeNames"]["#answered"], "queries");
    let heard = Charge { operation: Operation::Transcribe, ..charge };
    for settled in [
        ports.quota.keep(&reservation(), heard).await,
        ports.quota.take_back(&reservation(), heard).await,
    ] {
        assert_eq!(settled.unwrap(), Settled::Now);
        let sent: Value =
            server.received_requests().await.unwrap().last().unwrap().body_json().unwrap();
        let names = sent["TransactItems"].as_array().unwrap().iter();
        let mut names =
            names.map(|write| &write["Update"]["ExpressionAttributeNames"]["#answered"]);
        assert!(names.any(|name| name == "transcriptions"), "{sent}");
    }
}

#[tokio::test]
async fn every_attempt_of_a_retried_call_carries_trace_and_user() {
    let server = MockServer::start().await;
    let busy = refused(400, "ProvisionedThroughputExceededException", &json!({}));
    dynamo("Query").respond_with(busy).mount(&server).await;
    let ports = ports(&server).await;
    let client = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace = TraceParent::continued(Some(client));
    let context = Arc::new(RequestContext::new(trace.clone(), Duration::from_secs(20)));
    context.identify(&anna());
    let user = anna();
    let call = ports.quota.read(&user, "2026-11-15", datetime!(2026-11-15 12:00 UTC));
    let failed = Arc::clone(&context).scope(call).await.unwrap_err();
    assert_eq!(failed.kind, PortErrorKind::Throttled);
    assert!(context.waited() > Duration::ZERO);

    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent.len(), 3);
    for request in &sent {
        assert_eq!(request.headers["traceparent"], trace.header().as_str());
        assert_eq!(request.headers["x-manuel-user"], anna().hash().as_str());
        assert_eq!(request.headers["x-manuel-call"], "1", "attempts are of one call");
        let authorization = request.headers["authorization"].to_str().unwrap();
        assert!(!authorization.contains("traceparent"), "the headers come after signing");
    }
    let again = ports.quota.read(&user, "2026-11-15", datetime!(2026-11-15 12:00 UTC));
    context.scope(again).await.unwrap_err();
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent.last().unwrap().headers["x-manuel-call"], "2");
}

#[tokio::test]
async fn counters_reservations_and_months_are_one_read() {
    let server = MockServer::start().await;
    let items = json!({ "Items": [
        { "pk": { "S": "USER#x" }, "sk": { "S": "DAY#2026-11-15" }, "used": { "N": "3" },
          "queries": { "N": "2" }, "cost": { "N": "0.00000750" } },
        { "pk": { "S": "USER#x" }, "sk": { "S": "MONTH#2026-10" }, "used": { "N": "99" } },
        { "pk": { "S": "USER#x" }, "sk": { "S": "MONTH#2026-11" }, "used": { "N": "7" } },
        { "pk": { "S": "USER#x" }, "sk": { "S": "RES#r-9" }, "day": { "S": "2026-11-15" },
          "month": { "S": "2026-11" }, "expires_at": { "N": "5" } },
    ] });
    dynamo("Query")
        .respond_with(ResponseTemplate::new(200).set_body_json(items))
        .mount(&server)
        .await;
    let ports = ports(&server).await;
    let noon = datetime!(2026-11-15 12:00 UTC);
    let snapshot = ports.quota.read(&anna(), "2026-11-15", noon).await.unwrap();
    assert_eq!((snapshot.day_used("2026-11-15"), snapshot.month_used), (3, 7));
    assert_eq!(snapshot.days[0].cost.to_string(), "0.0000075");
    assert_eq!(snapshot.expired(noon)[0].id, "r-9");
    let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(body["ConsistentRead"], true);
    assert_eq!(body["ExpressionAttributeValues"][":from"]["S"], "DAY#2026-11-15");
}

#[tokio::test]
async fn retrieval_is_filtered_by_the_user_and_read_with_pages() {
    let server = MockServer::start().await;
    let found = json!({ "retrievalResults": [{
        "content": { "text": "Hold it.", "type": "TEXT" },
        "location": { "type": "S3", "s3Location": { "uri": "s3://b/k" } },
        "score": 0.75,
        "metadata": { "user_id": ANNA, "manual_id": "m-1", "manual_name": "router.pdf",
            "x-amz-bedrock-kb-document-page-number": 3.0 },
    }] });
    Mock::given(method("POST"))
        .and(path("/knowledgebases/KB12345678/retrieve"))
        .respond_with(ResponseTemplate::new(200).set_body_json(found))
        .mount(&server)
        .await;
    let found = ports(&server).await.search.retrieve(&anna(), "How?", 4).await.unwrap();
    assert_eq!((found[0].page, found[0].user_id.as_str()), (Some(3), ANNA));
    assert_eq!((found[0].text.as_str(), found[0].score.to_string().as_str()), ("Hold it.", "0.75"));
    let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    let search = &body["retrievalConfiguration"]["vectorSearchConfiguration"];
    assert_eq!(search["numberOfResults"], 4);
    assert_eq!(search["filter"], json!({ "equals": { "key": "user_id", "value": ANNA } }));
    assert_eq!(body["retrievalQuery"]["text"], "How?");
}

#[tokio::test]
async fn the_model_gets_system_and_message_and_its_tokens_are_read() {
    let server = MockServer::start().await;
    let answer = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hold it. [1]" }] } },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 120, "outputTokens": 6, "totalTokens": 126 },
        "metrics": { "latencyMs": 5 },
    });
    Mock::given(path_regex("^/model/.+/converse$"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let written = ports(&server).await.model.converse("system", "message").await.unwrap();
    assert_eq!(
        (written.text.as_str(), written.tokens.input, written.tokens.output),
        ("Hold it. [1]", 120, 6)
    );
    let body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(body["system"][0]["text"], "system");
    assert_eq!(body["messages"][0]["content"][0]["text"], "message");

    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{\"output\":"))
        .mount(&server)
        .await;
    assert!(ports(&server).await.model.converse("system", "message").await.is_err());
}

#[tokio::test]
async fn a_second_ingestion_run_is_busy_and_an_ended_one_is_read() {
    let server = MockServer::start().await;
    let runs = "/knowledgebases/KB12345678/datasources/DS12345678/ingestionjobs";
    let conflict = ResponseTemplate::new(409)
        .insert_header("x-amzn-errortype", "ConflictException")
        .set_body_json(json!({ "message": "another job is running" }));
    Mock::given(method("PUT"))
        .and(path_regex(format!("^{runs}/?$")))
        .respond_with(conflict)
        .mount(&server)
        .await;
    let ended = json!({ "ingestionJob": {
        "knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678",
        "ingestionJobId": "JOB0000001", "status": "COMPLETE",
        "failureReasons": ["s3://b/m-1.pdf"],
        "startedAt": "2026-11-15T12:00:00Z", "updatedAt": "2026-11-15T12:00:01Z",
    } });
    Mock::given(method("GET"))
        .and(path(format!("{runs}/JOB0000001")))
        .respond_with(ResponseTemplate::new(200).set_body_json(ended))
        .mount(&server)
        .await;
    let ports = ports(&server).await;
    let token = "0123456789-0123456789-0123456789-0123";
    assert_eq!(ports.indexer.start(token).await.unwrap(), Started::Busy);
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(sent["clientToken"], token);
    let run = ports.indexer.run("JOB0000001").await.unwrap();
    assert_eq!(run, IndexRun::Complete { failure_texts: vec!["s3://b/m-1.pdf".to_owned()] });
}

#[tokio::test]
async fn a_secret_that_is_missing_is_no_key_and_one_that_is_refused_is_an_outage() {
    for (code, expected) in [
        ("ResourceNotFoundException", Ok(None)),
        ("AccessDeniedException", Err(PortErrorKind::Unavailable)),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(400).set_body_json(json!({ "__type": code }));
        Mock::given(header("x-amz-target", "secretsmanager.GetSecretValue"))
            .respond_with(answer)
            .mount(&server)
            .await;
        let fetched = ports(&server).await.secret.fetch().await;
        assert_eq!(fetched.map_err(|error| error.kind), expected, "{code}");
    }
}

#[tokio::test]
async fn a_signature_whose_first_reply_was_lost_is_not_taken_for_a_replay() {
    let server = MockServer::start().await;
    let stored: Arc<Mutex<Option<Value>>> = Arc::default();
    let store = Arc::clone(&stored);
    let put = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let mut stored = store.lock().unwrap();
        if stored.is_some() {
            return refused(400, "ConditionalCheckFailedException", &json!({}));
        }
        *stored = Some(body["Item"].clone());
        refused(500, "InternalServerError", &json!({}))
    };
    dynamo("PutItem").respond_with(put).mount(&server).await;
    let store = Arc::clone(&stored);
    let get = move |_: &Request| {
        let item = store.lock().unwrap().clone();
        ResponseTemplate::new(200).set_body_json(json!({ "Item": item }))
    };
    dynamo("GetItem").respond_with(get).mount(&server).await;
    let ports = ports(&server).await;
    assert!(ports.replay.remember("abc", 10, 20).await.unwrap(), "our own write");
    assert!(!ports.replay.remember("abc", 10, 20).await.unwrap(), "another's");
}

#[tokio::test]
async fn public_keys_are_the_rsa_signing_keys_of_the_document() {
    let server = MockServer::start().await;
    let document = json!({ "keys": [
        { "kty": "RSA", "kid": "a", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB" },
        { "kty": "RSA", "kid": "b", "use": "enc", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "kid": "c", "crv": "P-256" },
        { "kty": "oct", "kid": "d", "k": "AQAB" },
    ] });
    Mock::given(path("/jwks.json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(document))
        .mount(&server)
        .await;
    let keys = ports(&server).await.jwks.fetch().await.unwrap();
    assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["a"]);
}

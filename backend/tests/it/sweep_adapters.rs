//! What the sweep asks of rows, announcements and the bucket, through the real adapters against single replies of AWS.

use backend::domain::ingestion::{Work, WorkKind};
use backend::domain::leftovers::StoredObject;
use backend::ports::{Dependency, Listing, PortError, PortErrorKind};
use backend::state::Ports;
use serde_json::{Value, json};
use time::macros::datetime;
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::adapters::{anna, canceled, dynamo, ports, refused};
use crate::world::ANNA;

const UNTIL: i64 = 1_797_336_000;

fn work() -> Work {
    Work {
        id: "w-1".to_owned(),
        user: anna(),
        manual_id: "m-1".to_owned(),
        kind: WorkKind::Remove,
        covered_by: None,
    }
}

/// The adapters over a table that answers this operation.
async fn answers(operation: &str, answer: ResponseTemplate) -> (MockServer, Ports) {
    let server = MockServer::start().await;
    dynamo(operation).respond_with(answer).mount(&server).await;
    let ports = ports(&server).await;
    (server, ports)
}

fn done(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

async fn sent(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.body_json().unwrap()).collect()
}

fn kinds<T>(outcome: Result<T, PortError>) -> Result<T, PortErrorKind> {
    outcome.map_err(|error| error.kind)
}

#[tokio::test]
async fn a_manual_is_abandoned_by_mark_and_work_unless_there_is_its_row() {
    let (server, ports) = answers("TransactWriteItems", done(&json!({}))).await;
    assert!(ports.manuals.abandon(&work(), UNTIL).await.unwrap());
    assert!(ports.manuals.abandon(&work(), UNTIL).await.unwrap());
    let sent = sent(&server).await;
    let writes = sent[0]["TransactItems"].as_array().unwrap();
    let [row, mark, left] = [&writes[0]["ConditionCheck"], &writes[1]["Put"], &writes[2]["Put"]];
    assert_eq!(writes.len(), 3);
    let pk = format!("USER#{ANNA}");
    assert_eq!(row["Key"], json!({ "pk": { "S": pk }, "sk": { "S": "MANUAL#m-1" } }));
    assert_eq!(row["ConditionExpression"], "attribute_not_exists(#pk)");
    assert_eq!(
        mark["Item"],
        json!({ "pk": { "S": pk }, "sk": { "S": "DELETED#m-1" },
            "expires_at": { "N": UNTIL.to_string() } })
    );
    assert_eq!(
        left["Item"],
        json!({ "pk": { "S": "INGESTION" }, "sk": { "S": "WORK#w-1" }, "user_id": { "S": ANNA },
            "manual_id": { "S": "m-1" }, "kind": { "S": "remove" } })
    );
    // Repeating it is not repeating its effect.
    assert!(mark["ConditionExpression"].is_null() && left["ConditionExpression"].is_null());
    assert_eq!(sent[0]["ClientRequestToken"], sent[1]["ClientRequestToken"]);
}

#[tokio::test]
async fn an_abandoning_that_did_not_happen_is_never_taken_for_one_that_did() {
    for (answer, attempts, expected) in [
        (canceled(&["ConditionalCheckFailed", "None", "None"]), 1, Ok(false)),
        (canceled(&["None", "TransactionConflict", "None"]), 1, Err(PortErrorKind::Conflict)),
        (canceled(&["None", "None", "ThrottlingError"]), 1, Err(PortErrorKind::Throttled)),
        (canceled(&["ItemCollectionSizeLimitExceeded"]), 1, Err(PortErrorKind::Unavailable)),
        (canceled(&[]), 1, Err(PortErrorKind::Unavailable)),
        (done(&json!([])), 1, Err(PortErrorKind::Unavailable)),
        (
            refused(400, "IdempotentParameterMismatchException", &json!({})),
            1,
            Err(PortErrorKind::Unavailable),
        ),
        (
            refused(400, "TransactionInProgressException", &json!({})),
            3,
            Err(PortErrorKind::Unavailable),
        ),
        (refused(500, "InternalServerError", &json!({})), 3, Err(PortErrorKind::Unavailable)),
    ] {
        let (server, ports) = answers("TransactWriteItems", answer).await;
        let abandoned = ports.manuals.abandon(&work(), UNTIL).await;
        let what = format!("{abandoned:?}");
        assert_eq!(kinds(abandoned), expected, "{what}");
        assert_eq!(sent(&server).await.len(), attempts, "{what}");
    }
}

#[tokio::test]
async fn a_row_is_marked_as_failed_only_if_it_is_there() {
    for (answer, attempts, expected) in [
        (done(&json!({})), 1, Ok(())),
        // Deleted in the meantime.
        (canceled(&["ConditionalCheckFailed"]), 1, Ok(())),
        (canceled(&["TransactionConflict"]), 1, Err(PortErrorKind::Conflict)),
        (canceled(&["ProvisionedThroughputExceeded"]), 1, Err(PortErrorKind::Throttled)),
        (refused(500, "InternalServerError", &json!({})), 3, Err(PortErrorKind::Unavailable)),
        (refused(400, "ThrottlingException", &json!({})), 3, Err(PortErrorKind::Throttled)),
    ] {
        let (server, ports) = answers("TransactWriteItems", answer).await;
        assert_eq!(kinds(ports.manuals.mark_failed(&anna(), "m-1").await), expected);
        let sent = sent(&server).await;
        assert_eq!(sent.len(), attempts, "{expected:?}");
        // The tries of one call are one call.
        assert!(
            sent.iter().all(|try_| try_["ClientRequestToken"] == sent[0]["ClientRequestToken"])
        );
        let update = &sent[0]["TransactItems"][0]["Update"];
        assert_eq!(update["Key"]["sk"]["S"], "MANUAL#m-1");
        assert_eq!(update["ConditionExpression"], "attribute_exists(#pk)");
        assert_eq!(update["ExpressionAttributeValues"][":status"]["S"], "failed");
    }
}

#[tokio::test]
async fn the_place_of_the_sweep_is_text_or_none() {
    let key = json!({ "pk": { "S": "PENDING" }, "sk": { "S": "SWEEP" } });
    let item = |place: &Value| {
        let mut item = key.clone();
        item["place"] = place.clone();
        done(&json!({ "Item": item }))
    };
    for (answer, attempts, expected) in [
        (done(&json!({})), 1, Ok(None)),
        (item(&json!({ "S": "manuals/u/m" })), 1, Ok(Some("manuals/u/m".to_owned()))),
        (item(&json!({ "N": "7" })), 1, Err(PortErrorKind::Corrupt)),
        (done(&json!({ "Item": key })), 1, Err(PortErrorKind::Corrupt)),
        (done(&json!({ "Item": "?" })), 1, Err(PortErrorKind::Unavailable)),
        (
            refused(400, "ProvisionedThroughputExceededException", &json!({})),
            3,
            Err(PortErrorKind::Throttled),
        ),
        (refused(500, "InternalServerError", &json!({})), 3, Err(PortErrorKind::Unavailable)),
        (refused(400, "ResourceNotFoundException", &json!({})), 1, Err(PortErrorKind::Unavailable)),
    ] {
        let (server, ports) = answers("GetItem", answer).await;
        assert_eq!(kinds(ports.pending.place().await), expected);
        let sent = sent(&server).await;
        assert_eq!(sent.len(), attempts, "{expected:?}");
        assert_eq!((&sent[0]["Key"], &sent[0]["ConsistentRead"]), (&key, &json!(true)));
    }
    let (server, ports) = answers("PutItem", done(&json!({}))).await;
    ports.pending.keep_place(Some("manuals/u/m")).await.unwrap();
    assert_eq!(sent(&server).await[0]["Item"]["place"]["S"], "manuals/u/m");
    let (server, ports) = answers("DeleteItem", done(&json!({}))).await;
    ports.pending.keep_place(None).await.unwrap();
    assert_eq!(sent(&server).await[0]["Key"], key);
}

#[tokio::test]
async fn an_announcement_that_is_none_of_ours_is_no_announcement_that_can_be_swept() {
    let ours = json!({ "pk": { "S": "PENDING" }, "sk": { "S": format!("UPLOAD#m-1#{ANNA}") },
        "job_id": { "S": "j-1" }, "name": { "S": "a.pdf" }, "type": { "S": "pdf" },
        "size": { "N": "5000000" }, "sha256": { "S": "00" }, "until": { "N": "7" } });
    let page = |item: &Value| done(&json!({ "Items": [item] }));
    let (_server, ports) = answers("Query", page(&ours)).await;
    let found = ports.pending.all(10, None).await.unwrap();
    assert_eq!((found.items[0].manual_id.as_str(), found.items[0].expires_at), ("m-1", 7));
    for (name, odd) in [
        ("sk", json!({ "S": "UPLOAD#m-1" })),
        ("sk", json!({ "S": "UPLOAD#m-1#" })),
        ("type", json!({ "S": "exe" })),
        ("size", json!({ "N": "-1" })),
        ("until", json!({ "S": "7" })),
        ("sha256", json!({ "NULL": true })),
    ] {
        let mut item = ours.clone();
        item[name] = odd;
        let (_server, ports) = answers("Query", page(&item)).await;
        let found = ports.pending.all(10, None).await;
        assert_eq!(kinds(found).err(), Some(PortErrorKind::Corrupt), "{name}");
    }
}

fn page(contents: &str, truncated: bool, token: &str) -> ResponseTemplate {
    let body = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <IsTruncated>{truncated}</IsTruncated>{token}{contents}</ListBucketResult>"
    );
    ResponseTemplate::new(200).set_body_raw(body, "application/xml")
}

const OBJECT: &str = "<Contents><Key>audio/u/r &amp; 1.wav</Key>\
    <LastModified>2026-11-15T12:00:00.000Z</LastModified><Size>7</Size></Contents>";

async fn listed(server: &MockServer) -> Result<Listing, PortError> {
    ports(server).await.audio.list("audio/", Some("audio/a"), 10).await
}

async fn listed_as(answer: ResponseTemplate) -> (Result<Listing, PortError>, usize) {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/audio/"))
        .and(query_param("list-type", "2"))
        .and(query_param("prefix", "audio/"))
        .and(query_param("start-after", "audio/a"))
        .and(query_param("max-keys", "10"))
        .respond_with(answer)
        .mount(&server)
        .await;
    (listed(&server).await, server.received_requests().await.unwrap().len())
}

fn object() -> StoredObject {
    StoredObject { key: "audio/u/r & 1.wav".to_owned(), modified: datetime!(2026-11-15 12:00 UTC) }
}

#[tokio::test]
async fn a_listing_is_whole_or_an_error() {
    let dateless = "<Contents><Key>audio/u/r.wav</Key></Contents>";
    let keyless = "<Contents><LastModified>2026-11-15T12:00:00.000Z</LastModified></Contents>";
    let refused = |status, code: &str| {
        ResponseTemplate::new(status).set_body_string(format!("<Error><Code>{code}</Code></Error>"))
    };
    let one = |more| Ok(Listing { objects: vec![object()], more });
    for (answer, attempts, expected) in [
        (page("", false, ""), 1, Ok(Listing { objects: Vec::new(), more: false })),
        (page(OBJECT, false, ""), 1, one(false)),
        (page(OBJECT, true, "<NextContinuationToken>t</NextContinuationToken>"), 1, one(true)),
        // More, but no way to it: taken for the end, what follows would never be swept.
        (page("", true, ""), 1, Err(PortErrorKind::Corrupt)),
        (page(dateless, false, ""), 1, Err(PortErrorKind::Corrupt)),
        (page(keyless, false, ""), 1, Err(PortErrorKind::Corrupt)),
        (
            ResponseTemplate::new(200).set_body_string("<ListBuck"),
            1,
            Err(PortErrorKind::Unavailable),
        ),
        (refused(503, "SlowDown"), 3, Err(PortErrorKind::Throttled)),
        (refused(500, "InternalError"), 3, Err(PortErrorKind::Unavailable)),
        (refused(404, "NoSuchBucket"), 1, Err(PortErrorKind::Unavailable)),
        (refused(403, "AccessDenied"), 1, Err(PortErrorKind::Unavailable)),
    ] {
        let (listing, calls) = listed_as(answer).await;
        if let Err(error) = &listing {
            assert_eq!((error.dependency, error.operation), (Dependency::Files, "ListObjectsV2"));
        }
        assert_eq!(kinds(listing), expected);
        assert_eq!(calls, attempts, "{expected:?}");
    }
}

#[tokio::test]
async fn a_page_without_objects_is_not_the_end() {
    let server = MockServer::start().await;
    let next = "<NextContinuationToken>t-1</NextContinuationToken>";
    Mock::given(query_param_is_missing("continuation-token"))
        .respond_with(page("", true, next))
        .mount(&server)
        .await;
    Mock::given(query_param("continuation-token", "t-1"))
        .respond_with(page(OBJECT, true, next))
        .mount(&server)
        .await;
    let found = listed(&server).await.unwrap();
    assert_eq!(found, Listing { objects: vec![object()], more: true });

    // One that never ends is given up.
    let (listing, calls) = listed_as(page("", true, next)).await;
    assert_eq!((kinds(listing).err(), calls), (Some(PortErrorKind::Corrupt), 20));
}

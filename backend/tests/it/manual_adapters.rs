//! The real adapters of manuals (rows and objects) against single replies of AWS.

use std::sync::Arc;
use std::time::Duration;

use backend::context::RequestContext;
use backend::domain::ingestion::{Job, JobState, Outcome, Work, WorkKind};
use backend::domain::manual::{Manual, ManualStatus};
use backend::domain::trace::TraceParent;
use backend::ports::{Inserted, ObjectFacts, Parts, PortErrorKind, PromisedObject};
use backend::spool::Spooled;
use futures::StreamExt as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::adapters::{anna, canceled, dynamo, ports};

#[tokio::test]
async fn a_row_is_written_only_where_no_mark_is() {
    for (codes, expected) in [
        (["ConditionalCheckFailed", "None", "None", "None"], Inserted::Deleted),
        (["ConditionalCheckFailed", "ConditionalCheckFailed", "None", "None"], Inserted::Deleted),
        (["None", "ConditionalCheckFailed", "None", "None"], Inserted::There),
    ] {
        let server = MockServer::start().await;
        dynamo("TransactWriteItems").respond_with(canceled(&codes)).mount(&server).await;
        let inserted = ports(&server).await.manuals.insert(&anna(), &manual(), &job()).await;
        assert_eq!(inserted.unwrap(), expected);
        let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
        let check = &sent["TransactItems"][0]["ConditionCheck"];
        assert_eq!(check["Key"]["sk"]["S"], "DELETED#m-1");
        assert_eq!(check["ConditionExpression"], "attribute_not_exists(#pk)");
    }
}

#[tokio::test]
async fn work_is_changed_only_as_it_was_read() {
    const WAITS: &str = "attribute_exists(#pk) AND attribute_not_exists(#covered_by)";
    const COVERED: &str = "attribute_exists(#pk) AND #covered_by = :seen";
    const NOW: OffsetDateTime = datetime!(2026-11-15 12:00 UTC);
    let seen = |run: Option<&str>| Work {
        id: "j-1".to_owned(),
        user: anna(),
        manual_id: "m-1".to_owned(),
        kind: WorkKind::Index,
        covered_by: run.map(str::to_owned),
    };
    let server = MockServer::start().await;
    let refused = canceled(&["ConditionalCheckFailed", "None"]);
    dynamo("TransactWriteItems").respond_with(refused).up_to_n_times(1).mount(&server).await;
    let done = ResponseTemplate::new(200).set_body_json(json!({}));
    dynamo("TransactWriteItems").respond_with(done).mount(&server).await;
    let store = ports(&server).await.ingestion;
    let (waits, covered) = (seen(None), seen(Some("RUN-1")));
    assert!(!store.cover(&waits, Some("RUN-2"), NOW).await.unwrap(), "another was faster");
    assert!(store.cover(&waits, Some("RUN-2"), NOW).await.unwrap());
    assert!(store.cover(&covered, None, NOW).await.unwrap());
    store.finish(&covered, &Outcome::Complete, NOW).await.unwrap();

    let sent = server.received_requests().await.unwrap();
    let first_write = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let write = body["TransactItems"][0].clone();
        if write["Update"].is_object() { write["Update"].clone() } else { write["Delete"].clone() }
    };
    let writes: Vec<Value> = sent.iter().map(first_write).collect();
    let told: Vec<_> = writes
        .iter()
        .map(|write| {
            assert_eq!(write["Key"]["sk"]["S"], "WORK#j-1");
            let text = |name: &str| write[name].as_str().unwrap_or_default();
            let seen = &write["ExpressionAttributeValues"][":seen"]["S"];
            (text("UpdateExpression"), text("ConditionExpression"), seen.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("SET #covered_by = :run", WAITS, None),
            ("SET #covered_by = :run", WAITS, None),
            ("REMOVE #covered_by", COVERED, Some("RUN-1")),
            ("", COVERED, Some("RUN-1")),
        ]
    );
}

#[tokio::test]
async fn work_that_was_covered_anew_is_not_ended() {
    let server = MockServer::start().await;
    // The work, its job, its manual: the first is why, and the others alone are not written.
    let refused = canceled(&["ConditionalCheckFailed", "None", "None"]);
    dynamo("TransactWriteItems").respond_with(refused).mount(&server).await;
    let work = Work {
        id: "j-1".to_owned(),
        user: anna(),
        manual_id: "m-1".to_owned(),
        kind: WorkKind::Index,
        covered_by: Some("RUN-1".to_owned()),
    };
    let store = ports(&server).await.ingestion;
    store.finish(&work, &Outcome::Complete, datetime!(2026-11-15 12:00 UTC)).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

fn manual() -> Manual {
    Manual {
        id: "m-1".to_owned(),
        name: "a.md".to_owned(),
        upload_date: "2026-11-15T12:00:00Z".to_owned(),
        size: 6,
        pages: 1,
        sha256: "00".repeat(32),
        key: "manuals/u/m-1.md".to_owned(),
        status: ManualStatus::Processing,
        job_id: "j-1".to_owned(),
    }
}

fn job() -> Job {
    Job {
        id: "j-1".to_owned(),
        manual_id: "m-1".to_owned(),
        state: JobState::Queued,
        created_at: "2026-11-15T12:00:00Z".to_owned(),
        updated_at: "2026-11-15T12:00:00Z".to_owned(),
    }
}

#[tokio::test]
async fn a_presigned_url_is_our_clocks_and_asks_its_user_for_no_header() {
    let server = MockServer::start().await;
    let ports = ports(&server).await;
    let context = RequestContext::new(TraceParent::fresh(), Duration::from_secs(5));
    context.identify(&anna());
    let start = datetime!(2031-01-02 03:04:05 UTC);
    let url = Arc::new(context)
        .scope(ports.files.presign("manuals/u/m.pdf", start, Duration::from_mins(15)))
        .await
        .unwrap();
    for part in [
        "/manuals/manuals/u/m.pdf?",
        "X-Amz-Expires=900",
        "X-Amz-Date=20310102T030405Z",
        "X-Amz-SignedHeaders=host&",
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn objects_are_sent_with_their_checksum() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/manuals/manuals/u/m.md"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let put = ports(&server).await;
    let put = put.files.put("manuals/u/m.md", "text/markdown", b"# text".as_slice().into()).await;
    assert!(put.is_ok(), "{put:?}");
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.body, b"# text");
    assert!(sent.headers.contains_key("x-amz-checksum-sha256"));
}

#[tokio::test]
async fn a_presigned_put_binds_size_type_and_checksum() {
    let server = MockServer::start().await;
    let ports = ports(&server).await;
    let promised = PromisedObject {
        key: "manuals/u/m.pdf".to_owned(),
        content_type: "application/pdf",
        size: 5_000_000,
        sha256: "00".repeat(32),
    };
    let start = datetime!(2031-01-02 03:04:05 UTC);
    let context = RequestContext::new(TraceParent::fresh(), Duration::from_secs(5));
    context.identify(&anna());
    let put = Arc::new(context)
        .scope(ports.files.presign_put(&promised, start, Duration::from_mins(15)))
        .await
        .unwrap();
    let signed = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256";
    for part in ["/manuals/manuals/u/m.pdf?", "X-Amz-Expires=900", signed] {
        assert!(put.url.contains(part), "{part} in {}", put.url);
    }
    let headers: Vec<_> = put.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("content-length", "5000000"),
            ("content-type", "application/pdf"),
            ("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ]
    );
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_object_is_looked_at_with_its_checksum_and_a_missing_one_is_none() {
    let server = MockServer::start().await;
    let sum = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let found = ResponseTemplate::new(200)
        .insert_header("content-length", "6")
        .insert_header("x-amz-checksum-sha256", sum);
    Mock::given(method("HEAD"))
        .and(path("/manuals/there"))
        .and(header("x-amz-checksum-mode", "ENABLED"))
        .respond_with(found)
        .mount(&server)
        .await;
    let body = ResponseTemplate::new(200).set_body_string("# text");
    Mock::given(method("GET")).and(path("/manuals/there")).respond_with(body).mount(&server).await;
    Mock::given(path("/manuals/denied"))
        .respond_with(ResponseTemplate::new(403))
        .mount(&server)
        .await;
    let files = ports(&server).await.files;
    let facts = files.head("there").await.unwrap().unwrap();
    assert_eq!(facts, ObjectFacts { size: 6, sha256: Some("00".repeat(32)) });
    assert_eq!(files.head("gone").await.unwrap(), None);
    assert_eq!(files.head("denied").await.unwrap_err().kind, PortErrorKind::Unavailable);
    let parts = files.fetch("there").await.unwrap().unwrap();
    assert_eq!(Spooled::write(parts, 6).await.unwrap().size, 6);
    assert!(files.fetch("gone").await.unwrap().is_none());
}

#[tokio::test]
async fn a_large_file_is_sent_from_disk_with_its_checksum_and_sent_again_when_it_must() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503).set_body_string("<Error><Code>SlowDown</Code></Error>");
    Mock::given(method("PUT")).respond_with(busy).up_to_n_times(1).mount(&server).await;
    Mock::given(method("PUT"))
        .and(path("/manuals/manuals/u/m.md"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let bytes = vec![b'x'; 5_000_000];
    let parts: Parts = futures::stream::iter([Ok(bytes.clone().into())]).boxed();
    let file = Spooled::write(parts, 5_000_000).await.unwrap();
    let put = ports(&server).await;
    put.files.put_file("manuals/u/m.md", "text/markdown", &file).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    assert_eq!(sent.len(), 2);
    for request in &sent {
        assert!(request.body == bytes, "{} bytes", request.body.len());
        assert_eq!(request.headers["content-type"], "text/markdown");
        let sum = hex::decode(&file.sha256).unwrap();
        let sum = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sum);
        assert_eq!(request.headers["x-amz-checksum-sha256"], sum.as_str());
    }
}

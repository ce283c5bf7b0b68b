//! The dead-letter queue, the errors table and notifications against single replies of AWS.

use backend::domain::failure::{ErrorRecord, Failure, FailureKind};
use backend::ports::{Notice, PortErrorKind, Received};
use serde_json::{Value, json};
use time::macros::datetime;
use wiremock::matchers::{body_string_contains, header};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

use crate::adapters::{dynamo, ports_with, refused};

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/manuel-dlq";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:manuel-alerts";
const NOW: i64 = 1_794_744_000;

async fn ports(server: &MockServer) -> backend::state::Ports {
    ports_with(server, &[("DLQ_URL", QUEUE), ("ALERTS_TOPIC_ARN", TOPIC)]).await
}

fn failure() -> Failure {
    let at = datetime!(2026-11-15 12:00 UTC);
    Failure {
        request_id: "r-1".into(),
        ..Failure::new(FailureKind::AudioLeft, "DeleteObject", "not deleted", at)
    }
}

fn sqs(operation: &str) -> MockBuilder {
    Mock::given(header("x-amz-target", format!("AmazonSQS.{operation}").as_str()))
}

async fn sent(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.body_json().unwrap()).collect()
}

#[tokio::test]
async fn a_failure_is_one_message() {
    let server = MockServer::start().await;
    let reply =
        json!({ "MessageId": "m-1", "MD5OfMessageBody": "d41d8cd98f00b204e9800998ecf8427e" });
    sqs("SendMessage")
        .respond_with(ResponseTemplate::new(200).set_body_json(reply))
        .mount(&server)
        .await;
    ports(&server).await.failures.send(&failure()).await.unwrap();
    let body = sent(&server).await.remove(0);
    assert_eq!(body["QueueUrl"], QUEUE);
    assert_eq!(Failure::parse(body["MessageBody"].as_str().unwrap()), Some(failure()));

    let nowhere = ports_with(&server, &[]).await;
    nowhere.failures.send(&failure()).await.unwrap();
    assert_eq!(nowhere.failure_source.receive().await.unwrap(), []);
    assert_eq!(sent(&server).await.len(), 1, "without a queue nothing is called");
}

#[tokio::test]
async fn messages_are_received_ten_at_most_and_deleted_by_their_receipt() {
    let server = MockServer::start().await;
    let messages = json!({ "Messages": [
        { "MessageId": "m-1", "ReceiptHandle": "h-1", "Body": "text", "MD5OfBody": "1cb251ec0d568de6a929b520c4aed8d1" },
        { "MessageId": "m-2", "Body": "without a receipt" },
    ] });
    sqs("ReceiveMessage")
        .respond_with(ResponseTemplate::new(200).set_body_json(messages))
        .mount(&server)
        .await;
    sqs("DeleteMessage")
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let ports = ports(&server).await;
    let received = ports.failure_source.receive().await.unwrap();
    let expected =
        Received { message_id: "m-1".into(), receipt: "h-1".into(), body: "text".into() };
    assert_eq!(received, [expected]);
    ports.failure_source.delete("h-1").await.unwrap();
    let sent = sent(&server).await;
    assert_eq!(
        (&sent[0]["MaxNumberOfMessages"], &sent[0]["WaitTimeSeconds"]),
        (&json!(10), &json!(1))
    );
    assert_eq!(sent[1], json!({ "QueueUrl": QUEUE, "ReceiptHandle": "h-1" }));
}

#[tokio::test]
async fn a_queue_that_is_out_is_an_error_in_our_words() {
    let server = MockServer::start().await;
    let gone = json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": QUEUE });
    sqs("SendMessage")
        .respond_with(ResponseTemplate::new(400).set_body_json(gone))
        .mount(&server)
        .await;
    let error = ports(&server).await.failures.send(&failure()).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert_eq!(error.to_string(), "SendMessage failed: Unavailable");
}

#[tokio::test]
async fn a_failure_is_counted_in_one_transaction_with_its_message() {
    let server = MockServer::start().await;
    dynamo("TransactWriteItems")
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&server)
        .await;
    let ports = ports(&server).await;
    ports.errors.count("m-1", &failure(), NOW).await.unwrap();
    ports.errors.count("m-1", &failure(), NOW + 1).await.unwrap();
    let sent = sent(&server).await;
    let pk = format!("ERROR#{}", failure().hash());
    let [message, update] =
        [&sent[0]["TransactItems"][0]["Put"], &sent[0]["TransactItems"][1]["Update"]];
    assert_eq!(message["Item"]["pk"]["S"], pk);
    assert_eq!(message["Item"]["sk"]["S"], "MESSAGE#m-1");
    assert_eq!(message["Item"]["expires_at"]["N"], (NOW + 15 * 86_400).to_string());
    assert_eq!(message["ConditionExpression"], "attribute_not_exists(#pk)");
    assert_eq!(
        (&update["Key"]["pk"]["S"], &update["Key"]["sk"]["S"]),
        (&json!(pk), &json!("ERROR"))
    );
    assert_eq!(
        update["ExpressionAttributeValues"][":expires_at"]["N"],
        (NOW + 30 * 86_400).to_string()
    );
    assert_eq!(update["ExpressionAttributeValues"][":severity"]["S"], "high");
    // Another delivery is another call: with the same token and another expiry it would be a mismatch for ten minutes.
    assert_ne!(sent[0]["ClientRequestToken"], sent[1]["ClientRequestToken"]);
}

#[tokio::test]
async fn a_message_that_was_counted_is_no_error() {
    let server = MockServer::start().await;
    let reasons = json!({ "CancellationReasons": [{ "Code": "ConditionalCheckFailed" }, { "Code": "None" }] });
    dynamo("TransactWriteItems")
        .respond_with(refused(400, "TransactionCanceledException", &reasons))
        .mount(&server)
        .await;
    ports(&server).await.errors.count("m-1", &failure(), NOW).await.unwrap();
}

fn item(more: &Value) -> Value {
    let mut item = json!({
        "pk": { "S": "ERROR#h" }, "sk": { "S": "ERROR" }, "kind": { "S": "audio_left" },
        "severity": { "S": "high" }, "operation": { "S": "DeleteObject" },
        "detail": { "S": "not deleted" }, "count": { "N": "3" }, "first_seen": { "N": "1" },
        "last_seen": { "N": "2" }, "sample_request_id": { "S": "r-1" },
    });
    for (name, value) in more.as_object().unwrap() {
        item[name] = value.clone();
    }
    item
}

async fn claimed(server: &MockServer) -> Notice {
    ports(server).await.errors.claim_notice("h", NOW).await.unwrap()
}

#[tokio::test]
async fn whoever_claims_the_notice_has_the_record_and_the_others_know_why_not() {
    let server = MockServer::start().await;
    let mine = json!({ "Attributes": item(&json!({ "notice_claimed_until": { "N": "5" } })) });
    dynamo("UpdateItem")
        .respond_with(ResponseTemplate::new(200).set_body_json(mine))
        .mount(&server)
        .await;
    let record = ErrorRecord {
        hash: "h".into(),
        kind: FailureKind::AudioLeft,
        operation: "DeleteObject".into(),
        detail: "not deleted".into(),
        count: 3,
        first_seen: 1,
        last_seen: 2,
        sample_request_id: "r-1".into(),
    };
    assert_eq!(claimed(&server).await, Notice::Due(record));
    let body = sent(&server).await.remove(0);
    assert_eq!(body["ReturnValues"], "ALL_NEW");
    assert_eq!(body["ExpressionAttributeValues"][":since"]["N"], (NOW - 3600).to_string());
    assert_eq!(body["ExpressionAttributeValues"][":until"]["N"], (NOW + 30).to_string());

    let told = |at: i64| json!({ "notified_at": { "N": at.to_string() } });
    for (more, expected) in [
        (told(NOW - 3599), Notice::Given),
        (told(NOW - 3600), Notice::Claimed),
        (json!({ "notice_claimed_until": { "N": "9" } }), Notice::Claimed),
    ] {
        let server = MockServer::start().await;
        let refusal = refused(400, "ConditionalCheckFailedException", &json!({}));
        dynamo("UpdateItem").respond_with(refusal).mount(&server).await;
        let found = ResponseTemplate::new(200).set_body_json(json!({ "Item": item(&more) }));
        dynamo("GetItem").respond_with(found).mount(&server).await;
        assert_eq!(claimed(&server).await, expected, "{more}");
    }
}

#[tokio::test]
async fn people_are_told_by_one_publish() {
    let server = MockServer::start().await;
    let reply = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
        <MessageId>n-1</MessageId></PublishResult></PublishResponse>";
    Mock::given(body_string_contains("Action=Publish"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(reply, "text/xml"))
        .mount(&server)
        .await;
    let record = ErrorRecord {
        hash: "h".into(),
        kind: FailureKind::ForeignPassages,
        operation: "Retrieve".into(),
        detail: "left out".into(),
        count: 1,
        first_seen: NOW,
        last_seen: NOW,
        sample_request_id: "r-1".into(),
    };
    ports(&server).await.alerts.notify(&record).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(&requests[0].body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!(field("TopicArn"), TOPIC);
    assert_eq!(field("Subject"), "Manuel local: critical foreign_passages");
    assert!(field("Message").contains("Operation: Retrieve\n"));

    let nobody = ports_with(&server, &[]).await;
    nobody.alerts.notify(&record).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

//! SQS: messages, time-outs, limits, and errors by the codes of the query API.
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, DeleteMessageBatchResultEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use reqwest::Method;
use serde_json::json;

use crate::stage::{PATIENCE, Stage};

const TWO_QUEUES: &str = "
Resources:
  ManualsBucket: {Type: AWS::S3::Bucket}
  DeadLetterQueue: {Type: AWS::SQS::Queue}
  IngestionQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 0
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetterQueue.Arn, maxReceiveCount: 2}
";

fn dead_letters(stage: &Stage) -> String {
    stage.emulators.resources().queues["DeadLetterQueue"].clone()
}

fn attribute(kind: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap()
}

fn everything(receive: ReceiveMessageFluentBuilder) -> ReceiveMessageFluentBuilder {
    receive
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
}

#[tokio::test]
async fn a_message_is_received_once_hidden_and_deleted() {
    let stage = Stage::start().await;
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_attributes("Name", attribute("String", "value"));
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(sent.md5_of_message_attributes(), Some("923297cac651001d0476adce9b21cd24"));

    let received = everything(client.receive_message().queue_url(&url)).send().await.unwrap();
    let [message] = received.messages() else { panic!("{received:?}") };
    assert_eq!((message.body(), message.message_id()), (Some("hello"), sent.message_id()));
    assert_eq!(message.message_attributes().unwrap()["Name"].string_value(), Some("value"));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let receives = MessageSystemAttributeName::ApproximateReceiveCount;
    assert_eq!(message.attributes().unwrap()[&receives], "1");
    let bare = client.receive_message().queue_url(&url).send().await.unwrap();
    assert!(bare.messages().is_empty(), "hidden for 180 s");

    stage.move_clock(180_001).await;
    let again = everything(client.receive_message().queue_url(&url)).send().await.unwrap();
    assert_eq!(again.messages()[0].attributes().unwrap()[&receives], "2");
    let receipt = again.messages()[0].receipt_handle().unwrap();
    let change = client.change_message_visibility().queue_url(&url).receipt_handle(receipt);
    change.visibility_timeout(0).send().await.unwrap();
    let (_, queues) = stage.admin(Method::GET, "/queues", None).await;
    let held = &queues[0]["messages"][0];
    assert_eq!((&held["body"], &held["receives"]), (&json!("hello"), &json!(2)), "{queues}");
    for _ in 0..2 {
        client.delete_message().queue_url(&url).receipt_handle(receipt).send().await.unwrap();
    }
    let (_, queues) = stage.admin(Method::GET, "/queues", None).await;
    let counts = (&queues[0]["sent"], &queues[0]["deleted"], &queues[0]["messages"]);
    assert_eq!(counts, (&json!(1), &json!(1), &json!([])));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_message() {
    let stage = Stage::start().await;
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    let waiting = client.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let sending = async {
        // The poll has begun when the service has it under way.
        while stage.stats().await["services"]["sqs"]["in_flight"] != 1 {
            tokio::task::yield_now().await;
        }
        client.send_message().queue_url(&url).message_body("now").send().await.unwrap();
    };
    let both = async { tokio::join!(waiting, sending) };
    let (received, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(received.unwrap().messages()[0].body(), Some("now"));
}

#[tokio::test]
async fn a_batch_tells_each_entry_apart() {
    let stage = Stage::start().await;
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let batch = client.send_message_batch().queue_url(&url);
    let batch = batch.entries(entry("good", "a")).entries(entry("bad", "\u{b}"));
    let answer = batch.send().await.unwrap();
    assert_eq!(answer.successful()[0].id(), "good");
    assert_eq!(
        (answer.failed()[0].id(), answer.failed()[0].code()),
        ("bad", "InvalidMessageContents")
    );
    let twice = client.send_message_batch().queue_url(&url);
    let twice = twice.entries(entry("a", "1")).entries(entry("a", "2")).send().await.unwrap_err();
    assert!(twice.into_service_error().is_batch_entry_ids_not_distinct());
    let long = "x".repeat(600_000);
    let long = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a", &long))
        .entries(entry("b", &long));
    assert!(long.send().await.unwrap_err().into_service_error().is_batch_request_too_long());
    let none = client.send_message_batch().queue_url(&url).set_entries(Some(Vec::new()));
    assert!(none.send().await.unwrap_err().into_service_error().is_empty_batch_request());
}

#[tokio::test]
async fn messages_are_deleted_in_batches_each_by_its_own_receipt() {
    let stage = Stage::start().await;
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    for body in ["a", "b"] {
        client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let received = client.receive_message().queue_url(&url).max_number_of_messages(10);
    let received = received.send().await.unwrap();
    let receipts = received.messages().iter().filter_map(|message| message.receipt_handle());
    let receipts: Vec<&str> = receipts.chain(["none"]).collect();
    assert_eq!(receipts.len(), 3);
    let entries = receipts.iter().enumerate().map(|(index, receipt)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
        entry.receipt_handle(*receipt).build().unwrap()
    });
    let answer = client.delete_message_batch().queue_url(&url);
    let answer = answer.set_entries(Some(entries.collect())).send().await.unwrap();
    let gone: Vec<&str> =
        answer.successful().iter().map(DeleteMessageBatchResultEntry::id).collect();
    assert_eq!(gone, ["0", "1"]);
    let failed = &answer.failed()[0];
    assert_eq!((failed.id(), failed.code()), ("2", "ReceiptHandleIsInvalid"));
    let (_, queues) = stage.admin(Method::GET, "/queues", None).await;
    assert_eq!((&queues[0]["deleted"], &queues[0]["messages"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn what_is_received_too_often_moves_to_the_dead_letter_queue() {
    let stage = Stage::start_from(TWO_QUEUES).await;
    let client = stage.sqs();
    let url = stage.emulators.resources().queues["IngestionQueue"].clone();
    client.send_message().queue_url(&url).message_body("poison").send().await.unwrap();
    for _ in 0..2 {
        let received = client.receive_message().queue_url(&url).send().await.unwrap();
        assert_eq!(received.messages().len(), 1);
    }
    let third = client.receive_message().queue_url(&url).send().await.unwrap();
    assert!(third.messages().is_empty());
    let dead = client.receive_message().queue_url(dead_letters(&stage)).send().await.unwrap();
    assert_eq!(dead.messages()[0].body(), Some("poison"));
    let attributes = client.get_queue_attributes().queue_url(&url);
    let attributes = attributes.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let policy = &attributes.attributes().unwrap()[&QueueAttributeName::RedrivePolicy];
    assert!(policy.contains(":manuel-local-dead-letter\""), "{policy}");
}

#[tokio::test]
async fn errors_have_the_codes_of_the_query_api() {
    let stage = Stage::start().await;
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    let absent = client.send_message().queue_url(format!("{url}-not")).message_body("x");
    let error = absent.send().await.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(
        response.headers().get("x-amzn-query-error"),
        Some("AWS.SimpleQueueService.NonExistentQueue;Sender")
    );
    assert!(error.into_service_error().is_queue_does_not_exist());
    let unknown = client.get_queue_url().queue_name("other").send().await.unwrap_err();
    assert!(unknown.into_service_error().is_queue_does_not_exist());
    let found = client.get_queue_url().queue_name("manuel-local-dead-letter").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(url.as_str()));

    let long = "x".repeat(1024 * 1024 + 1);
    let long = client.send_message().queue_url(&url).message_body(&long).send().await.unwrap_err();
    let long = long.into_service_error();
    assert_eq!(long.code(), Some("InvalidParameterValue"));
    assert!(long.message().unwrap().ends_with("shorter than 1048576 bytes."));
    let fits = "x".repeat(1024 * 1024);
    client.send_message().queue_url(&url).message_body(&fits).send().await.unwrap();
    let odd = client.send_message().queue_url(&url).message_body("\0").send().await.unwrap_err();
    assert!(odd.into_service_error().is_invalid_message_contents());
    let eleven = client.receive_message().queue_url(&url).max_number_of_messages(11);
    let eleven = eleven.send().await.unwrap_err().into_service_error();
    assert_eq!(eleven.code(), Some("InvalidParameterValue"));
    let handle = client.delete_message().queue_url(&url).receipt_handle("none").send().await;
    assert!(handle.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    client.purge_queue().queue_url(&url).send().await.unwrap();
    let again = client.purge_queue().queue_url(&url).send().await.unwrap_err();
    assert!(again.into_service_error().is_purge_queue_in_progress());
}

#[tokio::test]
async fn an_outage_speaks_as_sqs_and_others_keys_are_refused() {
    let stage = Stage::start().await;
    let rule = json!({"service": "sqs", "error": "RequestThrottled", "status": 403, "message": "slow",
        "ttl_ms": 15_000, "operation": "SendMessage", "user": "u1"});
    assert_eq!(stage.admin(Method::PUT, "/outages", Some(rule)).await.0, 201);
    let (client, url) = (stage.sqs(), dead_letters(&stage));
    let send = || client.send_message().queue_url(&url).message_body("x").customize();
    let hit = send().mutate_request(|request| {
        request.headers_mut().insert("x-manuel-user", "u1");
    });
    assert!(hit.send().await.unwrap_err().into_service_error().is_request_throttled());
    send().send().await.unwrap();
    let reader = stage.config("sqs", stage.emulators.read_only_credentials());
    let reader = aws_sdk_sqs::Client::new(&reader);
    let denied = reader.get_queue_attributes().queue_url(&url).send().await.unwrap_err();
    assert_eq!(denied.raw_response().unwrap().status().as_u16(), 403);
    assert_eq!(denied.into_service_error().code(), Some("AccessDenied"));
    let wrong = ("AKIANOBODY".to_owned(), "secret".to_owned());
    let wrong = aws_sdk_sqs::Client::new(&stage.config("sqs", wrong));
    let wrong = wrong.send_message().queue_url(&url).message_body("x").send().await.unwrap_err();
    assert_eq!(wrong.into_service_error().code(), Some("InvalidClientTokenId"));
    let stats = stage.stats().await;
    assert_eq!(
        (&stats["services"]["sqs"]["requests"], &stats["services"]["sqs"]["errors"]),
        (&json!(4), &json!(3))
    );
}

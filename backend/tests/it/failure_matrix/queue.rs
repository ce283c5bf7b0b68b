//! Each error of the dead-letter queue: no answer changes by it, and what could not be put there is in the log.

use backend::logging;
use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::{Real, always, bodies, calls, world};
use crate::logs::{Written, keep_listening};
use crate::world::{ANNA, BERT, World, passage};

/// Status, code, and how often one call is tried.
const CASES: [(u16, &str, usize); 10] = [
    (403, "RequestThrottled", 3),
    (400, "ThrottlingException", 3),
    (500, "InternalFailure", 3),
    (503, "ServiceUnavailable", 3),
    (403, "OverLimit", 1),
    (400, "KmsThrottled", 1),
    (400, "QueueDoesNotExist", 1),
    (400, "InvalidMessageContents", 1),
    (400, "UnsupportedOperation", 1),
    (403, "AccessDeniedException", 1),
];

/// The error as SQS sends it: older clients' code is in a header, which wins.
fn refusal(status: u16, code: &str) -> ResponseTemplate {
    let error = Real::Queue.error(status, code);
    if code == "QueueDoesNotExist" {
        let older = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        return error.insert_header("x-amzn-query-error", older);
    }
    error
}

/// What is the same for two equal questions.
fn lasting(answer: &Value) -> Value {
    let mut answer = answer.clone();
    for changing in ["request_id", "response_time_ms", "cost"] {
        answer.as_object_mut().unwrap().remove(changing);
    }
    answer
}

/// A question whose answer has something to report.
fn finds_foreign(world: &World) {
    world.ports.search.hold(vec![passage(BERT, "secret", 1), passage(ANNA, "mine", 2)]);
}

#[tokio::test]
async fn no_answer_changes_and_the_record_is_in_the_log() {
    keep_listening();
    let written = Written::default();
    let writer = written.clone();
    let subscriber = logging::subscriber(Some("info"), move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber);
    let well = World::new();
    finds_foreign(&well);
    let expected = lasting(&well.ask(ANNA, "How?").await.json());
    let checks = CASES.map(|(status, code, attempts)| {
        let (expected, written) = (&expected, &written);
        async move {
            let server = always(refusal(status, code)).await;
            let world = world(Real::Queue, &server.uri()).await;
            finds_foreign(&world);
            let answer = world.ask(ANNA, "How?").await;
            assert_eq!(answer.status.as_u16(), 200, "{code}");
            assert_eq!(lasting(&answer.json()), *expected, "{code}");
            world.settle().await;
            assert_eq!(world.figures(ANNA), (1, 1, 1, 0), "{code}");
            assert_eq!(calls(&server).await, vec!["SendMessage"; attempts], "{code}");
            let sent = bodies(&server).await.remove(0)["MessageBody"].as_str().unwrap().to_owned();
            assert_logged(&written.text(), answer.header("x-request-id"), code);
            assert!(sent.contains("foreign_passages"), "{sent}");
        }
    });
    join_all(checks).await;
}

/// All that the record says is in the log, and that it got no further.
fn assert_logged(log: &str, request_id: &str, code: &str) {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_request = |line: &Value| line["request_id"] == request_id;
    let lines: Vec<Value> = lines.filter(of_request).collect();
    let line = |message: &str| {
        let found = lines.iter().find(|line| line["message"] == message);
        assert!(found.is_some(), "{code}: no `{message}` in {lines:?}");
        found.unwrap()
    };
    let record = line("failed for good");
    assert_eq!(
        (&record["kind"], &record["severity"]),
        (&json!("foreign_passages"), &json!("critical"))
    );
    for field in ["operation", "detail", "user"] {
        assert!(record[field].is_string(), "{code}: {record}");
    }
    let unsent = line("failure not queued");
    assert_eq!((&unsent["kind"], &unsent["level"]), (&record["kind"], &json!("ERROR")));
    let cause = unsent["cause"].as_str().unwrap();
    assert!(cause.contains("SendMessage") && !cause.contains("arn:"), "{code}: {cause}");
}

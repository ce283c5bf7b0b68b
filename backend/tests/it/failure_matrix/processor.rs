//! Each error of what the error processor needs (notifications, the errors table, the queue it empties): the message comes
//! again, nothing is counted twice, and people are told in the end.

use std::time::Duration;

use backend::app::error_processing;
use backend::domain::failure::{Failure, FailureKind};
use backend::lambda::ErrorProcessor;
use backend::memory::failures::MemoryErrors;
use backend::state::App;
use futures::future::join_all;
use lambda_runtime::LambdaEvent;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Real, always, calls, count, world};
use crate::functions::context;
use crate::world::World;

/// Status, code, and how often one call is tried.
type Case = (u16, &'static str, usize);

fn body(app: &App) -> String {
    let failure = Failure::new(FailureKind::AudioLeft, "delete", "left", app.clock.now());
    serde_json::to_string(&Failure { request_id: "r-1".to_owned(), ..failure }).unwrap()
}

/// The ids of the messages that go back to the queue, of a batch of one.
async fn again(app: &App) -> Vec<String> {
    let mut event: serde_json::Value =
        serde_json::from_str(include_str!("../events/sqs.json")).unwrap();
    let mut record = event["Records"][0].clone();
    (record["messageId"], record["body"]) = (json!("m-1"), json!(body(app)));
    event["Records"] = json!([record]);
    let event = serde_json::from_value(event).unwrap();
    let event = LambdaEvent::new(event, context(Duration::from_secs(30)));
    let response = ErrorProcessor::new(app.clone()).process(event).await.unwrap();
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn counted(errors: &MemoryErrors) -> Vec<u64> {
    errors.records().iter().map(|record| record.count).collect()
}

/// The same processor, now that what failed is well again.
fn well(world: &World) -> App {
    App::new((*world.app.config).clone(), world.app.clock.clone(), world.ports.ports())
}

#[tokio::test]
async fn people_who_cannot_be_told_are_told_when_the_message_comes_again() {
    let cases: [Case; 10] = [
        (429, "Throttled", 1),
        (400, "ThrottlingException", 3),
        (400, "KMSThrottling", 1),
        (500, "InternalError", 3),
        (503, "ServiceUnavailable", 3),
        (400, "InvalidParameter", 1),
        (400, "EndpointDisabled", 1),
        (403, "AuthorizationError", 1),
        (403, "KMSAccessDenied", 1),
        (404, "NotFound", 1),
    ];
    let checks = cases.map(|(status, code, attempts)| async move {
        let server = always(Real::Alerts.error(status, code)).await;
        let world = world(Real::Alerts, &server.uri()).await;
        assert_eq!(again(&world.app).await, ["m-1"], "{code}");
        assert_eq!(server.received_requests().await.unwrap().len(), attempts, "{code}");
        assert_eq!(counted(&world.ports.errors), [1], "{code}");

        // The claim of the one that failed is over when the queue shows the message again.
        world.move_clock(30);
        assert_eq!(again(&well(&world)).await, Vec::<String>::new(), "{code}");
        assert_eq!(counted(&world.ports.errors), [1], "{code}: counted once");
        assert_eq!(world.ports.alerts.given().len(), 1, "{code}");
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_failure_that_cannot_be_counted_comes_again() {
    let cases: [Case; 8] = [
        (400, "ProvisionedThroughputExceededException", 3),
        (400, "ThrottlingException", 3),
        (500, "InternalServerError", 3),
        (503, "ServiceUnavailable", 3),
        // Another's transaction at the same item is met three times more.
        (400, "TransactionConflictException", 4),
        (400, "ResourceNotFoundException", 1),
        (400, "AccessDeniedException", 1),
        (400, "ValidationException", 1),
    ];
    let checks = cases.map(|(status, code, attempts)| async move {
        let server = always(Real::Errors.error(status, code)).await;
        let world = world(Real::Errors, &server.uri()).await;
        assert_eq!(again(&world.app).await, ["m-1"], "{code}");
        assert_eq!(calls(&server).await, vec!["TransactWriteItems"; attempts], "{code}");
        assert!(world.ports.alerts.given().is_empty(), "{code}: nobody is told what is not kept");
        assert_eq!(again(&well(&world)).await, Vec::<String>::new(), "{code}");
        assert_eq!((counted(&world.ports.errors), world.ports.alerts.given().len()), (vec![1], 1));
    });
    join_all(checks).await;
}

/// A queue with one message that fails at one operation, and how often the server's processor tried there.
async fn emptied(operation: &'static str, status: u16, code: &'static str) -> (World, MockServer) {
    let server = MockServer::start().await;
    let real = super::real_ports(&server.uri()).await;
    let world = super::built(&[], |memory| Real::Queue.put(real, memory.ports()));
    let messages = json!({ "Messages": [
        { "MessageId": "m-1", "ReceiptHandle": "h-1", "Body": body(&world.app) },
    ] });
    let answer = move |request: &Request| {
        let target = request.headers["x-amz-target"].to_str().unwrap();
        if target.ends_with(operation) {
            Real::Queue.error(status, code)
        } else if target.ends_with("ReceiveMessage") {
            ResponseTemplate::new(200).set_body_json(&messages)
        } else {
            ResponseTemplate::new(200).set_body_json(json!({}))
        }
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    (world, server)
}

/// Runs the server's processor until it has called an operation so often.
async fn run_until(world: &World, server: &MockServer, operation: &str, times: usize) {
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(error_processing::run(world.app.clone(), stop.clone()));
    let reached = async {
        while count(&calls(server).await, operation) < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached).await.expect(operation);
    stop.cancel();
    running.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn the_servers_processor_outlives_a_queue_that_fails() {
    let cases: [Case; 4] = [
        (403, "RequestThrottled", 3),
        (500, "InternalFailure", 3),
        (403, "OverLimit", 1),
        (400, "QueueDoesNotExist", 1),
    ];
    let checks = cases.map(|(status, code, attempts)| async move {
        let (world, server) = emptied("ReceiveMessage", status, code).await;
        run_until(&world, &server, "ReceiveMessage", attempts).await;
        assert!(counted(&world.ports.errors).is_empty(), "{code}");

        // A message that cannot be deleted comes again and again, and is counted and told once.
        let (world, server) = emptied("DeleteMessage", status, code).await;
        run_until(&world, &server, "DeleteMessage", 2 * attempts).await;
        assert_eq!((counted(&world.ports.errors), world.ports.alerts.given().len()), (vec![1], 1));
    });
    join_all(checks).await;
}

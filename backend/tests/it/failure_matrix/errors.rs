//! Each error of each service that a request waits for.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use futures::future::join_all;
use wiremock::ResponseTemplate;

use super::wire::{Manner, Wire, closed};
use super::{Case, Real, always, assert_free, assert_told, world};

async fn check(real: Real, cases: &[Case]) {
    let checks = cases.iter().map(|(status, error, attempts, told, code)| async move {
        let what = format!("{real:?} {status} {error}");
        let server = always(real.error(*status, error)).await;
        let world = world(real, &server.uri()).await;
        assert_told(&real.ask(&world).await, *told, code, &what);
        let calls = asked(&server).await;
        assert_eq!(calls, *attempts, "calls of {what}");
        assert_free(&world, &what).await;
        assert!(world.ports.failures.sent().is_empty(), "{what}");
    });
    join_all(checks).await;
}

#[tokio::test]
async fn every_error_of_the_model_has_its_answer() {
    const OUT: &str = "model_unavailable";
    let cases = [
        (429, "ThrottlingException", 3, 429, "model_throttled"),
        (429, "ModelNotReadyException", 3, 429, "model_throttled"),
        (503, "ServiceUnavailableException", 3, 503, OUT),
        (500, "InternalServerException", 3, 503, OUT),
        (408, "ModelTimeoutException", 1, 503, OUT),
        (424, "ModelErrorException", 1, 503, OUT),
        (400, "ServiceQuotaExceededException", 1, 503, OUT),
        (400, "ValidationException", 1, 503, OUT),
        (403, "AccessDeniedException", 1, 503, OUT),
        (404, "ResourceNotFoundException", 1, 503, OUT),
    ];
    check(Real::Model, &cases).await;
}

#[tokio::test]
async fn every_error_of_retrieval_has_its_answer() {
    const OUT: &str = "search_unavailable";
    let cases = [
        (429, "ThrottlingException", 3, 429, "search_throttled"),
        (502, "BadGatewayException", 3, 503, OUT),
        (500, "InternalServerException", 3, 503, OUT),
        (424, "DependencyFailedException", 1, 503, OUT),
        (409, "ConflictException", 1, 503, OUT),
        (400, "ServiceQuotaExceededException", 1, 503, OUT),
        (400, "ValidationException", 1, 503, OUT),
        (403, "AccessDeniedException", 1, 503, OUT),
        (404, "ResourceNotFoundException", 1, 503, OUT),
    ];
    check(Real::Search, &cases).await;
}

#[tokio::test]
async fn every_error_of_the_tables_has_its_answer() {
    const OUT: &str = "store_unavailable";
    const BUSY: &str = "store_throttled";
    let cases = [
        (400, "ProvisionedThroughputExceededException", 3, 429, BUSY),
        (400, "ThrottlingException", 3, 429, BUSY),
        (400, "RequestLimitExceeded", 3, 429, BUSY),
        (400, "LimitExceededException", 3, 429, BUSY),
        (500, "InternalServerError", 3, 503, OUT),
        (503, "ServiceUnavailable", 3, 503, OUT),
        (400, "ResourceNotFoundException", 1, 503, OUT),
        (400, "AccessDeniedException", 1, 503, OUT),
        (400, "ValidationException", 1, 503, OUT),
    ];
    let tables = [Real::Rows, Real::Jobs, Real::Announced, Real::Limits, Real::Replay];
    join_all(tables.map(|table| check(table, &cases))).await;
    // Of writes alone.
    let cases = [(400, "ReplicatedWriteConflictException", 3, 503, OUT)];
    join_all([Real::Limits, Real::Replay].map(|table| check(table, &cases))).await;
}

#[tokio::test]
async fn every_error_of_the_objects_has_its_answer() {
    const OUT: &str = "files_unavailable";
    let cases = [
        (503, "SlowDown", 3, 429, "files_throttled"),
        (503, "ServiceUnavailable", 3, 503, OUT),
        (500, "InternalError", 3, 503, OUT),
        (400, "RequestTimeout", 3, 503, OUT),
        (403, "AccessDenied", 1, 503, OUT),
        (403, "SignatureDoesNotMatch", 1, 503, OUT),
        (403, "RequestTimeTooSkewed", 1, 503, OUT),
        (409, "OperationAborted", 1, 503, OUT),
        (412, "PreconditionFailed", 1, 503, OUT),
        (404, "NoSuchBucket", 1, 503, OUT),
    ];
    check(Real::Files, &cases).await;
}

#[tokio::test]
async fn every_error_of_secrets_and_keys_has_its_answer() {
    const OUT: &str = "signing_unavailable";
    let cases = [
        (400, "ThrottlingException", 3, 429, "signing_throttled"),
        (500, "InternalServiceError", 3, 503, OUT),
        (400, "DecryptionFailure", 1, 503, OUT),
        (400, "AccessDeniedException", 1, 503, OUT),
    ];
    check(Real::Secrets, &cases).await;
    let cases =
        [429, 500, 503].map(|status| (status, "unreadable", 1, 503, "identity_unavailable"));
    check(Real::Identity, &cases).await;
}

/// The dependencies that a request waits for, without those that have another to do with: their code, and how many
/// calls one request makes of them when they are out.
const ALL: [(Real, &str, usize); 11] = [
    (Real::Model, "model_unavailable", 1),
    (Real::Search, "search_unavailable", 1),
    // The reservation, and giving it back.
    (Real::Counters, "store_unavailable", 2),
    (Real::Limits, "store_unavailable", 1),
    (Real::Replay, "store_unavailable", 1),
    (Real::Rows, "store_unavailable", 1),
    // The object, and taking it and its sidecar away again, for nobody knows whether they are there.
    (Real::Files, "files_unavailable", 3),
    // The recording or the job, and its deletion before and after the answer.
    (Real::Recordings, "files_unavailable", 3),
    (Real::Speech, "transcription_unavailable", 3),
    (Real::Secrets, "signing_unavailable", 1),
    (Real::Identity, "identity_unavailable", 1),
];

#[tokio::test]
async fn a_refused_connection_is_an_outage_of_that_dependency() {
    let checks = ALL.map(|(real, code, _calls)| async move {
        let world = world(real, &closed()).await;
        assert_told(&real.ask(&world).await, 503, code, code);
        assert_free(&world, code).await;
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_asked_for_again_and_then_an_outage() {
    const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
        content-length: 1000\r\n\r\n{";
    for text in ["", CUT] {
        let checks = ALL.map(|(real, code, calls)| async move {
            let wire = Wire::new(Manner::Says(text)).await;
            let world = world(real, &wire.endpoint).await;
            assert_told(&real.ask(&world).await, 503, code, code);
            assert_free(&world, code).await;
            // The document of keys is fetched once; the SDK tries three times.
            let attempts = if real == Real::Identity { 1 } else { 3 * calls };
            assert_eq!(wire.attempts(), attempts, "{real:?} {text:?}");
        });
        join_all(checks).await;
    }
}

#[tokio::test]
async fn a_reply_that_is_no_json_is_an_outage_and_not_asked_for_again() {
    let answers = [Real::Model, Real::Search, Real::Rows, Real::Secrets, Real::Identity];
    let checks = ALL.into_iter().filter(|(real, ..)| answers.contains(real));
    let checks = checks.map(|(real, code, calls)| async move {
        let server = always(ResponseTemplate::new(200).set_body_string("{\"a\":")).await;
        let world = world(real, &server.uri()).await;
        assert_told(&real.ask(&world).await, 503, code, code);
        assert_free(&world, code).await;
        assert_eq!(asked(&server).await, calls, "{real:?}");
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_denial_under_another_clock_is_tried_again_with_that_clock_and_no_more_than_that() {
    let late = DateTime::from_secs(1_000_000_000).fmt(Format::HttpDate).unwrap();
    for (real, status, error, code) in [
        (Real::Rows, 400, "AccessDeniedException", "store_unavailable"),
        (Real::Files, 403, "RequestTimeTooSkewed", "files_unavailable"),
    ] {
        let server = always(real.error(status, error).insert_header("date", late.as_str())).await;
        let world = world(real, &server.uri()).await;
        assert_told(&real.ask(&world).await, 503, code, code);
        world.settle().await;
        assert_eq!(asked(&server).await, 3, "{error}");
    }
}

/// Calls without those that put right what failed.
async fn asked(server: &wiremock::MockServer) -> usize {
    let all = server.received_requests().await.unwrap();
    all.iter().filter(|request| request.method.as_str() != "DELETE").count()
}

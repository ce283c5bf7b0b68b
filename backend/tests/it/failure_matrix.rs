//! Every dependency refused, stalled, and failing with each error that its service knows, through the real adapters and
//! the real router: what the client is told, how often was tried, and that nothing stays charged. One dependency is real
//! in each world, the others are in memory.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::timeout::TimeoutConfig;
use backend::aws::clients;
use backend::clock;
use backend::config::Config;
use backend::memory::MemoryWorld;
use backend::state::Ports;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::world::{ANNA, Answer, World, environment, passage};

/// What no body may repeat.
const TEXT: &str = "arn:aws:x:eu-west-1:123456789012:table/usage does not like it";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Real {
    Model,
    Search,
    Counters,
    Rows,
    Files,
    Secrets,
    Identity,
}

impl Real {
    fn put(self, real: Ports, memory: Ports) -> Ports {
        match self {
            Self::Model => Ports { model: real.model, ..memory },
            Self::Search => Ports { search: real.search, ..memory },
            Self::Counters => Ports { quota: real.quota, ..memory },
            Self::Rows => Ports { manuals: real.manuals, ..memory },
            Self::Files => Ports { files: real.files, ..memory },
            Self::Secrets => Ports { secret: real.secret, ..memory },
            Self::Identity => Ports { jwks: real.jwks, ..memory },
        }
    }

    /// A call that needs it.
    async fn ask(self, world: &World) -> Answer {
        match self {
            Self::Model | Self::Search | Self::Counters => world.ask(ANNA, "How?").await,
            Self::Rows | Self::Identity => world.get(ANNA, "/api/manuals").await,
            Self::Files | Self::Secrets => world.upload(ANNA, "a.md", "# text").await,
        }
    }

    fn error(self, status: u16, code: &str) -> ResponseTemplate {
        let reply = ResponseTemplate::new(status);
        match self {
            Self::Model | Self::Search => reply
                .insert_header("x-amzn-errortype", format!("{code}:http://internal/").as_str())
                .set_body_json(json!({ "message": TEXT })),
            Self::Counters | Self::Rows | Self::Secrets => reply.set_body_json(json!({
                "__type": format!("com.amazonaws.x#{code}"), "message": TEXT,
            })),
            Self::Files => reply.set_body_raw(
                format!("<Error><Code>{code}</Code><Message>{TEXT}</Message></Error>"),
                "application/xml",
            ),
            Self::Identity => reply.set_body_string(TEXT),
        }
    }
}

/// A world in which one dependency is at `endpoint`.
async fn world(real: Real, endpoint: &str, within: Option<Duration>, deadline_ms: &str) -> World {
    let jwks = format!("{endpoint}/jwks.json");
    let config = Config::from_environment(&environment(&[("JWKS_URL", &jwks)])).unwrap();
    let config = Config { s3_path_style: true, ..config };
    let sdk = clients::sdk_config(&config).await;
    let keys =
        SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "s", None, None, "t"));
    let mut sdk = sdk.to_builder().endpoint_url(endpoint).credentials_provider(keys);
    if let Some(attempt) = within {
        let bounds = TimeoutConfig::builder()
            .operation_attempt_timeout(attempt)
            .operation_timeout(attempt * 8);
        sdk = sdk.timeout_config(bounds.build());
    }
    let adapters = clients::ports(&sdk.build(), &config);
    let choose = |memory: &MemoryWorld| real.put(adapters, memory.ports());
    let world = World::built(&[("REQUEST_DEADLINE_MS", deadline_ms)], choose);
    world.ports.search.hold(vec![passage(ANNA, "m-1", 1)]);
    world
}

fn assert_told(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}");
    let after: u64 = answer.header("retry-after").parse().expect(what);
    assert!((1..=60).contains(&after), "{what}");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains("arn:") && !body.contains("does not like"), "{what}: {body}");
}

/// Nothing is charged: neither now nor when what outlives the request is done.
async fn assert_free(real: Real, world: &World, what: &str) {
    world.settle().await;
    if real != Real::Counters {
        assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "{what}");
    }
}

/// Status and code of the service, how often it is called, what the client is told.
type Case = (u16, &'static str, usize, u16, &'static str);

async fn check(real: Real, cases: &[Case]) {
    let checks = cases.iter().map(|(status, error, attempts, told, code)| async move {
        let what = format!("{real:?} {status} {error}");
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(real.error(*status, error)).mount(&server).await;
        let world = world(real, &server.uri(), None, "25000").await;
        assert_told(&real.ask(&world).await, *told, code, &what);
        if real != Real::Counters {
            let calls = server.received_requests().await.unwrap().len();
            assert_eq!(calls, *attempts, "calls of {what}");
        }
        assert_free(real, &world, &what).await;
    });
    futures::future::join_all(checks).await;
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
        (500, "InternalServerError", 3, 503, OUT),
        (503, "ServiceUnavailable", 3, 503, OUT),
        (400, "ResourceNotFoundException", 1, 503, OUT),
        (400, "AccessDeniedException", 1, 503, OUT),
        (400, "ValidationException", 1, 503, OUT),
    ];
    check(Real::Rows, &cases).await;
    check(Real::Counters, &cases).await;
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
        (409, "OperationAborted", 1, 503, OUT),
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

const ALL: [(Real, &str); 7] = [
    (Real::Model, "model_unavailable"),
    (Real::Search, "search_unavailable"),
    (Real::Counters, "store_unavailable"),
    (Real::Rows, "store_unavailable"),
    (Real::Files, "files_unavailable"),
    (Real::Secrets, "signing_unavailable"),
    (Real::Identity, "identity_unavailable"),
];

#[tokio::test]
async fn a_refused_connection_is_an_outage_of_that_dependency() {
    // Bound and closed again: nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{closed}");
    let checks = ALL.map(|(real, code)| {
        let endpoint = endpoint.clone();
        async move {
            let world = world(real, &endpoint, None, "25000").await;
            assert_told(&real.ask(&world).await, 503, code, code);
            assert_free(real, &world, code).await;
        }
    });
    futures::future::join_all(checks).await;
}

#[tokio::test]
async fn a_dependency_that_never_answers_is_given_up_in_time() {
    let server = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_mins(2));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let server = Arc::new(server);
    let checks = ALL.map(|(real, code)| {
        let server = Arc::clone(&server);
        async move {
            // Retrieval and the model have bounds of their own, which the deadline cuts here.
            let own = matches!(real, Real::Model | Real::Search);
            let deadline = if own { "1500" } else { "25000" };
            let within = Some(Duration::from_millis(150));
            let world = world(real, &server.uri(), within, deadline).await;
            let began = clock::monotonic();
            let answer = real.ask(&world).await;
            let took = clock::monotonic().duration_since(began);
            let told = if own { (504, "deadline_exceeded") } else { (503, code) };
            assert_told(&answer, told.0, told.1, code);
            assert!(took < Duration::from_secs(8), "{code} took {took:?}");
            assert_free(real, &world, code).await;
        }
    });
    futures::future::join_all(checks).await;
}

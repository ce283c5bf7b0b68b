//! The Lambda functions: recorded events of API Gateway through the real conversion, over in-memory ports. What a client
//! gets is what the server would have answered, and nothing is left to do when it is returned.

use std::sync::Arc;
use std::time::Duration;

use backend::clock::Clock;
use backend::http::Function;
use backend::lambda::{FunctionError, Gateway, Scheduled};
use backend::memory::Trouble;
use backend::ports::{Model, ModelAnswer, PortErrorKind, PortFuture};
use http::{Method, Request};
use lambda_http::request::LambdaRequest;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::gateway_events::{APIS, Api, Sent};
use crate::logs::Written;
use crate::world::{ANNA, BERT, World, passage, upload_body};

/// An invocation that Lambda would end after `left`.
pub(crate) fn context(left: Duration) -> Context {
    let mut context = Context::default();
    let end = Clock::System.now() + left;
    context.deadline = u64::try_from(end.unix_timestamp_nanos() / 1_000_000).unwrap();
    context
}

async fn answered(world: &World, function: Function, event: LambdaRequest) -> Value {
    let gateway = Gateway::new(function, world.app.clone());
    let event = LambdaEvent::new(event, context(Duration::from_secs(30)));
    serde_json::to_value(gateway.answer(event).await.unwrap()).unwrap()
}

fn body_of(answer: &Value) -> Value {
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap_or("null")).unwrap()
}

fn header<'a>(answer: &'a Value, api: Api, name: &str) -> &'a Value {
    match api {
        Api::Rest => &answer["multiValueHeaders"][name][0],
        Api::Http => &answer["headers"][name],
    }
}

const QUESTION: &[u8] = br#"{"question":"How do I reset it?"}"#;

#[tokio::test]
async fn a_question_is_answered_from_both_kinds_of_events() {
    for (api, base64) in APIS.into_iter().flat_map(|api| [(api, false), (api, true)]) {
        let world = World::new();
        world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
        let sent = Sent::new("POST", "/api/query").by(&world, ANNA).body(QUESTION);
        let answer = answered(&world, Function::Query, sent.event(api, base64)).await;
        assert_eq!(answer["statusCode"], 200, "{api:?} {answer}");
        let body = body_of(&answer);
        assert_eq!(body["sources"][0]["manual_id"], "router");
        assert_eq!(header(&answer, api, "x-request-id"), &body["request_id"]);
        assert_eq!(header(&answer, api, "x-content-type-options"), "nosniff");
        assert_eq!(world.figures(ANNA), (1, 1, 1, 0));
    }
}

#[tokio::test]
async fn a_query_string_arrives_as_it_was_sent() {
    for api in APIS {
        let world = World::new();
        for name in ["a.md", "b.md"] {
            assert_eq!(world.upload(ANNA, name, "# text").await.status.as_u16(), 201);
        }
        let sent = Sent { query: "limit=1", ..Sent::new("GET", "/api/manuals").by(&world, ANNA) };
        let answer = answered(&world, Function::Manuals, sent.event(api, false)).await;
        let body = body_of(&answer);
        assert_eq!(body["manuals"].as_array().unwrap().len(), 1, "{api:?} {body}");
        let hostile = "x=<\"a b\">#é&limit=x";
        let sent = Sent { query: hostile, ..Sent::new("GET", "/api/manuals").by(&world, ANNA) };
        let answer = answered(&world, Function::Manuals, sent.event(api, false)).await;
        assert_eq!(body_of(&answer)["code"], "limit_invalid", "{api:?}");
    }
}

#[tokio::test]
async fn a_signed_upload_is_verified_over_the_bytes_that_were_sent() {
    for (api, base64) in APIS.into_iter().flat_map(|api| [(api, false), (api, true)]) {
        let world = World::new();
        let body = upload_body("a.md", "text/markdown", "# Größe\n".as_bytes());
        let upload = || Sent::new("POST", "/api/manuals/upload").by(&world, ANNA);
        let sent = upload().body(&body).signed(world.now_s());
        let answer = answered(&world, Function::Manuals, sent.event(api, base64)).await;
        assert_eq!(answer["statusCode"], 201, "{api:?} {answer}");
        let stored = body_of(&answer);
        assert_eq!(stored["size"], "# Größe\n".len());
        assert_eq!(world.ports.files.objects().len(), 2);

        let replayed = answered(&world, Function::Manuals, sent.event(api, base64)).await;
        assert_eq!(body_of(&replayed)["code"], "signature_replayed");
        let unsigned = upload().body(&body).event(api, base64);
        let refused = answered(&world, Function::Manuals, unsigned).await;
        assert_eq!(body_of(&refused)["code"], "signature_missing");
    }
}

/// Paths with everything that a gateway or a URL parser might rewrite: the function agrees with the server.
#[tokio::test]
async fn a_signature_covers_the_path_that_the_client_sent() {
    let odd =
        ["/api/manuals/a%20b", "/api/manuals/a%2Fb", "/api/manuals/%61", "/api/manuals/a+b;c"];
    for (api, path) in APIS.into_iter().flat_map(|api| odd.map(|path| (api, path))) {
        let world = World::new();
        let now = world.now_s();
        let plain = Sent::new("DELETE", path).by(&world, ANNA).signed(now);
        let sent = Sent { query: "a=%20b", ..plain };
        let in_function = answered(&world, Function::Manuals, sent.event(api, false)).await;

        let mut request = world.signed_request(ANNA, Method::DELETE, path, Vec::new());
        *request.uri_mut() = format!("{path}?a=%20b").parse().unwrap();
        let in_server = world.send(request).await;
        assert_ne!(in_server.code(), "signature_invalid", "{path}");
        assert_eq!(in_function["statusCode"], in_server.status.as_u16(), "{api:?} {path}");

        let other = Sent::new("DELETE", "/api/manuals/a").by(&world, ANNA).signed(now + 1);
        let moved = Sent { path, ..other };
        let refused = answered(&world, Function::Manuals, moved.event(api, false)).await;
        assert_eq!(body_of(&refused)["code"], "signature_invalid", "{api:?} {path}");
    }
}

#[tokio::test]
async fn a_stage_is_no_part_of_the_path() {
    let world = World::new();
    // A REST API's stage is `prod` in the recorded event and not in its path; an HTTP API's raw path begins with it.
    let sent = Sent::new("GET", "/health");
    let answer = answered(&world, Function::Health, sent.event(Api::Rest, false)).await;
    assert_eq!(answer["statusCode"], 200);
    let mut event = Sent::new("GET", "/prod/health").http();
    event["requestContext"]["stage"] = json!("prod");
    let event = serde_json::from_str(&event.to_string()).unwrap();
    assert_eq!(answered(&world, Function::Health, event).await["statusCode"], 200);
}

#[tokio::test]
async fn options_404_and_405_are_answered_by_every_function() {
    let world = World::with(&[("CORS_ORIGINS", "https://app.example.com")]);
    for (api, function) in APIS.into_iter().flat_map(|api| Function::ALL.map(|one| (api, one))) {
        let origin = || "https://app.example.com".to_owned();
        let sent = Sent::new("OPTIONS", "/api/anything").with("origin", origin());
        let answer = answered(&world, function, sent.event(api, false)).await;
        assert_eq!(answer["statusCode"], 204, "{function:?}");
        let allowed = header(&answer, api, "access-control-allow-origin");
        assert_eq!(allowed, "https://app.example.com");
        let body = answer["body"].as_str().unwrap_or_default();
        assert!(body.is_empty() && answer["isBase64Encoded"] == false, "{answer}");

        let nowhere = Sent::new("GET", "/nowhere").event(api, false);
        let answer = answered(&world, function, nowhere).await;
        assert_eq!(
            (&answer["statusCode"], &body_of(&answer)["code"]),
            (&json!(404), &json!("no_such_route"))
        );
    }
    let wrong = Sent::new("PUT", "/health").event(Api::Rest, false);
    assert_eq!(answered(&world, Function::Health, wrong).await["statusCode"], 405);
}

/// The document has every route of the server; each is in one function, and answered there.
#[tokio::test]
async fn every_route_of_the_server_is_in_exactly_one_function() {
    // All of it from one address.
    let world = World::with(&[("RATE_LIMIT_REQUESTS", "1000")]);
    let document = serde_json::to_value(backend::http::document()).unwrap();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Every function answers OPTIONS, on every path.
        let methods = methods.as_object().unwrap().keys().filter(|method| *method != "options");
        for method in methods {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab");
            let request = || Request::builder().method(&method).uri(&path);
            let told = world.send(request().body(axum::body::Body::empty()).unwrap()).await;
            assert!(!matches!(told.status.as_u16(), 404 | 405), "{method} {path}: {}", told.status);
            let mut homes = Vec::new();
            for function in Function::ALL {
                let event = Sent::new(method.as_str(), &path).event(Api::Rest, false);
                let answer = answered(&world, function, event).await;
                let status = answer["statusCode"].as_u64().unwrap();
                if !matches!(status, 404 | 405) {
                    assert_eq!(status, u64::from(told.status.as_u16()), "{method} {path}");
                    homes.push(function.name());
                }
            }
            assert_eq!(homes.len(), 1, "{method} {path} is in {homes:?}");
            routes += 1;
        }
    }
    assert!(routes >= 12, "{routes} routes");
}

/// The source of the only request in the log.
async fn logged_source(world: &World, event: LambdaRequest) -> String {
    let log = Written::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(move || writer.clone())
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);
    assert_eq!(answered(world, Function::Health, event).await["statusCode"], 200);
    drop(logging);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("\"request\"")).expect("a line");
    let line: Value = serde_json::from_str(line).unwrap();
    line["source"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn the_source_is_the_gateways_and_a_spoofed_header_changes_nothing() {
    let world = World::new();
    let behind_proxy = World::with(&[("TRUSTED_PROXIES", "192.0.2.0/24")]);
    for api in APIS {
        let spoofed = || "198.51.100.1".to_owned();
        let sent = Sent::new("GET", "/health").with("x-forwarded-for", spoofed());
        assert_eq!(logged_source(&world, sent.event(api, false)).await, "203.0.113.7");
        assert_eq!(logged_source(&behind_proxy, sent.event(api, false)).await, "203.0.113.7");
        let sent = Sent { source: "192.0.2.9", ..sent };
        assert_eq!(logged_source(&world, sent.event(api, false)).await, "192.0.2.9");
        assert_eq!(logged_source(&behind_proxy, sent.event(api, false)).await, "198.51.100.1");
        let nobody = Sent { source: "test-invoke-source-ip", ..sent };
        assert_eq!(logged_source(&behind_proxy, nobody.event(api, false)).await, "none");
    }
}

#[tokio::test]
async fn a_body_of_more_than_6_mb_is_refused_however_it_is_encoded() {
    let world = World::new();
    let large = vec![b'x'; 6 * 1024 * 1024 + 1];
    for (api, base64) in APIS.into_iter().flat_map(|api| [(api, false), (api, true)]) {
        let sent = Sent::new("POST", "/api/query").by(&world, ANNA).body(&large);
        let answer = answered(&world, Function::Query, sent.event(api, base64)).await;
        assert_eq!(answer["statusCode"], 413, "{api:?}");
        assert_eq!(body_of(&answer)["code"], "body_too_large");
    }
}

#[tokio::test]
async fn the_deadline_is_lambdas_when_that_is_earlier_and_nothing_is_left_to_do() {
    let world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world.ports.model.trouble.set(Some(Trouble::Hangs));
    let gateway = Gateway::new(Function::Query, world.app.clone());
    let sent = Sent::new("POST", "/api/query").by(&world, ANNA).body(QUESTION);
    let started = Clock::System.now();
    let left = Duration::from_millis(1500);
    let event = LambdaEvent::new(sent.event(Api::Http, false), context(left));
    let answer = serde_json::to_value(gateway.answer(event).await.unwrap()).unwrap();
    assert_eq!(answer["statusCode"], 504, "{answer}");
    assert!(Clock::System.now() - started < left, "the answer is out before the invocation ends");
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
    assert!(world.app.tasks.is_empty() && !world.app.tasks.is_closed());
}

#[tokio::test]
async fn work_that_outlives_its_request_is_awaited_before_the_answer() {
    let world = World::new();
    // The reservation is made, its reply is lost, so giving it back is left to a task; so is the report of a passage.
    world.ports.search.hold(vec![passage(BERT, "secret", 1)]);
    let sent = || Sent::new("POST", "/api/query").by(&world, ANNA).body(QUESTION);
    assert_eq!(
        answered(&world, Function::Query, sent().event(Api::Rest, false)).await["statusCode"],
        200
    );
    assert_eq!(world.ports.failures.sent().len(), 1);
    world.ports.quota.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let answer = answered(&world, Function::Query, sent().event(Api::Rest, false)).await;
    assert_eq!(answer["statusCode"], 503);
    assert_eq!(world.ports.failures.sent().len(), 2, "the reservation that stays is reported");
    assert!(world.app.tasks.is_empty());
}

#[tokio::test]
async fn an_answer_waits_only_a_moment_for_what_hangs_behind_it() {
    let world = World::with(&[("REQUEST_DEADLINE_MS", "300")]);
    world.ports.quota.trouble.set(Some(Trouble::Hangs));
    let sent = Sent::new("POST", "/api/query").by(&world, ANNA).body(QUESTION);
    // Giving back what may have been reserved goes on for ten seconds.
    let answering = answered(&world, Function::Query, sent.event(Api::Http, false));
    let answer = tokio::time::timeout(Duration::from_secs(6), answering).await.expect("it is out");
    assert_eq!(answer["statusCode"], 504, "{answer}");
    assert!(!world.app.tasks.is_empty() && !world.app.tasks.is_closed());
}

#[derive(Debug)]
struct PanickingModel;

impl Model for PanickingModel {
    #[expect(clippy::panic, reason = "the defect of this test")]
    fn converse<'a>(&'a self, _system: &'a str, _message: &'a str) -> PortFuture<'a, ModelAnswer> {
        Box::pin(async { panic!("a defect") })
    }

    fn id(&self) -> &'static str {
        "anthropic.claude-3-haiku-20240307-v1:0"
    }
}

#[tokio::test]
async fn a_panic_is_a_function_error_and_gives_the_reservation_back() {
    let mut world = World::new();
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    Arc::make_mut(&mut world.app.ports).model = Arc::new(PanickingModel);
    let gateway = Gateway::new(Function::Query, world.app.clone());
    let sent = Sent::new("POST", "/api/query").by(&world, ANNA).body(QUESTION);
    let event = LambdaEvent::new(sent.event(Api::Rest, false), context(Duration::from_secs(30)));
    let failed = gateway.answer(event).await.map(|_answer| ());
    assert_eq!(failed.unwrap_err(), FunctionError::Panicked);
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn the_schedule_pumps_until_idle_or_its_time_is_nearly_up() {
    let world = World::new();
    let scheduled = Scheduled::new(world.app.clone());
    let pumped = scheduled.pump(&context(Duration::from_secs(30))).await.unwrap();
    assert_eq!((pumped.rounds, pumped.idle), (1, true));

    assert_eq!(world.upload(ANNA, "a.md", "# text").await.status.as_u16(), 201);
    let started = Clock::System.now();
    let left = Duration::from_millis(2300);
    let pumped = scheduled.pump(&context(left)).await.unwrap();
    assert!(!pumped.idle && pumped.rounds >= 2, "{pumped:?}");
    assert!(Clock::System.now() - started < left);

    world
        .ports
        .indexer
        .end(backend::domain::ingestion::IndexRun::Complete { failure_texts: Vec::new() });
    let pumped = scheduled.pump(&context(Duration::from_secs(30))).await.unwrap();
    assert!(pumped.idle, "{pumped:?}");
    let jobs = world.get(ANNA, "/api/ingestion/status").await.json();
    assert_eq!(jobs["jobs"][0]["status"], "complete", "{jobs}");
}

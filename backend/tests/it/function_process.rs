//! The programs of the Lambda functions as processes, with a runtime API of ours: their configuration errors, their
//! invocations, the process standing still in between, and the reading of PDFs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use backend::clock::Clock;
use backend::domain::document::DocumentType;
use backend::pdf_reader::PdfReader;
use backend::ports::DocumentReader as _;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::world::command_of;

const PROGRAMS: [(&str, &str); 7] = [
    ("query", env!("CARGO_BIN_EXE_query")),
    ("transcribe", env!("CARGO_BIN_EXE_transcribe")),
    ("manuals", env!("CARGO_BIN_EXE_manuals")),
    ("usage", env!("CARGO_BIN_EXE_usage")),
    ("health", env!("CARGO_BIN_EXE_health")),
    ("ingestion", env!("CARGO_BIN_EXE_ingestion")),
    ("error-processor", env!("CARGO_BIN_EXE_error-processor")),
];

/// Every wait of these tests.
const WITHIN: Duration = Duration::from_secs(30);

fn on_lambda(api: &RuntimeApi) -> [(&'static str, String); 4] {
    [
        ("AWS_LAMBDA_RUNTIME_API", api.address.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", "manuel-test".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
    ]
}

/// Ends the process with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Running {
    fn start(program: &str, api: &RuntimeApi, changes: &[(&str, &str)]) -> Self {
        Self(command_of(program, changes).envs(on_lambda(api)).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// The line that ends its start.
    fn ready(&mut self) -> Value {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("a line of the log")
    }
}

/// What Lambda is to a process: a long poll for events, and a place for what becomes of them.
struct RuntimeApi {
    address: String,
    events: mpsc::Sender<Value>,
    ends: mpsc::Receiver<(String, Value)>,
    _server: JoinSet<()>,
}

#[derive(Clone)]
struct Channels {
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    ends: mpsc::Sender<(String, Value)>,
}

impl RuntimeApi {
    async fn start() -> Self {
        let (events, waiting) = mpsc::channel(4);
        let (ended, ends) = mpsc::channel(4);
        let channels = Channels { events: Arc::new(Mutex::new(waiting)), ends: ended };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{end}", post(end))
            .with_state(channels);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { address, events, ends, _server: server }
    }

    /// One invocation: how it ended, and with what.
    async fn invoke(&mut self, event: Value) -> (String, Value) {
        self.events.send(event).await.unwrap();
        let ended = tokio::time::timeout(WITHIN, self.ends.recv());
        ended.await.expect("the invocation ends").unwrap()
    }
}

async fn next(State(channels): State<Channels>) -> Response {
    let Some(event) = channels.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = Clock::System.now() + Duration::from_secs(4);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:1:function:f".to_owned()),
        ("lambda-runtime-deadline-ms", (deadline.unix_timestamp() * 1000).to_string()),
    ];
    (headers, event.to_string()).into_response()
}

async fn end(
    State(channels): State<Channels>,
    Path((_id, end)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    channels.ends.send((end, serde_json::from_slice(&body).unwrap())).await.unwrap();
    StatusCode::ACCEPTED
}

fn get_event(path: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("events/rest_api.json")).unwrap();
    event["path"] = json!(path);
    event["httpMethod"] = json!("GET");
    event
}

#[tokio::test]
async fn every_function_starts_answers_and_goes_on() {
    for (name, program) in PROGRAMS {
        let mut api = RuntimeApi::start().await;
        let mut running = Running::start(program, &api, &[]);
        for _ in 0..2 {
            let sqs = serde_json::from_str(include_str!("events/sqs.json")).unwrap();
            let event = if name == "error-processor" { sqs } else { get_event("/nowhere") };
            let (end, answer) = api.invoke(event).await;
            assert_eq!(end, "response", "{name}: {answer}");
            // No store answers: the rounds find nothing, no message is done with, and nobody is let in to be counted.
            match name {
                "ingestion" => assert_eq!(answer["idle"], false, "{answer}"),
                "error-processor" => {
                    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1);
                }
                _ => assert_eq!(answer["statusCode"], 503, "{name}: {answer}"),
            }
        }
        let ready = running.ready();
        assert_eq!((&ready["message"], &ready["function"]), (&json!("ready"), &json!(name)));
        assert!(ready["init_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{ready}");
        assert!(ready.get("defects").is_none() || cfg!(feature = "defects"), "{ready}");
    }
}

#[tokio::test]
async fn an_event_that_is_none_is_a_function_error_and_the_next_is_answered() {
    let mut api = RuntimeApi::start().await;
    let _running = Running::start(env!("CARGO_BIN_EXE_health"), &api, &[]);
    assert_eq!(api.invoke(json!({ "hello": "world" })).await.0, "error");
    let (end, answer) = api.invoke(get_event("/health")).await;
    assert_eq!((end.as_str(), &answer["statusCode"]), ("response", &json!(200)));
}

/// Between two invocations the process stands still; what it remembers of time must then not be used as if it had not.
#[tokio::test]
async fn after_standing_still_it_looks_at_the_time_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    std::fs::write(&file, "0").unwrap();
    let mut api = RuntimeApi::start().await;
    let changes = [("TEST_CLOCK_FILE", file.to_str().unwrap())];
    let running = Running::start(env!("CARGO_BIN_EXE_health"), &api, &changes);
    for offset_ms in [0, 86_400_000, -5000] {
        running.signal("-STOP");
        std::fs::write(&file, offset_ms.to_string()).unwrap();
        backend::clock::pause(Duration::from_millis(120)).await;
        running.signal("-CONT");
        let (_end, answer) = api.invoke(get_event("/health/deep")).await;
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["test_hooks"]["clock_offset_ms"], offset_ms, "{body}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_ends_every_function_with_2_and_every_problem() {
    for (name, program) in PROGRAMS {
        let changes = [("DAILY_QUOTA", "many"), ("USAGE_TABLE", "")];
        let ended = command_of(program, &changes).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{name}");
        let text = String::from_utf8(ended.stderr).unwrap();
        for part in [
            &format!("{name}: 6 problem(s) in the configuration"),
            "AWS_LAMBDA_RUNTIME_API: expected the address of the runtime API (set by Lambda), but it is not set",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE: expected",
            "DAILY_QUOTA: expected a whole number from 1 to 1000000, found `many`",
            "USAGE_TABLE: expected the name of a table, but it is not set",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn without_a_runtime_api_a_function_ends_with_1_and_a_sentence() {
    let mut health = command_of(env!("CARGO_BIN_EXE_health"), &[]);
    let gone = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"), ("AWS_LAMBDA_FUNCTION_NAME", "f")];
    let more = [("AWS_LAMBDA_FUNCTION_VERSION", "1"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")];
    let mut running = Running(health.envs(gone).envs(more).spawn().unwrap());
    let mut text = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    assert!(text.starts_with("health: the Lambda runtime gave no more events"), "{text}");
}

/// `manuals` reads PDFs in a process of its own kind, as the server does.
#[tokio::test]
async fn the_manuals_function_reads_a_pdf_in_a_process_of_its_own() {
    let reader = PdfReader::of(env!("CARGO_BIN_EXE_manuals"));
    let pages = |bytes: Vec<u8>| reader.pages(DocumentType::Pdf, Bytes::from(bytes));
    assert_eq!(pages(crate::pdf::pdf_with(b"null")).await.unwrap().unwrap(), 1);
    assert!(pages(b"%PDF-1.7\nnothing".to_vec()).await.unwrap().is_err());
}

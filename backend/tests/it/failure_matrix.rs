//! Every dependency refused, stalled, and failing with each error that its service knows (`chaos.md` §2.3), through the
//! real adapters with their own bounds and the real router: what the client is told, how often was tried (§2.4), and that
//! nothing stays charged or stored. One dependency is real in each world, the others are in memory.

use std::time::Duration;

use backend::memory::MemoryWorld;
use backend::memory::recordings::silence;
use backend::state::Ports;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::adapters::ports_at;
use crate::world::{ANNA, Answer, World, passage};

mod counters;
mod errors;
mod index;
mod processor;
mod queue;
mod secrets;
mod speech;
mod stalls;
mod wire;

/// What no body may repeat.
const TEXT: &str = "arn:aws:x:eu-west-1:123456789012:table/usage does not like it";

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/manuel-dlq";
const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:manuel-alerts";

/// The dependency that is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Real {
    Model,
    Search,
    Counters,
    Limits,
    Replay,
    Rows,
    Jobs,
    Announced,
    Files,
    Recordings,
    Speech,
    Index,
    Secrets,
    Identity,
    Queue,
    Errors,
    Alerts,
}

impl Real {
    fn put(self, real: Ports, memory: Ports) -> Ports {
        match self {
            Self::Model => Ports { model: real.model, ..memory },
            Self::Search => Ports { search: real.search, ..memory },
            Self::Counters => Ports { quota: real.quota, ..memory },
            Self::Limits => Ports { rate_limit: real.rate_limit, ..memory },
            Self::Replay => Ports { replay: real.replay, ..memory },
            Self::Rows => Ports { manuals: real.manuals, ..memory },
            Self::Jobs => Ports { ingestion: real.ingestion, ..memory },
            Self::Announced => Ports { pending: real.pending, ..memory },
            Self::Files => Ports { files: real.files, ..memory },
            Self::Recordings => Ports { audio: real.audio, ..memory },
            Self::Speech => Ports { transcriber: real.transcriber, ..memory },
            Self::Index => Ports { indexer: real.indexer, ..memory },
            Self::Secrets => Ports { secret: real.secret, ..memory },
            Self::Identity => Ports { jwks: real.jwks, ..memory },
            Self::Queue => {
                Ports { failures: real.failures, failure_source: real.failure_source, ..memory }
            }
            Self::Errors => Ports { errors: real.errors, ..memory },
            Self::Alerts => Ports { alerts: real.alerts, ..memory },
        }
    }

    /// A call that needs it.
    async fn ask(self, world: &World) -> Answer {
        match self {
            Self::Model | Self::Search | Self::Counters | Self::Queue => {
                world.ask(ANNA, "How?").await
            }
            Self::Rows | Self::Identity | Self::Limits => world.get(ANNA, "/api/manuals").await,
            Self::Jobs => world.get(ANNA, "/api/ingestion/status").await,
            Self::Files | Self::Secrets | Self::Replay | Self::Index => {
                world.upload(ANNA, "a.md", "# text").await
            }
            Self::Announced => announce(world).await,
            Self::Recordings | Self::Speech => say(world, "/api/transcribe").await,
            Self::Errors | Self::Alerts => unreachable!("no request waits for {self:?}"),
        }
    }

    /// An answer of the service that refuses, as its protocol has it.
    fn error(self, status: u16, code: &str) -> ResponseTemplate {
        self.error_saying(status, code, TEXT)
    }

    /// The same with these words.
    fn error_saying(self, status: u16, code: &str, text: &str) -> ResponseTemplate {
        let xml = text.replace('&', "&amp;").replace('<', "&lt;");
        let reply = ResponseTemplate::new(status);
        match self {
            Self::Model | Self::Search | Self::Index => reply
                .insert_header("x-amzn-errortype", format!("{code}:http://internal/").as_str())
                .set_body_json(json!({ "message": text })),
            Self::Counters
            | Self::Limits
            | Self::Replay
            | Self::Rows
            | Self::Jobs
            | Self::Announced
            | Self::Errors
            | Self::Secrets
            | Self::Queue => reply.set_body_json(json!({
                "__type": format!("com.amazonaws.x#{code}"), "message": text,
            })),
            Self::Speech => reply.set_body_json(json!({ "__type": code, "Message": text })),
            Self::Files | Self::Recordings => reply.set_body_raw(
                format!("<Error><Code>{code}</Code><Message>{xml}</Message></Error>"),
                "application/xml",
            ),
            Self::Alerts => reply.set_body_raw(
                format!(
                    "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>\
                     <Type>Sender</Type><Code>{code}</Code><Message>{xml}</Message></Error>\
                     <RequestId>r-1</RequestId></ErrorResponse>"
                ),
                "text/xml",
            ),
            Self::Identity => reply.set_body_string(text),
        }
    }
}

/// A world in which one dependency is at `endpoint`.
async fn world(real: Real, endpoint: &str) -> World {
    world_with(real, endpoint, &[]).await
}

async fn world_with(real: Real, endpoint: &str, changes: &[(&str, &str)]) -> World {
    let adapters = real_ports(endpoint).await;
    built(changes, |memory| real.put(adapters, memory.ports()))
}

/// All adapters, at `endpoint`.
async fn real_ports(endpoint: &str) -> Ports {
    ports_at(endpoint, &[("DLQ_URL", QUEUE), ("ALERTS_TOPIC_ARN", TOPIC)]).await
}

/// A world in which there is something to answer from.
fn built(changes: &[(&str, &str)], choose: impl FnOnce(&MemoryWorld) -> Ports) -> World {
    let world = World::built(changes, choose);
    world.ports.search.hold(vec![passage(ANNA, "m-1", 1)]);
    world
}

/// Two seconds of a recording.
async fn say(world: &World, path: &str) -> Answer {
    let recording = silence(backend::domain::audio::AudioType::Wav, Duration::from_secs(2));
    let field = if path == "/api/query" { "file_data" } else { "audio_data" };
    let body = json!({ field: STANDARD.encode(recording), "content_type": "audio/wav" });
    let body = body.to_string().into_bytes();
    world.send(world.request(ANNA, Method::POST, path, body)).await
}

/// A large file is announced.
async fn announce(world: &World) -> Answer {
    let body = json!({ "filename": "a.pdf", "content_type": "application/pdf",
        "size": 5_000_000, "sha256": "0".repeat(64) });
    let path = "/api/manuals/upload-url";
    let body = body.to_string().into_bytes();
    world.send(world.signed_request(ANNA, Method::POST, path, body)).await
}

fn assert_told(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{what}");
    let after: u64 = answer.header("retry-after").parse().expect(what);
    assert!((1..=60).contains(&after), "{what}");
    let json = answer.json();
    assert_eq!((&json["retryable"], &json["retry_after"]), (&json!(true), &json!(after)), "{what}");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains("arn:") && !body.contains("does not like"), "{what}: {body}");
}

/// Nothing is charged: neither now nor when what outlives the request is done.
async fn assert_free(world: &World, what: &str) {
    world.settle().await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "{what}");
}

/// The calls of a server by operation: what `x-amz-target` names, or the method.
async fn calls(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let named = requests.iter().map(|request| {
        let target = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let target = target.and_then(|target| target.rsplit_once('.'));
        target.map_or_else(|| request.method.to_string(), |(_service, name)| name.to_owned())
    });
    named.collect()
}

fn count(calls: &[String], operation: &str) -> usize {
    calls.iter().filter(|call| *call == operation).count()
}

/// A server that gives one answer to everything.
async fn always(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// Status and code of the service, how often it is called, what the client is told.
type Case = (u16, &'static str, usize, u16, &'static str);

/// The JSON bodies that a server was sent.
async fn bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.body_json().unwrap()).collect()
}

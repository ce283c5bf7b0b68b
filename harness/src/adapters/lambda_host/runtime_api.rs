//! The Runtime API that one sandbox sees, version 2018-06-01 (Lambda developer guide, "Using the Lambda runtime API for
//! custom runtimes"): `next`, `response`, `error` and `init/error`, on a port of its own, so that sandboxes are told
//! apart. What a call means is decided by whoever reads the [`Call`]s.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::payload;
use super::payload::PAYLOAD_MAX;
use super::payload::Unread;

/// Whoever reads the calls answers at once.
const ACK: Duration = Duration::from_secs(5);
/// A runtime makes one call at a time; more than these wait.
const CALLS: usize = 8;
/// A report of an error is a message, a type and a stack trace.
const REPORT_MAX: usize = 1 << 20;

/// One invocation, as `next` gives it.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) payload: Bytes,
    pub(super) deadline_ms: u64,
    pub(super) arn: String,
    pub(super) trace_id: String,
}

/// What a runtime says of an error; both parts may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ErrorReport {
    #[serde(default, rename = "errorType")]
    pub(super) error_type: String,
    #[serde(default, rename = "errorMessage")]
    pub(super) message: String,
}

/// One call of the runtime. `ack` is the status that it is answered with.
#[derive(Debug)]
pub(super) enum Call {
    /// Ready for the next invocation; answered when there is one.
    Next(oneshot::Sender<Invocation>),
    /// The invocation's answer.
    Answer { id: String, body: Bytes, ack: oneshot::Sender<StatusCode> },
    /// An answer beyond the limit.
    TooLarge { id: String, ack: oneshot::Sender<StatusCode> },
    /// The invocation failed.
    Error { id: String, report: ErrorReport, ack: oneshot::Sender<StatusCode> },
    /// The function cannot begin at all.
    InitError { report: ErrorReport, ack: oneshot::Sender<StatusCode> },
}

/// A Runtime API that listens.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) calls: mpsc::Receiver<Call>,
    _server: JoinSet<()>,
}

type Calls = mpsc::Sender<Call>;

impl RuntimeApi {
    /// Listens on 127.0.0.1 and a free port, until dropped.
    pub(super) async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (told, calls) = mpsc::channel(CALLS);
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(error) = axum::serve(listener, routes(told)).await {
                tracing::warn!(%error, "a runtime api ended");
            }
        });
        Ok(Self { address, calls, _server: server })
    }
}

fn routes(calls: Calls) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(calls)
}

/// Blocks until there is something to do: a runtime is told not to time out here.
async fn next(State(calls): State<Calls>) -> Response {
    let (give, given) = oneshot::channel();
    if calls.send(Call::Next(give)).await.is_err() {
        return gone();
    }
    let Ok(invocation) = given.await else { return gone() };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &invocation.id),
        ("lambda-runtime-deadline-ms", &invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", &invocation.arn),
        ("lambda-runtime-trace-id", &invocation.trace_id),
    ] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    (headers, invocation.payload).into_response()
}

async fn response(State(calls): State<Calls>, Path(id): Path<String>, body: Body) -> Response {
    match payload::read(body, PAYLOAD_MAX).await {
        Ok(body) => answered(&calls, |ack| Call::Answer { id, body, ack }).await,
        Err(Unread::TooLarge) => answered(&calls, |ack| Call::TooLarge { id, ack }).await,
        Err(Unread::Broken) => status(StatusCode::BAD_REQUEST),
    }
}

async fn error(
    State(calls): State<Calls>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let report = report(&headers, body).await;
    answered(&calls, |ack| Call::Error { id, report, ack }).await
}

async fn init_error(State(calls): State<Calls>, headers: HeaderMap, body: Body) -> Response {
    let report = report(&headers, body).await;
    answered(&calls, |ack| Call::InitError { report, ack }).await
}

/// The body says it; where it does not, the header names the type.
async fn report(headers: &HeaderMap, body: Body) -> ErrorReport {
    let body = payload::read(body, REPORT_MAX).await.unwrap_or_default();
    let mut report: ErrorReport = serde_json::from_slice(&body).unwrap_or_default();
    if report.error_type.is_empty() {
        let header = headers.get("lambda-runtime-function-error-type");
        let named = header.and_then(|value| value.to_str().ok());
        named.unwrap_or("Runtime.Unknown").clone_into(&mut report.error_type);
    }
    report
}

async fn answered(
    calls: &Calls,
    call: impl FnOnce(oneshot::Sender<StatusCode>) -> Call,
) -> Response {
    let (ack, acked) = oneshot::channel();
    if calls.send(call(ack)).await.is_err() {
        return gone();
    }
    match timeout(ACK, acked).await {
        Ok(Ok(code)) => status(code),
        Ok(Err(_)) | Err(_) => gone(),
    }
}

/// "Container error. Non-recoverable state. Runtime should exit promptly."
fn gone() -> Response {
    status(StatusCode::INTERNAL_SERVER_ERROR)
}

fn status(code: StatusCode) -> Response {
    let body = match code {
        StatusCode::ACCEPTED => json!({ "status": "OK" }),
        StatusCode::PAYLOAD_TOO_LARGE => json!({
            "errorType": "RequestEntityTooLarge",
            "errorMessage": format!("Exceeded maximum allowed payload size ({PAYLOAD_MAX} bytes)."),
        }),
        StatusCode::BAD_REQUEST => json!({
            "errorType": "InvalidRequestID",
            "errorMessage": "Invalid request ID",
        }),
        _ => json!({ "errorType": "ContainerError", "errorMessage": "the sandbox is gone" }),
    };
    (code, Json(body)).into_response()
}

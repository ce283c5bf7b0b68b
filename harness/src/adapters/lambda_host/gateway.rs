//! An API Gateway on loopback: one event in, one answer out, and the limits of the real one. REST APIs send payload
//! format 1.0, HTTP APIs 2.0; what a client sees of a failure differs with them.

mod answer;
pub(in crate::adapters) mod event;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use verdict::domain::lambda::GatewayVersion;
use verdict::domain::lambda::Throttle;

use super::Event;
use super::Function;
use super::Functions;
use super::InvokeError;
use super::payload;
use super::payload::Unread;
use super::tasks::Tasks;
use crate::adapters::embedded_stage::clock::unix_ms;
use crate::adapters::framing;
use crate::adapters::token_bucket::Bucket;

/// API Gateway takes so much (quotas of REST and HTTP APIs, "Payload size": 10 MB).
pub(in crate::adapters) const PAYLOAD_MAX: usize = 10_485_760;
/// API Gateway waits so long for a function (quotas of REST APIs, "Integration timeout": 29 s; an HTTP API waits 30 s,
/// and is held to the same here, for Manuel promises to be done by then).
pub(in crate::adapters) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// How the gateway behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct GatewaySettings {
    /// Kind of API.
    pub(super) version: GatewayVersion,
    /// Where it listens; port 0 for a free one.
    pub(super) bind: SocketAddr,
    /// What it lets through.
    pub(super) throttle: Throttle,
    /// How long it waits for a function.
    pub(super) timeout: Duration,
}

/// A request that was taken in.
#[derive(Debug)]
struct Taken {
    /// `x-amzn-RequestId`, and the invocation's id.
    id: String,
    /// `x-amz-apigw-id`.
    extended_id: String,
    trace_id: String,
    peer: SocketAddr,
    at_ms: u64,
}

/// Why a client gets the gateway's own words instead of the function's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    /// Over the rate.
    Throttled,
    /// More than 10 MB, or more than an invocation carries.
    TooLarge,
    /// The request did not come whole, or can be read as two.
    Broken,
    /// Lambda did not take the invocation.
    Rejected,
    /// The function failed, or its answer is none.
    Failed,
    /// The function took too long.
    TimedOut,
}

#[derive(Debug)]
struct Gateway {
    settings: GatewaySettings,
    functions: Functions,
    bucket: Bucket,
    /// Told when a manual was changed.
    changed: Arc<Notify>,
}

/// Serves `functions` until `cancel`; the address where.
pub(super) async fn serve(
    settings: GatewaySettings,
    (functions, changed): (Functions, Arc<Notify>),
    (tasks, cancel): (&Tasks, CancellationToken),
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(settings.bind).await?;
    let address = listener.local_addr()?;
    let bucket = Bucket::new(settings.throttle);
    let gateway = Arc::new(Gateway { settings, functions, bucket, changed });
    let app = Router::new().fallback(handle).with_state(gateway);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, app).into_future() => {
                if let Err(error) = served {
                    tracing::warn!(%error, "the gateway ended");
                }
            }
            () = cancel.cancelled() => {}
        }
    });
    Ok(address)
}

async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let id = Uuid::new_v4();
    let (high, low) = id.as_u64_pair();
    let at_ms = unix_ms();
    let sent = request.headers().get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
    let taken = Taken {
        id: id.to_string(),
        extended_id: format!("{:.16}=", hex::encode(low.to_be_bytes())),
        trace_id: sent.map_or_else(
            || format!("Root=1-{:08x}-{high:016x}{:08x};Sampled=0", at_ms / 1_000, low >> 32),
            str::to_owned,
        ),
        peer,
        at_ms,
    };
    let version = gateway.settings.version;
    let answer = match gateway.answer(&taken, request).await {
        Ok(answer) => answer,
        Err(refusal) => refused(version, refusal),
    };
    stamped(version, &taken, answer)
}

impl Gateway {
    async fn answer(&self, taken: &Taken, request: Request) -> Result<Response, Refusal> {
        if !self.bucket.take() {
            return Err(Refusal::Throttled);
        }
        let (head, body) = request.into_parts();
        if framing::is_ambiguous(&head.headers) {
            return Err(Refusal::Broken);
        }
        let body = payload::read(body, PAYLOAD_MAX).await.map_err(|unread| match unread {
            Unread::TooLarge => Refusal::TooLarge,
            Unread::Broken => Refusal::Broken,
        })?;
        let function = Function::of_path(head.uri.path());
        let event = match self.settings.version {
            GatewayVersion::V1 => event::v1(taken, &head, &body),
            GatewayVersion::V2 => event::v2(taken, &head, &body),
        };
        let event = Event {
            id: taken.id.clone(),
            payload: event.to_string().into(),
            trace_id: taken.trace_id.clone(),
        };
        let invoked = timeout(self.settings.timeout, self.functions.invoke(function, event));
        let answered = match invoked.await {
            Ok(Ok(answered)) => answered,
            Ok(Err(InvokeError::Throttled { .. })) => return Err(Refusal::Rejected),
            Ok(Err(InvokeError::TooLarge { .. })) => return Err(Refusal::TooLarge),
            Ok(Err(InvokeError::Function(_))) => return Err(Refusal::Failed),
            Err(_elapsed) => return Err(Refusal::TimedOut),
        };
        let answer = match self.settings.version {
            GatewayVersion::V1 => answer::v1(&answered),
            GatewayVersion::V2 => answer::v2(&answered),
        }
        .ok_or(Refusal::Failed)?;
        if function == Function::Manuals && !head.method.is_safe() && answer.status().is_success() {
            self.changed.notify_one();
        }
        Ok(answer)
    }
}

/// The gateway's own words.
///
/// REST API: "If the Lambda API rejects the invocation request, API Gateway returns a 500 error code. If the function
/// runs but returns an error, or returns a response in the wrong format, API Gateway returns a 502. In both cases, the
/// body […] is `{"message": "Internal server error"}`" (Lambda developer guide, "Handling Lambda errors with an API
/// Gateway API"), so a throttled function is a 500 and not a 429. For an event beyond 6 MB no page says what comes: 413,
/// as for a request beyond 10 MB. HTTP API: `Internal Server Error` is documented for a function that fails; nothing is
/// for one that was not started, which is taken to be the same, nor for the time-out, where 503 was seen by others.
fn refused(version: GatewayVersion, refusal: Refusal) -> Response {
    use GatewayVersion::V1;
    use GatewayVersion::V2;
    let (status, message) = match (version, refusal) {
        (_, Refusal::Throttled) => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        (V1, Refusal::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long"),
        (V2, Refusal::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        (_, Refusal::Broken) => (StatusCode::BAD_REQUEST, "Bad Request"),
        (V1, Refusal::Rejected) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        (V1, Refusal::Failed) => (StatusCode::BAD_GATEWAY, "Internal server error"),
        (V1, Refusal::TimedOut) => (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        (V2, Refusal::Rejected | Refusal::Failed) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
        (V2, Refusal::TimedOut) => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    };
    let mut answer = (status, Json(json!({ "message": message }))).into_response();
    let kind = match refusal {
        Refusal::Throttled => "TooManyRequestsException",
        Refusal::TooLarge => "RequestTooLargeException",
        Refusal::Broken => "BadRequestException",
        Refusal::Rejected | Refusal::Failed | Refusal::TimedOut => "InternalServerErrorException",
    };
    if refusal == Refusal::Broken {
        // What follows on the connection is no request.
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if version == V1 {
        answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    }
    answer
}

/// The ids by which AWS is asked about a request.
fn stamped(version: GatewayVersion, taken: &Taken, mut answer: Response) -> Response {
    let ids: &[(&'static str, &str)] = match version {
        GatewayVersion::V1 => &[
            ("x-amzn-requestid", &taken.id),
            ("x-amz-apigw-id", &taken.extended_id),
            ("x-amzn-trace-id", &taken.trace_id),
        ],
        GatewayVersion::V2 => &[("apigw-requestid", &taken.extended_id)],
    };
    for (name, value) in ids {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(*name, value);
        }
    }
    answer
}

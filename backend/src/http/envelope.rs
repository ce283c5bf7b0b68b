//! Around every request: its id, its trace and its deadline; around every answer: the headers that all of them have,
//! and one line in the log. Answers of the router itself (404, 405) pass here too.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::COMMIT;
use crate::app::error::AppError;
use crate::context::{self, Deadline, RequestContext};
use crate::defects::{self, Defect};
use crate::domain::trace::TraceParent;
use crate::http::error::{ApiError, ErrorCode};
use crate::http::source::SourceAddress;
use crate::metrics::{self, Ended};
use crate::state::App;

/// The same on every answer.
const FIXED_HEADERS: [(HeaderName, HeaderValue); 8] = [
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("x-manuel-version"), HeaderValue::from_static(COMMIT)),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-site"),
    ),
];

const TRACEPARENT: &str = "traceparent";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// When whoever runs us ends the request, where that may be before our own deadline; in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct AnswerBy(pub Deadline);

/// What the log says of a request; paths are those of the routes, so they hold no ids.
struct Subject {
    method: Method,
    route: Option<String>,
    /// The token, where a seeded defect wants it in the log.
    leaked: Option<String>,
}

pub(super) async fn envelope(State(app): State<App>, request: Request, next: Next) -> Response {
    let client_trace = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let trace = TraceParent::continued(client_trace);
    let left = request.extensions().get::<AnswerBy>().map(|AnswerBy(by)| by.remaining());
    let allowed = app.config.request_deadline.min(left.unwrap_or(Duration::MAX));
    let context = Arc::new(RequestContext::new(trace, allowed));
    let subject = Subject {
        method: request.method().clone(),
        route: request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()),
        leaked: leaked(request.headers()),
    };
    let mut response = Arc::clone(&context).scope(next.run(request)).await;
    put_headers(response.headers_mut(), &context);
    log(&subject, &context, &response);
    measure(&app, &subject, &context, &response);
    response
}

fn leaked(headers: &HeaderMap) -> Option<String> {
    if !defects::is_on(Defect::LogPrintsToken) {
        return None;
    }
    let token = headers.get(header::AUTHORIZATION)?;
    token.to_str().ok().map(str::to_owned)
}

/// Use cases keep to the deadline themselves; this bounds what is around them, such as a body that trickles in. It stands
/// within the layers that have something to say on every answer.
pub(super) async fn within_deadline(request: Request, next: Next) -> Response {
    let Some(context) = context::current() else { return next.run(request).await };
    let bounded = context.deadline.bound(next.run(request)).await;
    bounded.unwrap_or_else(|passed| ApiError::App(AppError::Deadline(passed)).into_response())
}

fn put_headers(headers: &mut HeaderMap, context: &RequestContext) {
    for (name, value) in FIXED_HEADERS {
        // One page has a policy of its own.
        if name != header::CONTENT_SECURITY_POLICY || !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    let (own_ms, dep_ms) = times(context);
    let timing = format!("own;dur={own_ms:.3}, dep;dur={dep_ms:.3}");
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        headers.insert(SERVER_TIMING, timing);
    }
}

/// Our own time and the time waited for dependencies, in ms; together they are the wall time.
fn times(context: &RequestContext) -> (f64, f64) {
    let waited = context.waited();
    let own = context.elapsed().saturating_sub(waited);
    (own.as_secs_f64() * 1e3, waited.as_secs_f64() * 1e3)
}

fn log(subject: &Subject, context: &RequestContext, response: &Response) {
    let (own_ms, dep_ms) = times(context);
    let round = |ms: f64| (ms * 1e3).round() / 1e3;
    tracing::info!(
        message = "request",
        request_id = context.request_id,
        trace_id = context.trace.trace_id(),
        method = subject.method.as_str(),
        route = subject.route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        code = response.extensions().get::<ErrorCode>().map(|code| code.0),
        duration_ms = round(own_ms + dep_ms),
        own_ms = round(own_ms),
        user = context.user_hash(),
        authorization = subject.leaked,
        source = response.extensions().get::<SourceAddress>().map(|source| source.0.to_string()),
    );
}

/// The request's metrics: after this nothing is added to them.
fn measure(app: &App, subject: &Subject, context: &RequestContext, response: &Response) {
    let ended = Ended {
        stage: app.config.stage.as_str(),
        at: app.clock.now(),
        route: subject.route.as_deref().unwrap_or("none"),
        status: response.status().as_u16(),
        took: context.elapsed(),
        ids: context.ids(),
    };
    metrics::request(&ended, &context.take_figures());
}

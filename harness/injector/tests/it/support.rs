//! An injector before a service that counts, and calls as an SDK writes them.
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use injector::body::{BodyError, ReplyBody, RequestBody};
use injector::ledger::Ledger;
use injector::{Failure, Injector, InjectorLayer, RuleSpec};
use serde_json::{Value, json};
use tower::{Layer as _, Service, ServiceExt as _};

/// A service that answers with how often it was called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counting(pub(crate) Arc<AtomicU32>);

impl Counting {
    pub(crate) fn calls(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Service<Request<RequestBody<Full<Bytes>>>> for Counting {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Full<Bytes>>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Full<Bytes>>>) -> Self::Future {
        let calls = Arc::clone(&self.0);
        Box::pin(async move {
            request.into_body().collect().await.unwrap();
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Response::new(Full::from(json!({ "call": call }).to_string())))
        })
    }
}

/// What a caller saw.
#[derive(Debug)]
pub(crate) struct Saw {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    /// Bytes, and whether they were all.
    pub(crate) body: Result<Bytes, Bytes>,
}

impl Saw {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body.as_ref().unwrap()).unwrap()
    }
}

pub(crate) fn injector() -> Injector {
    Injector::new(7, Ledger::in_memory()).unwrap()
}

pub(crate) fn rule(json: Value) -> RuleSpec {
    let mut json = json;
    let defaults =
        [("name", json!("rule")), ("on", json!("dynamodb:*")), ("ttl_ms", json!(15_000))];
    for (name, value) in defaults {
        if json.get(name).is_none() {
            json[name] = value;
        }
    }
    serde_json::from_value(json).unwrap()
}

/// A call of DynamoDB's `GetItem` on `table` within the trace numbered `trace`; 0 is none.
pub(crate) fn get_item(trace: u128, attempt: u32, table: &str) -> Request<Full<Bytes>> {
    let mut request = Request::post("http://127.0.0.1/")
        .header("x-amz-target", "DynamoDB_20120810.GetItem")
        .header("amz-sdk-request", format!("attempt={attempt}; max=3"))
        .header("x-manuel-user", "anna");
    if trace > 0 {
        request = request.header("traceparent", format!("00-{trace:032x}-00f067aa0ba902b7-01"));
    }
    request.body(Full::from(json!({ "TableName": table, "Key": {} }).to_string())).unwrap()
}

/// Sends one call through `injector`; `None` is a connection that closed without an answer.
pub(crate) async fn send(
    injector: &Injector,
    service: &str,
    inner: &Counting,
    request: Request<Full<Bytes>>,
) -> Option<Saw> {
    let layer = InjectorLayer::new(injector.clone(), service);
    match layer.layer(inner.clone()).oneshot(request).await {
        Ok(answer) => Some(saw(answer).await),
        Err(Failure::Cut) => None,
        Err(Failure::Inner(never)) => match never {},
    }
}

async fn saw<B>(answer: Response<ReplyBody<B>>) -> Saw
where
    B: http_body::Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    let (parts, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    let body = loop {
        match body.frame().await {
            None => break Ok(bytes.into()),
            Some(Ok(frame)) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_cut)) => break Err(bytes.into()),
        }
    };
    Saw { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Lets `span` pass: what is tested here is time itself.
pub(crate) async fn let_pass(span: std::time::Duration) {
    tokio::time::timeout(span, std::future::pending::<()>()).await.unwrap_err();
}

//! The hop in front of the engine: signature, permission, outage, statistics. It passes bytes and
//! reads no item: validation is the engine's, which follows AWS to the letter.
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};

use crate::credentials::Access;
use crate::dynamodb::pool::Pool;
use crate::front::Shared;
use crate::server::{Body, Handler, Received};
use crate::signature::{self, Verifier};
use crate::stats::Stats;
use crate::wire::{self, Protocol};

const SERVICE: &str = "dynamodb";
const TARGET_PREFIX: &str = "DynamoDB_20120810.";
/// DynamoDB takes request bodies up to 16 MB.
const MAX_BODY: usize = 16 * 1024 * 1024;
const PROTOCOL: Protocol = Protocol::DynamoDb;

/// What the engine needs to see of a request, and a client of an answer.
const FORWARDED: [&str; 4] = ["content-type", "x-amz-target", "authorization", "x-amz-date"];
const RETURNED: [&str; 3] = ["content-type", "x-amzn-requestid", "x-amz-crc32"];

/// The handler of the DynamoDB endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Pool,
    verifier: Verifier,
    shared: Shared,
    stats: Arc<Stats>,
}

impl Proxy {
    /// A hop to the engine at `engine`.
    pub(crate) fn new(engine: std::net::SocketAddr, verifier: Verifier, shared: Shared) -> Self {
        let stats = Arc::new(Stats::default());
        Self(Arc::new(Inner { pool: Pool::new(engine), verifier, shared, stats }))
    }

    /// The service's counters.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.0.stats)
    }
}

impl Handler for Proxy {
    async fn handle(self, request: Request<Received>) -> Response<Body> {
        let inner = self.0;
        let timed = inner.stats.begin(&inner.shared.clock);
        inner.stats.look_at(request.headers());
        let (Ok(response) | Err(response)) = inner.answer(request).await;
        timed.end(response.status().as_u16());
        response
    }
}

impl Inner {
    async fn answer(&self, request: Request<Received>) -> Result<Response<Body>, Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|_too_large| wire::error(PROTOCOL, 413, "RequestEntityTooLargeException", ""))?
            .to_bytes();
        let role = self
            .verifier
            .verify(&parts, &body)
            .map_err(|refused| wire::error(PROTOCOL, 400, refused.code, &refused.message))?;
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let operation = text("x-amz-target").unwrap_or("");
        let operation = operation.strip_prefix(TARGET_PREFIX).unwrap_or(operation);
        if !role.may(access(operation)) {
            let text = signature::denied(&self.shared.account_id, role, SERVICE, operation);
            return Err(wire::error(PROTOCOL, 400, "AccessDeniedException", &text));
        }
        if let Some(outage) =
            self.shared.outages.matching(SERVICE, operation, text("x-manuel-user"))
        {
            return Err(wire::error(PROTOCOL, outage.status, &outage.error, &outage.message));
        }
        let answer = self.pool.send(forwarded(&parts, body)).await.map_err(|error| {
            tracing::error!(%error, "the engine is gone");
            wire::error(PROTOCOL, 500, "InternalServerError", "Internal server error")
        })?;
        Ok(returned(answer))
    }
}

/// Reading never changes an item or a table; everything else counts as writing.
fn access(operation: &str) -> Access {
    let reads =
        matches!(operation, "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems");
    if reads || operation.starts_with("Describe") || operation.starts_with("List") {
        Access::Read
    } else {
        Access::Write
    }
}

fn forwarded(parts: &Parts, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    request.method_mut().clone_from(&parts.method);
    // The engine knows one path; the query of a GET is nothing to it.
    let headers = request.headers_mut();
    for name in FORWARDED {
        if let Some(value) = parts.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(host) = parts.headers.get(header::HOST) {
        headers.insert(header::HOST, host.clone());
    }
    request
}

fn returned(answer: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = parts.status;
    for name in RETURNED {
        if let Some(value) = parts.headers.remove(name) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::access;
    use crate::credentials::Access;

    #[test]
    fn only_reading_is_reading() {
        for operation in ["GetItem", "Query", "TransactGetItems", "DescribeTable", "ListTables"] {
            assert_eq!(access(operation), Access::Read, "{operation}");
        }
        for operation in ["PutItem", "TransactWriteItems", "ExecuteStatement", "DeleteTable", ""] {
            assert_eq!(access(operation), Access::Write, "{operation}");
        }
    }
}

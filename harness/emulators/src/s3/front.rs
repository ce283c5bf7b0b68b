//! The handler before the protocol crate: dates on the test clock, the region in the scope,
//! statistics, and the headers that S3 puts on every answer.
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use s3s::service::S3Service;
use s3s::{S3Error, S3Result, s3_error};
use uuid::Uuid;

use crate::clock::Clock;
use crate::credentials::Keys;
use crate::s3::presigned;
use crate::s3::unread::Shared;
use crate::server::{Body, Handler, Received};
use crate::signature::parse_date;
use crate::stats::Stats;

/// S3 allows a quarter of an hour between a signer's clock and its own.
const SKEW_MS: u64 = 15 * 60 * 1000;

/// The handler of the S3 endpoint.
#[derive(Debug, Clone)]
pub(crate) struct S3Front(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: S3Service,
    keys: Keys,
    region: String,
    clock: Clock,
    stats: Arc<Stats>,
}

impl S3Front {
    /// Puts the protocol crate's service behind our checks.
    pub(crate) fn new(service: S3Service, keys: Keys, region: String, clock: Clock) -> Self {
        let stats = Arc::new(Stats::default());
        Self(Arc::new(Inner { service, keys, region, clock, stats }))
    }

    /// The service's counters.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.0.stats)
    }
}

impl Handler for S3Front {
    async fn handle(self, request: Request<Received>) -> Response<Body> {
        let inner = self.0;
        let timed = inner.stats.begin(&inner.clock);
        inner.stats.look_at(request.headers());
        let mut response = inner.answer(request).await;
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        if let (Ok(id), Ok(long)) = (HeaderValue::from_str(&id[..16]), HeaderValue::from_str(&id)) {
            headers.insert("x-amz-request-id", id);
            headers.insert("x-amz-id-2", long);
        }
        timed.end(response.status().as_u16());
        response
    }
}

impl Inner {
    async fn answer(&self, request: Request<Received>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let body = Shared::new(body);
        let admitted = self
            .check_header(&parts)
            .and_then(|()| presigned::admit(&mut parts, &self.keys, &self.region, &self.clock));
        if let Err(error) = admitted {
            body.drain().await;
            return spelled(error);
        }
        let request = Request::from_parts(parts, Body::http_body(body.clone()));
        match self.service.call(request).await {
            Ok(response) => {
                if response.status().is_client_error() {
                    body.drain().await;
                }
                response
            }
            Err(error) => {
                let error: s3s::StdError = error.into();
                tracing::error!(error, "the protocol crate failed");
                spelled(s3_error!(
                    InternalError,
                    "We encountered an internal error. Please try again."
                ))
            }
        }
    }

    /// A request signed by headers: its scope's region, and its date by either clock.
    fn check_header(&self, parts: &Parts) -> S3Result<()> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let Some(authorization) = text("authorization") else { return Ok(()) };
        let scope = authorization.split("Credential=").nth(1);
        let region = scope.and_then(|scope| scope.split('/').nth(2)).unwrap_or_default();
        if authorization.starts_with("AWS4-HMAC-SHA256") && region != self.region {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region '{}' is wrong; expecting '{}'",
                region,
                self.region
            ));
        }
        let Some(date_ms) = text("x-amz-date").and_then(parse_date) else { return Ok(()) };
        let near = |now: i64| now.abs_diff(date_ms) <= SKEW_MS;
        if near(self.clock.now_ms()) || near(self.clock.wall_ms()) {
            return Ok(());
        }
        Err(s3_error!(
            RequestTimeTooSkewed,
            "The difference between the request time and the current time is too large."
        ))
    }
}

fn spelled(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|error| {
        tracing::error!(%error, "cannot spell an error");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

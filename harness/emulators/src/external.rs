//! Services that are not emulated here but by somebody else (LocalStack, DynamoDB Local), behind a hop of ours each: so that a
//! stage with them has the same injector, outages and counters as one without. What a hop cannot do is check a
//! signature or a permission: that is left to those behind it, and they do neither.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use injector::Injector;
use injector::identify;
use s3s::{S3Error, S3ErrorCode};
use serde_json::{Value, json};

use crate::dynamodb::pool::{Pool, PoolError};
use crate::front::Shared;
use crate::server::{Body, Handler, Received};
use crate::stats::Stats;
use crate::template::Template;
use crate::wire::{self, Protocol};

/// The largest object of a stage is a manual of 50 MB.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// One call while the stage is set up.
const SET_UP: Duration = Duration::from_secs(20);
/// Headers that are between two neighbours (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TE,
    HeaderName::from_static("keep-alive"),
];

/// Where the others answer, on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// LocalStack: S3, SQS, SNS, Secrets Manager.
    pub localstack: SocketAddr,
    /// DynamoDB Local.
    pub dynamodb: SocketAddr,
}

/// Why they could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    #[error("{service} at {address} does not answer")]
    Unreachable {
        service: &'static str,
        address: SocketAddr,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{service} at {address} did not answer {operation} within {SET_UP:?}")]
    Slow { service: &'static str, address: SocketAddr, operation: &'static str },
    #[error("{service} at {address} refused {operation} with {status}: {body}")]
    Refused {
        service: &'static str,
        address: SocketAddr,
        operation: &'static str,
        status: u16,
        body: String,
    },
}

/// What was made there: logical id → URL or ARN.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) queues: BTreeMap<String, String>,
    pub(crate) topics: BTreeMap<String, String>,
}

/// Makes tables, buckets, queues, topics and the secret; what is there already from an earlier stage is taken away first.
pub(crate) async fn set_up(
    external: External,
    (region, template): (&str, &Template),
    (secret_id, secret): (&str, &str),
) -> Result<Made, ExternalError> {
    let dynamodb = Caller::new(external.dynamodb, region, "dynamodb");
    for table in &template.tables {
        let name = json!({ "TableName": table.name });
        drop(dynamodb.json("DynamoDB_20120810", "DeleteTable", &name).await);
        dynamodb.json("DynamoDB_20120810", "CreateTable", &table.create).await?;
        if let Some(attribute) = &table.ttl {
            let request = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": {"Enabled": true, "AttributeName": attribute},
            });
            dynamodb.json("DynamoDB_20120810", "UpdateTimeToLive", &request).await?;
        }
    }
    let s3 = Caller::new(external.localstack, region, "s3");
    for bucket in &template.buckets {
        s3.bucket(&bucket.name, region).await?;
    }
    let secrets = Caller::new(external.localstack, region, "secretsmanager");
    let gone = json!({ "SecretId": secret_id, "ForceDeleteWithoutRecovery": true });
    drop(secrets.json("secretsmanager", "DeleteSecret", &gone).await);
    let new = json!({ "Name": secret_id, "SecretString": secret, "ClientRequestToken": uuid::Uuid::new_v4().to_string() });
    secrets.json("secretsmanager", "CreateSecret", &new).await?;
    let mut made = Made::default();
    let sqs = Caller::new(external.localstack, region, "sqs");
    // Dead-letter queues first: others name them.
    let mut queues: Vec<_> = template.queues.iter().collect();
    queues.sort_by_key(|queue| queue.redrive.is_some());
    for queue in queues {
        let mut attributes = json!({
            "VisibilityTimeout": queue.visibility_s.to_string(),
            "MessageRetentionPeriod": queue.retention_s.to_string(),
        });
        if let Some(redrive) = &queue.redrive {
            let target = template.queues.iter().find(|other| other.logical_id == redrive.target);
            let name = target.map(|target| target.name.as_str()).unwrap_or_default();
            let policy = json!({
                "deadLetterTargetArn": format!("arn:aws:sqs:{region}:000000000000:{name}"),
                "maxReceiveCount": redrive.max_receives.to_string(),
            });
            attributes["RedrivePolicy"] = policy.to_string().into();
        }
        let request = json!({ "QueueName": queue.name, "Attributes": attributes });
        let answer = sqs.json("AmazonSQS", "CreateQueue", &request).await?;
        let url = answer["QueueUrl"].as_str().unwrap_or_default().to_owned();
        drop(sqs.json("AmazonSQS", "PurgeQueue", &json!({ "QueueUrl": url })).await);
        made.queues.insert(queue.logical_id.clone(), url);
    }
    let sns = Caller::new(external.localstack, region, "sns");
    for topic in &template.topics {
        let body = format!("Action=CreateTopic&Version=2010-03-31&Name={}", topic.name);
        sns.form("CreateTopic", body).await?;
        let arn = format!("arn:aws:sns:{region}:000000000000:{}", topic.name);
        made.topics.insert(topic.logical_id.clone(), arn);
    }
    Ok(made)
}

/// Calls for the set-up.
struct Caller<'a> {
    pool: Pool,
    address: SocketAddr,
    region: &'a str,
    service: &'static str,
}

impl<'a> Caller<'a> {
    fn new(address: SocketAddr, region: &'a str, service: &'static str) -> Self {
        Self { pool: Pool::new(address), address, region, service }
    }

    async fn json(
        &self,
        prefix: &str,
        operation: &'static str,
        body: &Value,
    ) -> Result<Value, ExternalError> {
        let target = format!("{prefix}.{operation}");
        let mut request = self.request("/", Bytes::from(body.to_string()));
        let headers = request.headers_mut();
        let version = if self.service == "secretsmanager" { "1.1" } else { "1.0" };
        put(headers, "content-type", &format!("application/x-amz-json-{version}"));
        put(headers, "x-amz-target", &target);
        let answer = self.send(operation, request).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    async fn form(&self, operation: &'static str, body: String) -> Result<(), ExternalError> {
        let mut request = self.request("/", Bytes::from(body));
        put(request.headers_mut(), "content-type", "application/x-www-form-urlencoded");
        self.send(operation, request).await.map(drop)
    }

    /// A bucket that is there already is the same to us: keys hold ids that nobody draws twice.
    async fn bucket(&self, name: &str, region: &str) -> Result<(), ExternalError> {
        let body = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        let mut request = self.request(&format!("/{name}"), Bytes::from(body));
        *request.method_mut() = http::Method::PUT;
        match self.send("CreateBucket", request).await {
            Err(ExternalError::Refused { status: 409, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    fn request(&self, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = path.parse().unwrap_or_default();
        let (region, service) = (self.region, self.service);
        let headers = request.headers_mut();
        put(headers, "host", &self.address.to_string());
        put(headers, "x-amz-date", "20260101T000000Z");
        // They take any signature and go by its scope.
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
        );
        put(headers, "authorization", &signature);
        request
    }

    async fn send(
        &self,
        operation: &'static str,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, ExternalError> {
        let (service, address) = (self.service, self.address);
        let answer = tokio::time::timeout(SET_UP, self.pool.send(request))
            .await
            .map_err(|_elapsed| ExternalError::Slow { service, address, operation })?
            .map_err(|source| ExternalError::Unreachable {
                service,
                address,
                source: Box::new(source),
            })?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status().as_u16();
        let body: String = String::from_utf8_lossy(answer.body()).chars().take(300).collect();
        Err(ExternalError::Refused { service, address, operation, status, body })
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The hop before one service.
#[derive(Debug, Clone)]
pub(crate) struct Hop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: &'static str,
    protocol: Option<Protocol>,
    pool: Pool,
    injector: Injector,
    shared: Shared,
    stats: Arc<Stats>,
}

impl Hop {
    /// To `address`; errors of our own are spelled in `protocol`, or in S3's XML.
    pub(crate) fn new(
        service: &'static str,
        protocol: Option<Protocol>,
        address: SocketAddr,
        (injector, shared): (Injector, Shared),
    ) -> Self {
        let (pool, stats) = (Pool::new(address), Arc::new(Stats::default()));
        Self(Arc::new(Inner { service, protocol, pool, injector, shared, stats }))
    }

    /// The service's counters.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.0.stats)
    }
}

impl Handler for Hop {
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
            .map_err(|_too_large| self.error(413, "EntityTooLarge", "The body is too large."))?
            .to_bytes();
        let service = self.injector.catalogue().service(self.service);
        let target = service.and_then(|service| identify::target(service, &parts, &body));
        let operation = target.map(|target| target.operation).unwrap_or_default();
        let user = parts.headers.get("x-manuel-user").and_then(|user| user.to_str().ok());
        if let Some(outage) = self.shared.outages.matching(self.service, &operation, user) {
            return Err(self.error(outage.status, &outage.error, &outage.message));
        }
        let mut on = Request::new(Full::new(body));
        let only_head = parts.method == http::Method::HEAD;
        *on.method_mut() = parts.method;
        // Origin form: the authority stays in `host`.
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        *on.uri_mut() = path.parse().unwrap_or_default();
        *on.headers_mut() = without_hop_by_hop(parts.headers);
        let answer = self.pool.send(on).await.map_err(|error: PoolError| {
            tracing::error!(%error, service = self.service, "the service behind the hop is gone");
            self.error(503, "ServiceUnavailable", "The service is not there.")
        })?;
        let (mut parts, body) = answer.into_parts();
        // What a HEAD is answered with tells the length of what a GET would get.
        let length = parts.headers.get(header::CONTENT_LENGTH).filter(|_| only_head).cloned();
        parts.headers = without_hop_by_hop(parts.headers);
        if let Some(length) = length {
            parts.headers.insert(header::CONTENT_LENGTH, length);
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn error(&self, status: u16, code: &str, message: &str) -> Response<Body> {
        if let Some(protocol) = self.protocol {
            return wire::error(protocol, status, code, message);
        }
        let known = S3ErrorCode::from_bytes(code.as_bytes());
        let mut error =
            S3Error::with_message(known.unwrap_or(S3ErrorCode::InternalError), message.to_owned());
        error.set_status_code(
            http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR),
        );
        error.to_http_response().unwrap_or_else(|_unspelled| Response::new(Body::empty()))
    }
}

fn without_hop_by_hop(mut headers: HeaderMap) -> HeaderMap {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

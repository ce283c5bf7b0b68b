//! A reverse proxy with an injector in it, before any endpoint: LocalStack, another emulator, or AWS itself.
//!
//! Before AWS the caller's signature is taken off and the request signed again with the proxy's own credentials, for
//! the host it really goes to; before anything else it goes through as it came, `Host` included, since that is
//! what was signed.
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use tower::{Layer as _, Service};
use url::Url;

use crate::body::{BodyError, Readable, RequestBody};
use crate::catalogue::hint;
use crate::injector::Injector;
use crate::layer::InjectorLayer;
use crate::serve::{self, Serving};

/// Of one request to AWS: what S3 takes in one part from Manuel's clients.
const MAX_BODY: usize = 64 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than the longest that a backend waits for: the proxy never decides.
const ANSWER: Duration = Duration::from_mins(5);

/// What belongs to one connection (RFC 9110, 7.6.1) and must not go on.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What a signature consists of; taken off before signing again.
const SIGNATURE: [&str; 4] =
    ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];

/// Signs for AWS in place of the caller.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The proxy's own.
    pub credentials: Credentials,
    /// Of the endpoint.
    pub region: String,
}

/// A proxy that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError {
    /// The endpoint is no `http://` or `https://` address with a host.
    #[error("`{0}` is no endpoint: expected http://HOST[:PORT] or https://HOST[:PORT]")]
    Endpoint(String),
    /// The service is not in the catalogue.
    #[error("no service `{0}`{1}")]
    Service(String, String),
    /// The client cannot be made.
    #[error("cannot make a client: {0}")]
    Client(reqwest::Error),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Starts a proxy on `listen` before `endpoint`, which is `service`'s.
pub async fn start(
    injector: Injector,
    service: &str,
    (listen, endpoint): (SocketAddr, &Url),
    signing: Option<Signing>,
) -> Result<Serving, ReverseError> {
    if injector.catalogue().service(service).is_none() {
        let near = hint(injector.catalogue().nearest_service(service));
        return Err(ReverseError::Service(service.to_owned(), near));
    }
    let host = endpoint.host_str().ok_or_else(|| ReverseError::Endpoint(endpoint.to_string()))?;
    if !matches!(endpoint.scheme(), "http" | "https") {
        return Err(ReverseError::Endpoint(endpoint.to_string()));
    }
    let authority = match endpoint.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .build()
        .map_err(ReverseError::Client)?;
    let forward = Forward {
        client,
        base: format!("{}://{authority}", endpoint.scheme()),
        authority,
        service: service.to_owned(),
        signing,
    };
    let service = InjectorLayer::new(injector, service).layer(forward);
    serve::serve(listen, service)
        .await
        .map_err(|source| ReverseError::Listen { address: listen, source })
}

/// Why a request did not come through: the caller sees its connection close, as it would without the proxy.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The body is too large or broke off.
    #[error("cannot read the request: {0}")]
    Body(BodyError),
    /// The endpoint cannot be reached or broke off.
    #[error("cannot reach the endpoint: {0}")]
    Endpoint(#[from] reqwest::Error),
    /// Signing failed.
    #[error("cannot sign: {0}")]
    Sign(BodyError),
}

#[derive(Debug, Clone)]
struct Forward {
    client: reqwest::Client,
    base: String,
    authority: String,
    service: String,
    signing: Option<Signing>,
}

impl<I> Service<Request<RequestBody<I>>> for Forward
where
    I: Readable + Send + 'static,
{
    type Response = Response<reqwest::Body>;
    type Error = ForwardError;
    type Future = BoxFuture<'static, Result<Self::Response, ForwardError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ForwardError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<I>>) -> Self::Future {
        let forward = self.clone();
        Box::pin(async move { forward.send(request).await })
    }
}

impl Forward {
    async fn send<I>(
        &self,
        request: Request<RequestBody<I>>,
    ) -> Result<Response<reqwest::Body>, ForwardError>
    where
        I: Readable + Send + 'static,
    {
        let (mut parts, body) = request.into_parts();
        let body =
            Limited::new(body, MAX_BODY).collect().await.map_err(ForwardError::Body)?.to_bytes();
        for name in HOP_BY_HOP {
            parts.headers.remove(name);
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let url = format!("{}{path}", self.base);
        if let Some(signing) = &self.signing {
            self.sign_again(signing, &mut parts, (&url, &body))?;
        }
        let request = self.client.request(parts.method, &url).headers(parts.headers).body(body);
        let answer = request.send().await?;
        let mut answer: Response<reqwest::Body> = answer.into();
        for name in HOP_BY_HOP {
            answer.headers_mut().remove(name);
        }
        Ok(answer)
    }

    fn sign_again(
        &self,
        signing: &Signing,
        parts: &mut Parts,
        (url, body): (&str, &Bytes),
    ) -> Result<(), ForwardError> {
        for name in SIGNATURE {
            parts.headers.remove(name);
        }
        let host =
            HeaderValue::from_str(&self.authority).map_err(|e| ForwardError::Sign(e.into()))?;
        parts.headers.insert(header::HOST, host);
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.percent_encoding_mode = aws_sigv4::http_request::PercentEncodingMode::Single;
            settings.uri_path_normalization_mode =
                aws_sigv4::http_request::UriPathNormalizationMode::Disabled;
        }
        let identity = signing.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&signing.region)
            .name(signing_name(&self.service))
            .time(now())
            .settings(settings)
            .build()
            .map_err(|error| ForwardError::Sign(error.into()))?
            .into();
        let headers = signed_headers(&parts.headers);
        let signable = SignableRequest::new(
            parts.method.as_str(),
            url,
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(body),
        )
        .map_err(|error| ForwardError::Sign(error.into()))?;
        let (instructions, _signature) =
            sign(signable, &params).map_err(|error| ForwardError::Sign(error.into()))?.into_parts();
        let (headers, _query) = instructions.into_parts();
        for new in headers {
            let name = HeaderName::from_bytes(new.name().as_bytes())
                .map_err(|error| ForwardError::Sign(error.into()))?;
            let value = HeaderValue::from_str(new.value())
                .map_err(|error| ForwardError::Sign(error.into()))?;
            parts.headers.insert(name, value);
        }
        parts.uri = Uri::try_from(url).map_err(|error| ForwardError::Sign(error.into()))?;
        Ok(())
    }
}

/// AWS signs what may not change on the way; the SDK's retry and trace headers may.
fn signed_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let signed = |name: &str| {
        name == "host"
            || name == "content-type"
            || name == "content-md5"
            || (name.starts_with("x-amz-") && name != "x-amz-user-agent")
    };
    headers
        .iter()
        .filter(|(name, _)| signed(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// The name in the signature's scope, where it is not the endpoint's.
fn signing_name(service: &str) -> &str {
    match service {
        "bedrock-runtime" | "bedrock-agent" | "bedrock-agent-runtime" => "bedrock",
        other => other,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "AWS compares a signature's date with the time of day"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

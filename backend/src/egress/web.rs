//! Fetching a stranger's URL. Each exchange has a connection of its own, to exactly the address that was judged: the name
//! is not resolved again, TLS and `Host` are by name, no proxy, no cookie, no redirect, nothing that is packed. Every
//! wait has a bound.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::VERSION;
use crate::context::dependency;
use crate::egress::Egress;
use crate::ports::{Web, WebAnswer, WebError, WebFuture};

/// Bound of a look-up.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);

/// Bound of a connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Bound of the TLS handshake.
const TLS_WITHIN: Duration = Duration::from_secs(2);

/// Bound of the wait for the head of an answer, and for each part of its body.
const IDLE_MAX: Duration = Duration::from_secs(3);

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 32 << 10;

const HTTPS_PORT: u16 = 443;

/// The real internet, or the pinned one.
#[derive(Debug)]
pub struct WebClient {
    egress: Option<Egress>,
    /// How often each pinned name was asked for.
    asked: Mutex<BTreeMap<String, usize>>,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl WebClient {
    /// A client; certificates are read with its first fetch.
    pub fn new(egress: Option<Egress>) -> Self {
        Self { egress, asked: Mutex::default(), tls: OnceLock::new() }
    }

    fn pinned(&self, egress: &Egress, name: &str) -> io::Result<Vec<IpAddr>> {
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "not in the pinned table");
        let answers = egress.answers(name).ok_or_else(unknown)?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = asked.entry(name.to_ascii_lowercase()).or_default();
        let answer = answers.in_turn(*turn).to_vec();
        *turn += 1;
        Ok(answer)
    }

    async fn resolved(&self, name: &str) -> Result<Vec<IpAddr>, WebError> {
        if let Some(egress) = &self.egress {
            return self.pinned(egress, name).map_err(WebError::Name);
        }
        let looking = tokio::net::lookup_host((name, HTTPS_PORT));
        let found = within("the look-up", RESOLVE_WITHIN, looking).await?;
        Ok(found.map_err(WebError::Name)?.map(|found| found.ip()).collect())
    }

    fn tls(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(made) = self.tls.get() {
            return Ok(Arc::clone(made));
        }
        let mut roots = RootCertStore::empty();
        if let Some(pem) = self.egress.as_ref().and_then(|egress| egress.ca_pem.as_deref()) {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(io::Error::other)?;
                roots.add(certificate).map_err(io::Error::other)?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }

    async fn connected(
        &self,
        url: &Url,
        address: IpAddr,
    ) -> Result<TlsStream<TcpStream>, WebError> {
        let judged = SocketAddr::new(address, HTTPS_PORT);
        let dialled = self.egress.as_ref().map_or(judged, |egress| egress.connector_of(address));
        let connecting = TcpStream::connect(dialled);
        let stream = within("the connect", CONNECT_WITHIN, connecting).await;
        let stream = stream
            .and_then(|connected| connected.map_err(WebError::Connect))
            .map_err(|error| WebError::Connect(io::Error::other(error)))?;
        let name = server_name(url).map_err(WebError::Tls)?;
        let connector = TlsConnector::from(self.tls().map_err(WebError::Tls)?);
        let shaking = connector.connect(name, stream);
        within("the handshake", TLS_WITHIN, shaking).await?.map_err(WebError::Tls)
    }

    async fn exchanged(&self, url: &Url, address: IpAddr) -> Result<WebAnswer, WebError> {
        let stream = TokioIo::new(self.connected(url, address).await?);
        let shaking = hyper::client::conn::http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(stream);
        let (mut sender, connection) = shaking.await.map_err(http_error)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How a connection ends is seen by who reads from it.
            let _ended: Result<(), hyper::Error> = connection.await;
        });
        let request = request(url).map_err(|error| WebError::Http(Box::new(error)))?;
        let answering = within("the answer", IDLE_MAX, sender.send_request(request));
        let (head, body) = answering.await?.map_err(http_error)?.into_parts();
        let text = |name: HeaderName| text(&head.headers, &name);
        Ok(WebAnswer {
            status: head.status.as_u16(),
            location: text(header::LOCATION),
            content_type: text(header::CONTENT_TYPE),
            content_encoding: text(header::CONTENT_ENCODING),
            content_length: text(header::CONTENT_LENGTH).and_then(|digits| digits.parse().ok()),
            content_disposition: text(header::CONTENT_DISPOSITION),
            body: parts(body, driver),
        })
    }
}

impl Web for WebClient {
    fn resolve<'a>(&'a self, name: &'a str) -> WebFuture<'a, Vec<IpAddr>> {
        Box::pin(dependency(self.resolved(name)))
    }

    fn get<'a>(&'a self, url: &'a Url, address: IpAddr) -> WebFuture<'a, WebAnswer> {
        Box::pin(dependency(self.exchanged(url, address)))
    }
}

async fn within<F: Future>(
    what: &'static str,
    bound: Duration,
    future: F,
) -> Result<F::Output, WebError> {
    tokio::time::timeout(bound, future).await.map_err(|_elapsed| WebError::Slow(what))
}

fn http_error(error: hyper::Error) -> WebError {
    WebError::Http(Box::new(error))
}

fn server_name(url: &Url) -> io::Result<ServerName<'static>> {
    match url.host() {
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(io::Error::other),
        Some(Host::Ipv4(address)) => Ok(ServerName::IpAddress(IpAddr::V4(address).into())),
        Some(Host::Ipv6(address)) => Ok(ServerName::IpAddress(IpAddr::V6(address).into())),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "a URL without a host")),
    }
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, http::Error> {
    let host = url.host_str().unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Request::get(format!("{}{query}", url.path()))
        .header(header::HOST, host)
        .header(header::USER_AGENT, format!("manuel/{VERSION}"))
        .header(header::ACCEPT, "application/pdf, text/markdown, text/plain")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    // Names of files come in UTF-8, whatever the standard says.
    std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned)
}

/// The body's parts; with the stream goes its connection.
fn parts(body: Incoming, driver: JoinSet<()>) -> BoxStream<'static, Result<Bytes, WebError>> {
    let next = |(mut body, driver): (Incoming, JoinSet<()>)| async {
        loop {
            let frame = dependency(within("a part of the answer", IDLE_MAX, body.frame())).await?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(http_error)?.into_data() {
                return Ok(Some((data, (body, driver))));
            }
        }
    };
    futures::stream::try_unfold((body, driver), next).boxed()
}

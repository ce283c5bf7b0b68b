//! The rest of the world, for a backend whose outgoing connections are pinned (its `TEST_EGRESS`): a TLS listener on loopback
//! that plays every public host, and a second one for whatever is meant for any other address. They count each connection
//! before a byte is read and remember what was asked for; so a backend that can be led anywhere is caught, and still
//! sends nothing anywhere.
//!
//! Not AWS, and no packet leaves 127.0.0.0/8.
mod names;
mod pages;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::server::Port;

/// Bound of a handshake, and of a request's head.
const WITHIN: Duration = Duration::from_secs(5);
/// The longest head that is read.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Connections that are remembered one by one; all are counted.
const REMEMBERED_MAX: usize = 10_000;

/// Where a backend finds this world.
#[derive(Debug, Clone)]
pub struct InternetRefs {
    /// Takes what is meant for [`public_address`](Self::public_address).
    pub public: SocketAddr,
    /// Takes everything else.
    pub elsewhere: SocketAddr,
    /// The only address of this world that is a public one.
    pub public_address: &'static str,
    /// The CA of its certificates, PEM.
    pub ca_pem: String,
    /// The names of this world: `*.site.example` → addresses, one list after the other for each look-up.
    pub names: Vec<(&'static str, Vec<Vec<&'static str>>)>,
}

/// The world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InternetError {
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    #[error("cannot use the certificate")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A connection that came.
#[derive(Debug, Clone)]
struct Connection {
    /// Meant for an address that is not public.
    elsewhere: bool,
    /// The name asked for by SNI; none where an address was dialled, or something else than TLS was spoken.
    name: Option<String>,
    /// Method and path, where it got that far.
    request: Option<String>,
}

#[derive(Debug, Default)]
struct Log {
    count: u64,
    remembered: Vec<Connection>,
}

/// What came, for the admin interface.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Log>);

impl Seen {
    /// `{"count", "connections": [{"elsewhere", "name", "request"}]}`, oldest first.
    pub(crate) fn report(&self) -> Value {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections: Vec<Value> = log
            .remembered
            .iter()
            .map(|Connection { elsewhere, name, request }| {
                json!({ "elsewhere": elsewhere, "name": name, "request": request })
            })
            .collect();
        json!({ "count": log.count, "connections": connections })
    }

    /// Counts a connection and gives its place, if it is remembered.
    fn begin(&self, elsewhere: bool) -> Option<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.count += 1;
        if log.remembered.len() >= REMEMBERED_MAX {
            return None;
        }
        log.remembered.push(Connection { elsewhere, name: None, request: None });
        Some(log.remembered.len() - 1)
    }

    fn note(&self, place: Option<usize>, note: impl FnOnce(&mut Connection)) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = place.and_then(|place| log.remembered.get_mut(place)) {
            note(connection);
        }
    }
}

/// The listeners, bound and not yet accepting.
#[derive(Debug)]
pub(crate) struct Internet {
    public: TcpListener,
    elsewhere: TcpListener,
    tls: Arc<ServerConfig>,
    seen: Arc<Seen>,
    refs: InternetRefs,
}

impl Internet {
    pub(crate) async fn bind() -> Result<Self, InternetError> {
        let public = Port::bind().await.map_err(InternetError::Listen)?;
        let elsewhere = Port::bind().await.map_err(InternetError::Listen)?;
        let (ca_pem, tls) = authority()?;
        let refs = InternetRefs {
            public: public.address(),
            elsewhere: elsewhere.address(),
            public_address: names::PUBLIC,
            ca_pem,
            names: names::all(),
        };
        let (public, elsewhere) = (public.into_listener(), elsewhere.into_listener());
        Ok(Self { public, elsewhere, tls, seen: Arc::default(), refs })
    }

    pub(crate) fn refs(&self) -> InternetRefs {
        self.refs.clone()
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Takes connections until `stop`; those under way end with it.
    pub(crate) async fn serve(self, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let (accepted, elsewhere) = tokio::select! {
                () = stop.cancelled() => return,
                Some(_) = connections.join_next() => continue,
                accepted = self.public.accept() => (accepted, false),
                accepted = self.elsewhere.accept() => (accepted, true),
            };
            match accepted {
                Ok((stream, _)) => {
                    let place = self.seen.begin(elsewhere);
                    let (tls, seen) = (Arc::clone(&self.tls), self.seen());
                    connections.spawn(async move {
                        // Whoever comes may go away at any point; what it asked for is noted by then.
                        let _gone: Option<()> = converse(stream, tls, &seen, place).await;
                    });
                }
                Err(error) => tracing::warn!(%error, "cannot accept"),
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    seen: &Seen,
    place: Option<usize>,
) -> Option<()> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let hello = tokio::time::timeout(WITHIN, hello).await.ok()?.ok()?;
    let name = hello.client_hello().server_name().map(str::to_owned);
    seen.note(place, |connection| connection.name = name);
    let shaking = hello.into_stream(tls);
    let mut stream = tokio::time::timeout(WITHIN, shaking).await.ok()?.ok()?;
    let head = tokio::time::timeout(WITHIN, head(&mut stream)).await.ok()??;
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    seen.note(place, |connection| connection.request = Some(format!("{method} {target}")));
    let answer = pages::answer(target);
    tokio::time::timeout(WITHIN, stream.write_all(answer.as_bytes())).await.ok()?.ok()?;
    tokio::time::timeout(WITHIN, stream.shutdown()).await.ok()?.ok()
}

/// The request's head; none where it ends early or never.
async fn head(stream: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut stream = tokio::io::BufReader::new(stream).take(HEAD_BYTES_MAX);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// A CA of this start's own, and a certificate of it for every name and for addresses that must never be dialled: what
/// is asked of those is then seen, too.
fn authority() -> Result<(String, Arc<ServerConfig>), InternetError> {
    let made = InternetError::Certificate;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(made)?);
    let issuer = issuer.map_err(made)?;
    let key = KeyPair::generate().map_err(made)?;
    let leaf = CertificateParams::new(names::certified()).map_err(made)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(made)?;
    let unusable = |text: &'static str| InternetError::Tls(text.into());
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(unusable)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InternetError::Tls(Box::new(error)))?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .map_err(|error| InternetError::Tls(Box::new(error)))?;
    Ok((issuer.pem(), Arc::new(config)))
}

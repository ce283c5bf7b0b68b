//! TLS before a server that speaks plain HTTP: a certificate of an authority that is made for it, at an address of its own.
//! It passes bytes on, from the client's own address.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use thiserror::Error;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

use crate::adapters::lambda_host::tasks::Tasks;

/// Its authority's certificate, beside the stage's logs.
const CA_FILE: &str = "stage-ca.pem";
/// Both ends are on this machine.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Its tasks end at once when they are told to.
const STOP: Duration = Duration::from_secs(1);

/// It does not stand.
#[derive(Debug, Error)]
pub enum TlsFrontError {
    /// No port.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: IpAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No certificate.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// A certificate that cannot be served.
    #[error("cannot serve the certificate")]
    Tls(#[source] tokio_rustls::rustls::Error),
    /// The authority's file.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A front that stands.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    ca_file: PathBuf,
    tasks: Tasks,
    cancel: CancellationToken,
}

impl TlsFront {
    /// Stands at `at` and a free port, before what answers at `upstream`; the authority's certificate goes into `folder`.
    pub async fn start(
        at: IpAddr,
        upstream: SocketAddr,
        folder: &Path,
    ) -> Result<Self, TlsFrontError> {
        let (config, ca_pem) = certificate(at)?;
        let ca_file = folder.join(CA_FILE);
        std::fs::write(&ca_file, ca_pem)
            .map_err(|source| TlsFrontError::Write { path: ca_file.clone(), source })?;
        let failed = |source| TlsFrontError::Listen { address: at, source };
        let listener = TcpListener::bind((at, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
        let (spawner, stop) = (tasks.clone(), cancel.clone());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                // One that was gone before it was accepted is nobody's trouble.
                let Ok((stream, peer)) = accepted else { continue };
                let (acceptor, stop) = (acceptor.clone(), stop.clone());
                spawner.spawn(async move {
                    tokio::select! {
                        outcome = pass_on(acceptor, (stream, peer), upstream) => {
                            if let Err(error) = outcome {
                                tracing::debug!(%error, "a connection ended");
                            }
                        }
                        () = stop.cancelled() => {}
                    }
                });
            }
        });
        Ok(Self { address, ca_file, tasks, cancel })
    }

    /// The API as clients see it, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The authority's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Ends it; at most 1 s.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.finish(STOP).await;
    }
}

/// Bounded by both ends: whichever closes, the other is closed.
async fn pass_on(
    acceptor: TlsAcceptor,
    (stream, peer): (TcpStream, SocketAddr),
    upstream: SocketAddr,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let elapsed = |elapsed| io::Error::new(io::ErrorKind::TimedOut, elapsed);
    let mut client = timeout(HANDSHAKE, acceptor.accept(stream)).await.map_err(elapsed)??;
    // Limits per address count the client, not this.
    let socket = TcpSocket::new_v4()?;
    socket.bind((peer.ip(), 0).into())?;
    let mut server = timeout(HANDSHAKE, socket.connect(upstream)).await.map_err(elapsed)??;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// An authority, and a certificate of it for the address `at`.
fn certificate(at: IpAddr) -> Result<(ServerConfig, String), TlsFrontError> {
    let failed = TlsFrontError::Certificate;
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority_key = KeyPair::generate().map_err(failed)?;
    let authority = CertifiedIssuer::self_signed(authority, authority_key).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let own = CertificateParams::new(vec![at.to_string()]).map_err(failed)?;
    let own = own.signed_by(&key, &authority).map_err(failed)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![own.der().clone()], key)
        })
        .map_err(TlsFrontError::Tls)?;
    Ok((config, authority.pem()))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn who_believes_the_authority_is_answered() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = server.local_addr().unwrap();
        let mut served = tokio::task::JoinSet::new();
        served.spawn(async move {
            let (mut stream, peer) = server.accept().await.unwrap();
            let mut head = vec![0; 1024];
            let _read = stream.read(&mut head).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.unwrap();
            peer
        });
        let folder = tempfile::tempdir().unwrap();
        let front =
            TlsFront::start("127.77.0.1".parse().unwrap(), upstream, folder.path()).await.unwrap();
        let pem = std::fs::read(front.ca_file()).unwrap();
        let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
        assert!(stranger.get(front.base_url()).send().await.is_err(), "nobody has signed it");
        let client = reqwest::Client::builder()
            .no_proxy()
            .local_address("127.9.8.7".parse::<IpAddr>().unwrap())
            .tls_certs_merge([reqwest::Certificate::from_pem(&pem).unwrap()])
            .build()
            .unwrap();
        let answer = client.get(front.base_url()).send().await.unwrap().text().await.unwrap();
        assert_eq!(answer, "ok");
        assert_eq!(
            served.join_next().await.unwrap().unwrap().ip(),
            "127.9.8.7".parse::<IpAddr>().unwrap()
        );
        front.stop().await;
    }
}

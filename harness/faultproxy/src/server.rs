//! A server in any tokio program: the API on one port, a port for each proxy.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::collection::Collection;

/// How long a client of the API may take for a request's head, as Toxiproxy's idle time.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a request may take in all, as Toxiproxy's own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(25);
/// How exactly leases end.
const LEASE_TICK: Duration = Duration::from_millis(20);

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// What `GET /version` says.
    pub version: String,
    /// From which toxicities, jitters and slices are drawn.
    pub seed: u64,
    /// Byte counters of proxies at `GET /metrics`.
    pub proxy_metrics: bool,
    /// Memory and descriptors of the process at `GET /metrics`.
    pub runtime_metrics: bool,
}

impl Options {
    /// On this machine and a free port, without metrics.
    pub fn local(seed: u64) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            version: VERSION.to_owned(),
            seed,
            proxy_metrics: false,
            runtime_metrics: false,
        }
    }
}

/// The version of Toxiproxy whose API this is.
pub const VERSION: &str = "2.12.0";

/// A running server. Dropping it ends it with all its proxies; [`FaultProxy::stop`] waits for that.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    proxies: Collection,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl FaultProxy {
    /// Starts the API; it has no proxies yet.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let proxies = Collection::new(options.seed);
        let api = Api { proxies: proxies.clone(), options };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, api, stop.clone()));
        tasks.spawn(leases(proxies.clone(), stop.clone()));
        Ok(Self { address, proxies, stop, tasks })
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the proxies of a config file, which is what `POST /populate` takes.
    ///
    /// # Errors
    /// The first thing that is wrong with `config`, or the port that cannot be had.
    pub async fn populate(&self, config: &[u8]) -> Result<(), String> {
        let (_made, refused) = self.proxies.populate(config).await;
        refused.map_or(Ok(()), |refused| Err(refused.to_string()))
    }

    /// Closes every port and every connection.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.proxies.stop().await;
        self.tasks.shutdown().await;
    }
}

async fn leases(proxies: Collection, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LEASE_TICK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => proxies.expire().await,
        }
    }
}

async fn accept(listener: TcpListener, api: Api, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, api.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::timeout(LEASE_TICK, stop.cancelled()).await.unwrap_or_default();
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, api: Api) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set nodelay");
    }
    let service = service_fn(move |request| {
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, api.clone().answer(request));
        async move {
            let answer = answer.await.unwrap_or_else(|_late| {
                let mut response = http::Response::new(bytes::Bytes::new());
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                response
            });
            Ok::<_, Infallible>(answer.map(Full::new))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection ended");
    }
}

//! One HTTP/1.1 server: accepting, keep-alive, graceful end. An error of the service closes its connection.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::body::BodyError;

/// Longer than the 90 s for which SDK clients keep an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);
/// What requests under way may take at the end.
const GRACE: Duration = Duration::from_millis(500);

/// A running server. Dropping it ends it at once; [`Serving::stop`] is gentler.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes the port, gives requests under way half a second, then ends them.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let finished = async { while self.task.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::debug!("requests under way were cut off");
        }
        self.task.shutdown().await;
    }
}

/// Serves `service` on `address`; port 0 is a free one.
pub async fn serve<S, B>(address: SocketAddr, service: S) -> std::io::Result<Serving>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BodyError>>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(accept(listener, service, stop.clone()));
    Ok(Serving { address, stop, task })
}

/// Serves `service` on `listener` until `stop`; then the port closes at once and requests under way are finished.
/// Dropping the future ends them too.
pub async fn accept<S, B>(listener: TcpListener, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BodyError>>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, service.clone(), stop.clone()));
                }
                Err(error) => tracing::warn!(%error, "cannot accept"),
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection<S, B>(stream: TcpStream, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BodyError>>
        + Clone
        + Send
        + 'static,
    B: Body<Data = Bytes, Error: Into<BodyError>> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set nodelay");
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let service = TowerToHyperService::new(service);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// A service out of a function that cannot fail.
pub fn answering<F, Fut>(
    answer: F,
) -> impl Service<
    Request<Incoming>,
    Response = Response<http_body_util::Full<Bytes>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Bytes>> + Send + 'static,
{
    tower::service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await.map(http_body_util::Full::new)) }
    })
}

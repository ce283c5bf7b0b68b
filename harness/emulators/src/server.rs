//! One HTTP/1.1 server on 127.0.0.1 and a port of the kernel's choice: accepting, keep-alive,
//! graceful end. It knows no service.
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's head. Longer than the 90 s for which SDK clients
/// keep an idle connection, so that it is never the server that closes first.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);

/// The body of every answer; `s3s` has one that holds bytes and streams alike.
pub(crate) type Body = s3s::Body;

/// What a server does with a request.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request; errors are answers too.
    fn handle(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static;
}

/// A bound port that nobody accepts on yet, so that its address can be told before it serves.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Binds 127.0.0.1 and a free port.
    pub(crate) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The listener itself, for a server that is not ours.
    pub(crate) fn into_listener(self) -> TcpListener {
        self.listener
    }

    /// Serves until `stop`; then the port closes at once and requests under way are finished.
    /// Dropping the future ends them too.
    pub(crate) async fn serve<H: Handler>(self, handler: H, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, handler.clone(), stop.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "cannot accept"),
                },
            }
        }
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }
}

async fn connection<H: Handler>(stream: TcpStream, handler: H, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set nodelay");
    }
    let service = service_fn(move |request| {
        let answer = handler.clone().handle(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
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

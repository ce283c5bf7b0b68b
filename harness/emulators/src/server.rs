//! One HTTP/1.1 server on 127.0.0.1 and a port of the kernel's choice: accepting, keep-alive,
//! graceful end. It knows no service. An injector may stand before the handler.
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use injector::body::{ReplyBody, RequestBody};
use injector::{Failure, InjectorLayer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Layer as _, Service};

/// How long a client may take to send a request's head. Longer than the 90 s for which SDK clients
/// keep an idle connection, so that it is never the server that closes first.
const HEAD_TIMEOUT: Duration = Duration::from_mins(2);

/// The body of every answer; `s3s` has one that holds bytes and streams alike.
pub(crate) type Body = s3s::Body;

/// The body of every request: as it comes, or read by a fault's rule already.
pub(crate) type Received = RequestBody<Incoming>;

/// What a server does with a request.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request; errors are answers too.
    fn handle(
        self,
        request: Request<Received>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static;
}

/// A handler as the tower service that an injector wants.
#[derive(Debug, Clone)]
struct Answering<H>(H);

impl<H: Handler> Service<Request<Received>> for Answering<H> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Received>) -> Self::Future {
        let answer = self.0.clone().handle(request);
        Box::pin(async move { Ok(answer.await) })
    }
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
    pub(crate) async fn serve<H: Handler>(
        self,
        handler: H,
        faults: Option<InjectorLayer>,
        stop: CancellationToken,
    ) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let served = (handler.clone(), faults.clone());
                        connections.spawn(connection(stream, served, stop.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "cannot accept"),
                },
            }
        }
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    (handler, faults): (H, Option<InjectorLayer>),
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set nodelay");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, faults) = (handler.clone(), faults.clone());
        async move {
            let Some(faults) = faults else {
                let answer = handler.handle(request.map(RequestBody::Live)).await;
                return Ok::<_, Failure<Infallible>>(answer.map(ReplyBody::Inner));
            };
            faults.layer(Answering(handler)).call(request).await
        }
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

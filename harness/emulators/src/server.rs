//! One HTTP/1.1 server on 127.0.0.1 and a port of the kernel's choice. It knows no service; an injector may stand
//! before the handler.
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use injector::body::RequestBody;
use injector::{InjectorLayer, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer as _, Service, ServiceExt as _};

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
        let handler = Answering(handler);
        if let Some(faults) = faults {
            return serve::accept(self.listener, faults.layer(handler), stop).await;
        }
        let untouched = |request: Request<Incoming>| request.map(RequestBody::Live);
        serve::accept(self.listener, handler.map_request(untouched), stop).await;
    }
}

//! Kept-alive HTTP/1.1 connections to the engine's port. As many as there are requests at one time;
//! each is used by one request and returned when its answer has been read whole.
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Why the engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("cannot connect to the engine")]
    Connect(#[source] io::Error),
    #[error("the engine did not answer")]
    Http(#[source] hyper::Error),
}

/// The pool; dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    drivers: Mutex<JoinSet<()>>,
}

impl Pool {
    /// No connection yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default(), drivers: Mutex::default() }
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, PoolError> {
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.map_err(PoolError::Http)?;
        let response = connection.send_request(request).await.map_err(PoolError::Http)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(PoolError::Http)?.to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(Response::from_parts(parts, body))
    }

    /// The connection used last, whose buffers are warm.
    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.is_closed())
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, PoolError> {
        let stream = TcpStream::connect(self.address).await.map_err(PoolError::Connect)?;
        stream.set_nodelay(true).map_err(PoolError::Connect)?;
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(PoolError::Http)?;
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        while drivers.try_join_next().is_some() {}
        drivers.spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection to the engine ended");
            }
        });
        Ok(sender)
    }
}

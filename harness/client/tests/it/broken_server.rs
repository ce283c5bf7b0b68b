//! A TCP server that answers with given bytes, or breaks off as told: what no HTTP library would do for us.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does once the request's head was read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Sends these bytes and closes.
    Close(&'static [u8]),
    /// Sends these bytes and resets the connection.
    Reset(&'static [u8]),
    /// Sends these bytes and keeps the connection open.
    Hold(&'static [u8]),
}

/// Serves until dropped.
#[derive(Debug)]
pub(crate) struct BrokenServer {
    pub address: SocketAddr,
    tasks: JoinSet<Option<SocketAddr>>,
}

impl BrokenServer {
    /// Takes one connection.
    pub(crate) async fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let (stream, peer) = listener.accept().await.ok()?;
            serve(stream, then).await?;
            Some(peer)
        });
        Self { address, tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Who connected, once the server is done with them.
    pub(crate) async fn peer(mut self) -> Option<SocketAddr> {
        self.tasks.join_next().await?.ok()?
    }
}

async fn serve(mut stream: TcpStream, then: Then) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        head.extend_from_slice(buffer.get(..read)?);
    }
    match then {
        Then::Close(bytes) => {
            stream.write_all(bytes).await.ok()?;
            stream.shutdown().await.ok()
        }
        Then::Reset(bytes) => {
            stream.write_all(bytes).await.ok()?;
            stream.flush().await.ok()?;
            stream.set_zero_linger().ok()
        }
        Then::Hold(bytes) => {
            stream.write_all(bytes).await.ok()?;
            let mut buffer = [0; 1];
            // Ends when the client gives up.
            stream.read(&mut buffer).await.ok().map(drop)
        }
    }
}

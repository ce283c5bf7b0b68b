//! Bytes as they are, to a plain socket: requests that no HTTP library would send, and every answer that comes back on
//! that connection, for one request too many answered is what smuggling is about. Plain `http` only.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{MAX_BODY_BYTES, ManuelClient};
use crate::exchange::{Exchange, Marks, Monotonic};

mod answers;

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// What follows the last byte that is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AfterWrite {
    /// Nothing: the other side decides when the connection ends.
    Wait,
    /// The end of our side, as of a client that broke off.
    Cut,
}

/// How the connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WireEnd {
    /// The other side closed it.
    Closed,
    /// The other side reset it.
    Reset,
    /// It was still open when our bound was over.
    Open,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct WireExchange {
    /// Every whole answer, in order; informational ones (1xx) are left out.
    pub answers: Vec<Exchange>,
    /// How the connection ended.
    pub end: WireEnd,
    /// Bytes behind the last whole answer: part of one, or no HTTP at all.
    pub rest: Bytes,
}

/// Nothing could be sent.
#[derive(Debug, Error)]
pub enum WireError {
    /// The backend is behind TLS, where a broken request ends at somebody else's front.
    #[error("bytes are written to plain http only, not to {url}")]
    NotPlain { url: String },
    /// No connection.
    #[error("cannot connect to {url}")]
    Connect {
        url: String,
        #[source]
        source: io::Error,
    },
}

impl ManuelClient {
    /// Whether [`send_bytes`](Self::send_bytes) can reach this backend.
    pub fn is_plain(&self) -> bool {
        self.base_url().scheme() == "http"
    }

    /// Writes `bytes` on a connection of their own, and reads until it ends, at most for `within` and
    /// [`MAX_BODY_BYTES`]. That the other side stops reading is no error: it may have answered.
    pub async fn send_bytes(
        &self,
        bytes: &[u8],
        after: AfterWrite,
        within: Duration,
        clock: &impl Monotonic,
    ) -> Result<WireExchange, WireError> {
        if !self.is_plain() {
            return Err(WireError::NotPlain { url: self.base_url().to_string() });
        }
        let sent_us = clock.now_us();
        let deadline = tokio::time::Instant::now() + within;
        let failed = |source| WireError::Connect { url: self.base_url().to_string(), source };
        let connecting = tokio::time::timeout_at(deadline, self.connect()).await;
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let stream = connecting.map_err(|_elapsed| failed(late()))?.map_err(failed)?;
        let (reader, writer) = stream.into_split();
        let mut received = Vec::new();
        let conversing = async {
            // Together: a server that answers before it has read everything is heard before it hangs up.
            let (end, _writer) =
                tokio::join!(read(reader, &mut received), write(writer, bytes, after));
            end
        };
        let end = tokio::time::timeout_at(deadline, conversing).await.unwrap_or(WireEnd::Open);
        let marks = Marks { sent_us, head_us: None, done_us: clock.now_us() };
        let (answers, rest) = answers::all(&received, end == WireEnd::Closed, marks);
        Ok(WireExchange { answers, end, rest })
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let url = self.base_url();
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = tokio::net::lookup_host((bare, port)).await?.next().ok_or_else(unknown)?;
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(local) = self.local_address() {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The writer is given back: dropped, it would end our side.
async fn write(mut writer: OwnedWriteHalf, bytes: &[u8], after: AfterWrite) -> OwnedWriteHalf {
    let written = writer.write_all(bytes).await;
    if written.is_ok() && after == AfterWrite::Cut {
        // Whoever has gone already needs no end.
        let _gone: io::Result<()> = writer.shutdown().await;
    }
    writer
}

async fn read(mut reader: OwnedReadHalf, received: &mut Vec<u8>) -> WireEnd {
    let mut chunk = vec![0; CHUNK_BYTES];
    while received.len() <= MAX_BODY_BYTES {
        match reader.read(&mut chunk).await {
            Ok(0) => return WireEnd::Closed,
            Ok(count) => received.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(_reset) => return WireEnd::Reset,
        }
    }
    WireEnd::Open
}

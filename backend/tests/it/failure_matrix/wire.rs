//! Servers that do what HTTP forbids: take connections and say nothing, break off, or take none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What becomes of a connection once a request came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// Nothing.
    Silent,
    /// This is written, and the connection is closed.
    Says(&'static str),
}

/// A listener; it ends with the test.
pub(super) struct Wire {
    pub(super) endpoint: String,
    taken: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Wire {
    pub(super) async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<AtomicUsize> = Arc::default();
        let count = Arc::clone(&taken);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _peer)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream, manner));
            }
        });
        Self { endpoint, taken, _serving: serving }
    }

    /// Connections so far: an attempt that comes to nothing leaves none to be used again.
    pub(super) fn attempts(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, manner: Manner) {
    let mut bytes = [0; 16 * 1024];
    let came = stream.read(&mut bytes).await;
    if let (Ok(1..), Manner::Says(text)) = (came, manner) {
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    } else {
        // Until the other side has had enough.
        while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
    }
}

/// An address that refuses: bound and closed again.
pub(super) fn closed() -> String {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{closed}")
}

/// An address whose queue of connections is full: the next one is neither taken nor refused.
pub(super) struct Full {
    pub(super) endpoint: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    pub(super) async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(taken) =
            tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
        {
            waiting.push(taken.unwrap());
        }
        Self { endpoint: format!("http://{address}"), _listener: listener, _waiting: waiting }
    }
}

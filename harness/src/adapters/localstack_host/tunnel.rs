//! A port of this machine that leads to a socket file, and a socket file that leads to a port.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::adapters::plain_http;

/// One look at something on this machine.
const LOOK: Duration = Duration::from_secs(5);

/// A port that leads to a socket file.
#[derive(Debug)]
pub(super) struct Tunnel {
    address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Tunnel {
    pub(super) async fn to(socket: PathBuf) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((mut stream, _)) = listener.accept().await else { continue };
                let socket = socket.clone();
                // Bounded by both ends: whichever closes, the other is closed.
                connections.spawn(async move {
                    if let Ok(mut inside) = UnixStream::connect(&socket).await {
                        drop(stream.set_nodelay(true));
                        drop(copy_bidirectional(&mut stream, &mut inside).await);
                    }
                });
            }
        });
        Ok(Self { address, tasks })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// Leads the socket file `socket` to `port` of this namespace, until dropped.
pub(super) fn from(socket: &Path, port: u16, tasks: &mut JoinSet<()>) -> io::Result<()> {
    let listener = UnixListener::bind(socket)?;
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            connections.spawn(async move {
                if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                    drop(server.set_nodelay(true));
                    drop(copy_bidirectional(&mut stream, &mut server).await);
                }
            });
        }
    });
    Ok(())
}

/// The status that `url` answers with.
pub(super) async fn status(url: &str) -> Result<u16, String> {
    let client = plain_http::client(url, LOOK).build().map_err(|error| error.to_string())?;
    let answer = client.get(url).send().await.map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_come_through_both() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let mut tasks = JoinSet::new();
        from(&socket, port, &mut tasks).unwrap();
        let mut tunnel = Tunnel::to(socket).await.unwrap();
        let mut client = TcpStream::connect(tunnel.address()).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        let mut seen = [0; 4];
        served.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"ping");
        drop(served);
        assert_eq!(client.read(&mut seen).await.unwrap(), 0, "the end comes through, too");
        tunnel.stop().await;
    }
}

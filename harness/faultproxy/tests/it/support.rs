//! A server, upstreams to stand before, and raw HTTP, since the bytes of the answers are what is promised.
use std::net::SocketAddr;
use std::time::Duration;

use faultproxy::{FaultProxy, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn server() -> FaultProxy {
    FaultProxy::start(Options { proxy_metrics: true, ..Options::local(42) }).await.unwrap()
}

/// A status, the content type and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
    pub(crate) head: String,
}

pub(crate) async fn call(server: &FaultProxy, method: &str, path: &str, body: &str) -> Answer {
    call_as(server, "curl/8", method, path, body.as_bytes()).await
}

pub(crate) async fn call_as(
    server: &FaultProxy,
    agent: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may close before everything is sent.
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let (_sent, read) = tokio::join!(writing.write_all(body), async {
        tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer)).await
    });
    read.expect("an answer in time").unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.map_or(String::new(), |line| line[name.len() + 1..].trim().to_owned())
    };
    Answer {
        status,
        content_type: header("content-type"),
        body: body.to_owned(),
        head: head.to_owned(),
    }
}

/// Sends back what it gets, and closes when its client does.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                open.spawn(async move {
                    let (mut reading, mut writing) = stream.split();
                    tokio::io::copy(&mut reading, &mut writing).await.ok();
                    writing.shutdown().await.ok();
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, _task: task }
    }
}

/// A proxy named `p` before `upstream`; where it listens.
pub(crate) async fn proxy(server: &FaultProxy, upstream: SocketAddr) -> SocketAddr {
    let body = format!(r#"{{"name":"p","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
    let made = call(server, "POST", "/proxies", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    made["listen"].as_str().unwrap().parse().unwrap()
}

pub(crate) async fn toxic(server: &FaultProxy, body: &str) {
    let made = call(server, "POST", "/proxies/p/toxics", body).await;
    assert_eq!(made.status, 200, "{}", made.body);
}

/// Sends `bytes` and reads as many back.
pub(crate) async fn echoed(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut back));
    read.await.expect("an echo in time")?;
    Ok(back)
}

/// Lets `span` pass: what is tested here is time itself.
pub(crate) async fn let_pass(span: std::time::Duration) {
    tokio::time::timeout(span, std::future::pending::<()>()).await.unwrap_err();
}

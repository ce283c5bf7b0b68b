//! The way to the service: one connection for each client's, from the client's own address, so that the service sees
//! whom it serves as it does where it is deployed (all of 127.0.0.0/8 is this machine).

use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http::Uri;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::words::Stop;
use crate::adapters::lambda_host::gateway::INTEGRATION_TIMEOUT;
use crate::adapters::lambda_host::gateway::PAYLOAD_MAX;
use crate::adapters::lambda_host::gateway::event::HOP_BY_HOP;

/// The service is on this machine.
const CONNECT: Duration = Duration::from_secs(2);

/// A connection to the service.
#[derive(Debug)]
pub(super) struct Upstream {
    sender: http1::SendRequest<Full<Bytes>>,
    /// What moves its bytes; ends with it.
    _driver: JoinSet<()>,
}

impl Upstream {
    /// Connects to `to`, from `from` where that is an address of this machine.
    async fn open(from: IpAddr, to: SocketAddr) -> Option<Self> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.ok()?;
        if from.is_loopback() && from.is_ipv4() == to.is_ipv4() {
            socket.bind(SocketAddr::new(from, 0)).ok()?;
        }
        let stream = timeout(CONNECT, socket.connect(to)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its failure is the failure of the request on it.
            drop(connection.await);
        });
        Some(Self { sender, _driver: driver })
    }
}

/// Sends a request over `kept`, or over a new connection, which is then kept, and reads the answer whole.
pub(super) async fn send(
    kept: &mut Option<Upstream>,
    (from, to): (IpAddr, SocketAddr),
    (head, body): (Parts, Bytes),
) -> Result<Response, Stop> {
    let mut request = Some(forwarded(head, body)?);
    let answered = timeout(INTEGRATION_TIMEOUT, async {
        // A connection may have been closed since it was last used: what was not sent is sent once more, over a new one.
        for _try in 0..2 {
            let mut upstream = match kept.take().filter(|upstream| !upstream.sender.is_closed()) {
                Some(upstream) => upstream,
                None => Upstream::open(from, to).await.ok_or(Stop::Unreachable)?,
            };
            let Some(sent) = request.take() else { break };
            if upstream.sender.ready().await.is_err() {
                request = Some(sent);
                continue;
            }
            match upstream.sender.try_send_request(sent).await {
                Ok(answer) => {
                    let answer = whole(answer).await?;
                    *kept = Some(upstream);
                    return Ok(answer);
                }
                Err(mut failed) => request = failed.take_message(),
            }
        }
        Err(Stop::Unreachable)
    });
    answered.await.unwrap_or(Err(Stop::TimedOut))
}

async fn whole(answer: http::Response<hyper::body::Incoming>) -> Result<Response, Stop> {
    let (mut head, body) = answer.into_parts();
    let body = Limited::new(body, PAYLOAD_MAX).collect().await.map_err(|_cut| Stop::Unreachable)?;
    own_headers_off(&mut head.headers);
    Ok(Response::from_parts(head, Body::from(body.to_bytes())))
}

/// The request as it is sent on: the same target and headers, but for what concerned one connection.
fn forwarded(mut head: Parts, body: Bytes) -> Result<Request<Full<Bytes>>, Stop> {
    let target = head.uri.path_and_query().ok_or(Stop::Broken)?;
    let uri = Uri::from(target.clone());
    own_headers_off(&mut head.headers);
    head.headers.remove(header::CONTENT_LENGTH);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method;
    *request.uri_mut() = uri;
    *request.headers_mut() = head.headers;
    Ok(request)
}

/// Takes off what concerns one connection, with what `Connection` names.
fn own_headers_off(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
}

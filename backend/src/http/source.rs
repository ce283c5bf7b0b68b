//! Where a request comes from: the connection's address, unless that is a configured proxy's; then the last address in
//! `X-Forwarded-For` that is not a proxy's.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use crate::domain::cidr::Cidr;
use crate::state::App;

/// The other end of the connection; the server puts it into each request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The address a request is judged by; also put into the answer's extensions, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceAddress(pub(super) IpAddr);

pub(super) async fn source_address(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let source = peer.map(|Peer(peer)| {
        let forwarded = forwarded_for(request.headers());
        SourceAddress(judge(peer.ip().to_canonical(), &forwarded, &app.config.trusted_proxies))
    });
    if let Some(source) = source {
        request.extensions_mut().insert(source);
    }
    let mut response = next.run(request).await;
    if let Some(source) = source {
        response.extensions_mut().insert(source);
    }
    response
}

/// All entries in their order; one that is no address ends what can be believed, so it is kept as `None`.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|entry| entry.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical()))
        .collect()
}

fn judge(peer: IpAddr, forwarded: &[Option<IpAddr>], proxies: &[Cidr]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|range| range.contains(address));
    let mut believed = peer;
    for entry in forwarded.iter().rev() {
        if !is_proxy(believed) {
            break;
        }
        let Some(address) = entry else { break };
        believed = *address;
    }
    believed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(peer: &str, forwarded: &str, proxies: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let proxies: Vec<Cidr> = proxies.split(' ').filter_map(|text| text.parse().ok()).collect();
        judge(peer.parse().unwrap(), &forwarded_for(&headers), &proxies).to_string()
    }

    #[test]
    fn the_header_counts_only_from_a_configured_proxy() {
        assert_eq!(judged("203.0.113.9", "198.51.100.1", ""), "203.0.113.9");
        assert_eq!(judged("10.0.0.1", "198.51.100.1", "10.0.0.0/8"), "198.51.100.1");
        assert_eq!(judged("10.0.0.1", "6.6.6.6, 198.51.100.1", "10.0.0.0/8"), "198.51.100.1");
        assert_eq!(judged("10.0.0.1", "198.51.100.1, 10.0.0.2", "10.0.0.0/8"), "198.51.100.1");
        assert_eq!(judged("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(judged("10.0.0.1", "", "10.0.0.0/8"), "10.0.0.1");
    }
}

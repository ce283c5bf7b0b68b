//! `IP_ALLOWLIST`: who may come at all, and what everybody may see.

use axum::body::Body;
use backend::http::Peer;
use http::{Method, Request};

use crate::world::{ANNA, Answer, World};

const OFFICE: &[(&str, &str)] =
    &[("IP_ALLOWLIST", "192.0.2.0/24, 2001:db8::/32"), ("TRUSTED_PROXIES", "10.0.0.0/8")];

async fn from(world: &World, peer: &str, forwarded: Option<&str>, path: &str) -> Answer {
    let mut request = world.request(ANNA, Method::GET, path, Vec::new());
    if let Some(forwarded) = forwarded {
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    request
        .extensions_mut()
        .insert(Peer((peer.parse::<std::net::IpAddr>().unwrap(), 40_000).into()));
    world.send(request).await
}

#[tokio::test]
async fn only_listed_addresses_come_in() {
    let world = World::with(OFFICE);
    for (peer, forwarded, allowed) in [
        ("192.0.2.7", None, true),
        ("::ffff:192.0.2.7", None, true),
        ("2001:db8::7", None, true),
        ("192.0.3.7", None, false),
        ("2001:db9::7", None, false),
        // Said by a stranger, said by a proxy, and said by a stranger through a proxy.
        ("203.0.113.9", Some("192.0.2.7"), false),
        ("10.0.0.1", Some("192.0.2.7"), true),
        ("10.0.0.1", Some("192.0.2.7, 203.0.113.9"), false),
        ("10.0.0.1", None, false),
    ] {
        let answer = from(&world, peer, forwarded, "/api/user/quota").await;
        let expected = if allowed { (200, "") } else { (403, "address_not_allowed") };
        let code = if allowed { String::new() } else { answer.code() };
        assert_eq!((answer.status.as_u16(), code.as_str()), expected, "{peer} {forwarded:?}");
    }
}

#[tokio::test]
async fn what_is_refused_reaches_nothing_behind_the_list() {
    let world = World::with(OFFICE);
    for (method, path, status) in [
        (Method::POST, "/api/query", 403),
        (Method::DELETE, "/api/query", 403),
        (Method::GET, "/nowhere", 403),
        (Method::GET, "/health/deep", 403),
        (Method::GET, "/health", 200),
        (Method::GET, "/version", 200),
        (Method::OPTIONS, "/api/query", 204),
    ] {
        let too_large = 7 * 1024 * 1024;
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header("content-length", too_large)
            .body(Body::empty())
            .unwrap();
        let answer = world.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
    }
    assert_eq!((world.ports.jwks.fetches(), world.ports.rate_limit.calls()), (0, 0));
}

#[tokio::test]
async fn an_address_that_nobody_knows_is_on_no_list() {
    let request = || Request::builder().uri("/api/user/quota").body(Body::empty()).unwrap();
    let status = async |world: World| world.send_from_nowhere(request()).await.code();
    assert_eq!(status(World::with(OFFICE)).await, "address_not_allowed");
    assert_eq!(status(World::new()).await, "token_missing");
}

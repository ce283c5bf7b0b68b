//! Methods, paths and headers that are none of ours, and addresses that are made up.

use axum::body::Body;
use backend::http::Peer;
use http::{HeaderValue, Method, Request};

use super::tokens::PROTECTED;
use super::{Row, Scene, row};

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = methods(scene);
    rows.extend(paths(scene));
    rows
}

fn methods(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut paths: Vec<&str> = PROTECTED.iter().map(|(_, path)| *path).collect();
    paths.extend(["/health", "/health/deep", "/version"]);
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        for method in ["PUT", "PATCH", "TRACE", "CONNECT", "BREW", "PROPFIND"] {
            let method: Method = method.parse().unwrap();
            let request = scene.world.request(crate::world::ANNA, method.clone(), path, Vec::new());
            rows.push(row(format!("{method} {path}"), request, 405, "method_not_allowed"));
        }
    }
    let quota = scene.post("/api/user/quota", "{}");
    rows.push(row("POST where there is only GET", quota, 405, "method_not_allowed"));
    let query = scene.get("/api/query?question=What");
    rows.push(row("GET where there is only POST", query, 405, "method_not_allowed"));
    rows
}

fn paths(scene: &Scene) -> Vec<Row> {
    [
        "/",
        "/api",
        "/api/",
        "/API/QUERY",
        "/api/query/",
        "/api/query/x",
        "/api/query%2f",
        "/api/query%00",
        "/api/v2/query",
        "/.env",
        "/.git/config",
        "/admin",
        "/actuator/env",
        "/health/",
        "/version.json",
        "/api/user/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/2015-03-31/functions/x/invocations",
    ]
    .map(|path| row(path, scene.get(path), 404, "no_such_route"))
    .into()
}

#[tokio::test]
async fn no_such_address_is_answered() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

/// Who is not on the list gets in by no header.
#[tokio::test]
async fn nobody_comes_from_where_he_says_he_comes_from() {
    let listed = [("IP_ALLOWLIST", "127.0.0.0/8,192.0.2.0/24"), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    let scene = Scene::with(&listed).await;
    let from = |peer: [u8; 4], name: &'static str, value: &str| -> Request<Body> {
        let mut request = scene.post("/api/query", r#"{"question":"What?"}"#);
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        request.extensions_mut().insert(Peer((peer, 40_000).into()));
        request
    };
    let (stranger, proxy) = ([203, 0, 113, 9], [10, 0, 0, 1]);
    let rows = [
        ("a listed address", stranger, "x-forwarded-for", "192.0.2.7"),
        ("this machine", stranger, "x-forwarded-for", "127.0.0.1"),
        ("this machine, as IPv6", stranger, "x-forwarded-for", "::1"),
        ("a proxy's address", stranger, "x-forwarded-for", "192.0.2.7, 10.0.0.1"),
        ("another header", stranger, "x-real-ip", "192.0.2.7"),
        ("the standard's header", stranger, "forwarded", "for=192.0.2.7"),
        ("a client's header", stranger, "true-client-ip", "192.0.2.7"),
        ("through a proxy", proxy, "x-forwarded-for", "192.0.2.7, 203.0.113.9"),
        ("nothing through a proxy", proxy, "x-forwarded-for", ""),
        ("nonsense through a proxy", proxy, "x-forwarded-for", "192.0.2.7, nonsense"),
        ("a port through a proxy", proxy, "x-forwarded-for", "192.0.2.7:80"),
        ("a range through a proxy", proxy, "x-forwarded-for", "192.0.2.0/24"),
        ("an octal address", proxy, "x-forwarded-for", "0300.0.2.7"),
    ]
    .map(|(what, peer, name, value)| {
        row(what, from(peer, name, value), 403, "address_not_allowed")
    });
    scene.judge(rows.into()).await;
}

/// Headers that mean nothing here change nothing.
#[tokio::test]
async fn odd_headers_are_no_reason_to_fail() {
    let scene = Scene::new().await;
    let long = "x".repeat(60_000);
    for (name, value) in [
        ("traceparent", "not a trace"),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00"),
        ("x-request-id", "../../etc/passwd"),
        ("cookie", long.as_str()),
        ("origin", "null"),
        ("host", "evil.example"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/api/user/quota"),
        ("accept", "application/xml"),
        ("range", "bytes=0-0"),
        ("if-none-match", "*"),
    ] {
        let mut request = scene.get("/api/manuals");
        request.headers_mut().insert(name, value.parse().unwrap());
        let answer = scene.world.send(request).await;
        assert_eq!(answer.status.as_u16(), 200, "{name}: {value}");
        assert!(!answer.header("x-request-id").contains("etc"), "{name}");
    }
}

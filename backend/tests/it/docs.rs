//! The document and its page as they are served: everywhere but in production, from here and nowhere else.

use axum::body::Body;
use http::{Method, Request, StatusCode};

use crate::world::{Answer, World};

const ADDRESSES: [(&str, &str); 4] = [
    ("/openapi.json", "application/json"),
    ("/docs", "text/html; charset=utf-8"),
    ("/docs/page.js", "text/javascript; charset=utf-8"),
    ("/docs/page.css", "text/css; charset=utf-8"),
];

async fn get(world: &World, path: &str) -> Answer {
    let request = Request::builder().method(Method::GET).uri(path).body(Body::empty()).unwrap();
    world.send(request).await
}

#[tokio::test]
async fn anybody_may_read_them_off_production() {
    for stage in ["local", "dev", "staging"] {
        let world = World::with(&[("STAGE", stage)]);
        for (path, content_type) in ADDRESSES {
            let answer = get(&world, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} on {stage}");
            assert_eq!(answer.header("content-type"), content_type);
        }
        let served = get(&world, "/openapi.json").await.json();
        assert_eq!(served, serde_json::to_value(backend::http::document()).unwrap());
    }
}

#[tokio::test]
async fn in_production_they_are_no_routes() {
    let world = World::with(&[("STAGE", "production")]);
    for (path, _) in ADDRESSES {
        let answer = get(&world, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "no_such_route"),
            "{path}"
        );
    }
    assert_eq!(get(&world, "/health").await.status, StatusCode::OK);
}

/// The policy forbids what is inline or elsewhere, so the page must have neither.
#[tokio::test]
async fn the_page_lives_within_its_policy() {
    let world = World::new();
    let page = get(&world, "/docs").await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|given| given == part), "{part} in {policy}");
    }
    let html = String::from_utf8(page.body).unwrap();
    for forbidden in ["style=", "onclick", "<style", "http:", "https:"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let scripts = html.matches("<script").count();
    assert_eq!(scripts, html.matches("<script src=\"/docs/").count());
    for path in ["/docs/page.js", "/docs/page.css", "/openapi.json", "/health"] {
        let other = get(&world, path).await;
        let policy = other.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{path}");
    }
}

//! What every answer has, and what the open routes say.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::json;

use crate::world::{ANNA, Answer, World};

fn open(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

fn assert_headers(answer: &Answer, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-manuel-version", backend::COMMIT),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {what}");
    }
    assert!(answer.header("strict-transport-security").starts_with("max-age="), "{what}");
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{what}");
    assert_eq!(answer.header("x-request-id").len(), 36, "{what}");
    let timing = answer.header("server-timing");
    let (own, dep) = timing.split_once(", ").unwrap();
    for (part, name) in [(own, "own;dur="), (dep, "dep;dur=")] {
        let ms: f64 = part.strip_prefix(name).unwrap().parse().unwrap();
        assert!((0.0..60_000.0).contains(&ms), "{timing} of {what}");
    }
}

#[tokio::test]
async fn every_answer_has_every_header_errors_and_the_routers_own_too() {
    let world = World::new();
    let too_large = vec![b'x'; 6 * 1024 * 1024 + 1];
    let big = Request::builder()
        .method(Method::POST)
        .uri("/api/query")
        .header("content-length", too_large.len())
        .body(Body::from(too_large.clone()))
        .unwrap();
    // Without a length nobody knows before it is read, and it is read only for a user.
    let big_without_length = world.request(ANNA, Method::POST, "/api/query", too_large);
    let wrong_type = {
        let mut request = world.request(ANNA, Method::POST, "/api/query", b"{}".to_vec());
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        request
    };
    let cases = [
        (open(Method::GET, "/health"), 200, ""),
        (open(Method::GET, "/version"), 200, ""),
        (open(Method::OPTIONS, "/anything"), 204, ""),
        (open(Method::GET, "/nowhere"), 404, "no_such_route"),
        (open(Method::PUT, "/api/query"), 405, "method_not_allowed"),
        (open(Method::GET, "/api/manuals"), 401, "token_missing"),
        (big, 413, "body_too_large"),
        (big_without_length, 413, "body_too_large"),
        (wrong_type, 415, "unsupported_media_type"),
        (world.request(ANNA, Method::GET, "/api/manuals/none", Vec::new()), 404, "not_found"),
        (world.request(ANNA, Method::POST, "/api/query", b"{".to_vec()), 400, "invalid_json"),
    ];
    for (request, status, code) in cases {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = world.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{what}");
        assert_headers(&answer, &what);
        if !code.is_empty() {
            let body = answer.json();
            assert_eq!(body["code"], code, "{what}");
            assert_eq!(body["request_id"], answer.header("x-request-id"), "{what}");
            assert_eq!(body["retryable"], false, "{what}");
            assert!(body["error"].as_str().unwrap().ends_with('.'), "{what}");
        }
    }
}

#[tokio::test]
async fn health_and_version_answer_with_everything_dark() {
    use backend::memory::Trouble;
    let world = World::new();
    world.ports.quota.trouble.set(Some(Trouble::Hangs));
    world.ports.jwks.trouble.set(Some(Trouble::Hangs));
    world.ports.files.trouble.set(Some(Trouble::Hangs));
    let health = world.send(open(Method::GET, "/health")).await.json();
    assert_eq!(health, json!({ "status": "ok", "version": backend::VERSION, "stage": "local" }));
    let version = world.send(open(Method::GET, "/version")).await.json();
    assert_eq!((&version["api"], &version["git_commit"]), (&json!("v1"), &json!(backend::COMMIT)));
    assert_eq!(version.get("defects").is_some(), cfg!(feature = "defects"));
}

#[tokio::test]
async fn deep_health_bounds_each_check_and_names_no_resource() {
    use backend::memory::Trouble;
    let world = World::new();
    let healthy = world.send(open(Method::GET, "/health/deep")).await;
    assert_eq!((healthy.status, &healthy.json()["status"]), (StatusCode::OK, &json!("ok")));

    world.move_clock(1);
    world.ports.files.trouble.set(Some(Trouble::Hangs));
    let degraded = world.send(open(Method::GET, "/health/deep")).await;
    assert_eq!(degraded.json()["status"], "degraded");

    world.move_clock(1);
    world.ports.quota.trouble.set(Some(Trouble::Hangs));
    let down = world.send(open(Method::GET, "/health/deep")).await;
    assert_eq!((down.status.as_u16(), &down.json()["status"]), (503, &json!("down")));
    assert!(!String::from_utf8_lossy(&down.body).contains("usage"));
}

#[tokio::test]
async fn cross_origin_calls_are_for_the_configured_origins() {
    let world = World::with(&[("CORS_ORIGINS", "https://app.example.com")]);
    let with_origin = |method, path, origin: &str| {
        let mut request = open(method, path);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let ours = with_origin(Method::OPTIONS, "/api/manuals/upload", "https://app.example.com");
    let ours = world.send(ours).await;
    assert_eq!(ours.status, StatusCode::NO_CONTENT);
    assert_eq!(ours.header("access-control-allow-origin"), "https://app.example.com");
    assert!(ours.header("access-control-allow-headers").contains("x-manuel-signature"));

    let theirs = with_origin(Method::OPTIONS, "/api/query", "https://evil.example.com");
    let theirs = world.send(theirs).await;
    assert_eq!((theirs.status.as_u16(), theirs.header("access-control-allow-origin")), (204, ""));

    let refused = world.send(with_origin(Method::GET, "/api/manuals", "https://app.example.com"));
    let refused = refused.await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example.com");
}

#[tokio::test]
async fn another_users_id_and_no_id_at_all_get_the_same_answer() {
    use crate::world::BERT;
    let world = World::new();
    let id = world.upload(ANNA, "a.md", "# text").await.json()["manual_id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(world.get(ANNA, &format!("/api/manuals/{id}")).await.status, StatusCode::OK);

    let strip = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = json!("");
        body.to_string()
    };
    let none = "99999999-0000-4000-8000-000000000009";
    for (theirs, missing) in [
        (
            world.get(BERT, &format!("/api/manuals/{id}")).await,
            world.get(BERT, &format!("/api/manuals/{none}")).await,
        ),
        (world.delete(BERT, id).await, world.delete(BERT, none).await),
    ] {
        assert_eq!((theirs.status.as_u16(), missing.status.as_u16()), (404, 404));
        assert_eq!(strip(&theirs), strip(&missing));
    }
    assert_eq!(world.get(ANNA, &format!("/api/manuals/{id}")).await.status, StatusCode::OK);
}

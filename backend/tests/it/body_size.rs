//! The size of a body: refused before anybody is asked who sent it where its length is said, and where it is not, as
//! soon as too much has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request};

use crate::world::{ANNA, World};

const LIMIT: usize = 6 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

/// A body without a length and without an end, and how many bytes of it were taken.
fn endless() -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let chunks = stream::repeat(Bytes::from(vec![b'['; CHUNK])).map(move |chunk| {
        counted.fetch_add(chunk.len(), Ordering::SeqCst);
        Ok::<_, std::io::Error>(chunk)
    });
    (Body::from_stream(chunks), taken)
}

fn request(headers: &HeaderMap, path: &str, body: Body) -> Request<Body> {
    let mut request = Request::builder().method(Method::POST).uri(path).body(body).unwrap();
    request.headers_mut().clone_from(headers);
    request
}

#[tokio::test]
async fn a_body_without_a_length_is_refused_where_it_becomes_too_large() {
    let world = World::new();
    for path in ["/api/query", "/api/manuals/upload"] {
        let signed = world.signed_request(ANNA, Method::POST, path, b"{}".to_vec());
        let (body, taken) = endless();
        let answer = world.send(request(signed.headers(), path, body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "body_too_large"));
        let taken = taken.load(Ordering::SeqCst);
        assert!((LIMIT..=LIMIT + 2 * CHUNK).contains(&taken), "{path}: {taken} bytes were taken");
    }
}

/// Some bytes, and then nothing more.
fn stalled() -> Body {
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"question\":"))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// A byte every few milliseconds, for ever.
fn trickling() -> Body {
    let bytes = stream::repeat(()).then(|()| async {
        backend::clock::pause(std::time::Duration::from_millis(5)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(b" "))
    });
    Body::from_stream(bytes)
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_deadline() {
    const PAGE: &str = "https://app.example.com";
    let world = World::with(&[("REQUEST_DEADLINE_MS", "300"), ("CORS_ORIGINS", PAGE)]);
    for path in ["/api/query", "/api/manuals/upload"] {
        for body in [stalled(), trickling()] {
            let mut signed = world.signed_request(ANNA, Method::POST, path, b"{}".to_vec());
            signed.headers_mut().insert("origin", http::HeaderValue::from_static(PAGE));
            let answer = world.send(request(signed.headers(), path, body)).await;
            let seen = (answer.status.as_u16(), answer.code());
            assert_eq!(seen, (504, "deadline_exceeded".to_owned()), "{path}");
            // A page may read why, too.
            assert_eq!(answer.header("access-control-allow-origin"), PAGE);
            assert_eq!(answer.header("vary"), "origin");
        }
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn nobody_unknown_makes_the_server_read_a_body() {
    let world = World::new();
    for path in ["/api/query", "/api/manuals/upload"] {
        let (body, taken) = endless();
        let answer = world.send(request(&HeaderMap::new(), path, body)).await;
        assert_eq!(answer.code(), "token_missing");
        assert_eq!(taken.load(Ordering::SeqCst), 0, "{path}");
    }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_the_token_is_looked_at() {
    let world = World::new();
    for (length, status, code) in
        [(LIMIT + 1, 413, "body_too_large"), (LIMIT, 401, "token_missing")]
    {
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_LENGTH, http::HeaderValue::from(length))]);
        let body = Body::from(vec![b'['; length]);
        let answer = world.send(request(&headers, "/api/query", body)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{length}");
    }
    assert_eq!(world.ports.jwks.fetches(), 0);
}

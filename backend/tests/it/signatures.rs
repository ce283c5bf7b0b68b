//! Calls that change state: signed by our key, just now, once.

use axum::body::Body;
use backend::domain::signature::{Signed, sign, sign_legacy};
use backend::memory::Trouble;
use backend::ports::PortErrorKind;
use http::{Method, Request};

use crate::world::{ANNA, Answer, BERT, HMAC_KEY, World, upload_body};

const PATH: &str = "/api/manuals/upload";

fn body() -> Vec<u8> {
    upload_body("a.md", "text/markdown", b"# text")
}

fn with(
    world: &World,
    user: &str,
    timestamp: Option<&str>,
    signature: Option<&str>,
) -> Request<Body> {
    let mut request = world.request(user, Method::POST, PATH, body());
    for (name, value) in [("x-manuel-timestamp", timestamp), ("x-manuel-signature", signature)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    request
}

fn signature(timestamp: &str, method: &str, path: &str, body: &[u8]) -> String {
    hex::encode(sign(HMAC_KEY, Signed { timestamp, method, path, body }))
}

async fn sent(world: &World, timestamp: i64, signature: &str) -> Answer {
    world.send(with(world, ANNA, Some(&timestamp.to_string()), Some(signature))).await
}

#[tokio::test]
async fn a_signature_is_needed_and_must_be_this_calls() {
    let world = World::new();
    let now = world.now_s();
    let stamp = now.to_string();
    let good = signature(&stamp, "POST", PATH, &body());

    for (timestamp, signature) in
        [(None, None), (Some(stamp.as_str()), None), (None, Some(good.as_str()))]
    {
        let answer = world.send(with(&world, ANNA, timestamp, signature)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "signature_missing"));
    }
    for wrong in [
        signature(&stamp, "PUT", PATH, &body()),
        signature(&stamp, "POST", "/api/manuals", &body()),
        signature(&stamp, "POST", PATH, b"{}"),
        signature(&(now + 1).to_string(), "POST", PATH, &body()),
        hex::encode(sign_legacy(HMAC_KEY, &stamp, &body())),
        "00".repeat(32),
        "zz".to_owned(),
    ] {
        let answer = sent(&world, now, &wrong).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "signature_invalid"));
    }
    assert_eq!(sent(&world, now, &good).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_signature_works_once_for_its_user() {
    let world = World::new();
    let now = world.now_s();
    let good = signature(&now.to_string(), "POST", PATH, &body());
    assert_eq!(sent(&world, now, &good).await.status.as_u16(), 201);
    let again = sent(&world, now, &good).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (401, "signature_replayed"));
    let upper = sent(&world, now, &good.to_uppercase()).await;
    assert_eq!(upper.code(), "signature_replayed", "the same bytes in other letters");
    let bert = world.send(with(&world, BERT, Some(&now.to_string()), Some(&good))).await;
    assert_eq!(bert.status.as_u16(), 201, "another user's pair is another pair");

    // Still remembered as long as a clock would take the timestamp.
    world.move_clock(300);
    assert_eq!(sent(&world, now, &good).await.code(), "signature_replayed");
    world.move_clock(1);
    assert_eq!(sent(&world, now, &good).await.code(), "signature_expired");
}

#[tokio::test]
async fn a_signature_that_one_process_took_is_used_in_all() {
    let world = World::new();
    let other = world.another_process();
    let now = world.now_s();
    let good = signature(&now.to_string(), "POST", PATH, &body());
    let (here, there) = tokio::join!(sent(&world, now, &good), sent(&other, now, &good));
    let mut codes = [here.status.as_u16(), there.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [201, 401], "one of both");
    assert_eq!(sent(&other, now, &good).await.code(), "signature_replayed");
}

#[tokio::test]
async fn without_a_key_or_a_memory_nothing_passes() {
    let world = World::new();
    world.ports.secret.hold(None);
    let now = world.now_s();
    let good = signature(&now.to_string(), "POST", PATH, &body());
    assert_eq!(sent(&world, now, &good).await.code(), "signature_unavailable");

    let world = World::new();
    world.ports.secret.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let answer = sent(&world, now, &good).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "signing_unavailable"));

    let world = World::new();
    world.ports.rows.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let answer = sent(&world, now, &good).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "store_unavailable"));
}

#[tokio::test]
async fn the_older_form_counts_only_while_it_is_accepted() {
    let world = World::with(&[("HMAC_ACCEPT_LEGACY", "true")]);
    let now = world.now_s();
    let legacy = hex::encode(sign_legacy(HMAC_KEY, &now.to_string(), &body()));
    assert_eq!(sent(&world, now, &legacy).await.status.as_u16(), 201);
    assert_eq!(sent(&world, now, &legacy).await.code(), "signature_replayed");
}

#[tokio::test]
async fn reading_needs_no_signature() {
    let world = World::new();
    assert_eq!(world.get(ANNA, "/api/manuals").await.status.as_u16(), 200);
}

//! Calls that change state with a signature that is not good for them.

use axum::body::Body;
use backend::domain::signature::{Signed, sign, sign_legacy};
use http::{Method, Request};

use super::{Row, Scene, row};
use crate::world::{ANNA, HMAC_KEY, upload_body};

const UPLOAD: &str = "/api/manuals/upload";

fn body() -> Vec<u8> {
    upload_body("a.md", "text/markdown", b"# text")
}

fn hmac(key: &[u8], timestamp: &str, method: &str, path: &str, body: &[u8]) -> String {
    hex::encode(sign(key, Signed { timestamp, method, path, body }))
}

fn upload(scene: &Scene, timestamp: &str, signature: &str) -> Request<Body> {
    with(scene.post(UPLOAD, body()), timestamp, signature)
}

fn with(mut request: Request<Body>, timestamp: &str, signature: &str) -> Request<Body> {
    request.headers_mut().insert("x-manuel-timestamp", timestamp.parse().unwrap());
    request.headers_mut().insert("x-manuel-signature", signature.parse().unwrap());
    request
}

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = unsigned(scene);
    rows.extend(times(scene));
    rows.extend(others(scene));
    rows
}

fn unsigned(scene: &Scene) -> Vec<Row> {
    let manual = format!("/api/manuals/{}", scene.manual);
    let complete = format!("{manual}/complete");
    let now = scene.world.now_s().to_string();
    let good = hmac(HMAC_KEY, &now, "POST", UPLOAD, &body());
    let mut rows: Vec<Row> = [
        (Method::POST, UPLOAD),
        (Method::POST, "/api/manuals/upload-url"),
        (Method::POST, "/api/manuals/download"),
        (Method::POST, complete.as_str()),
        (Method::DELETE, manual.as_str()),
    ]
    .into_iter()
    .map(|(method, path)| {
        let request = scene.world.request(ANNA, method.clone(), path, body());
        row(format!("{method} {path} without a signature"), request, 401, "signature_missing")
    })
    .collect();
    for (what, timestamp, signature) in [
        ("no signature", now.as_str(), ""),
        ("no timestamp", "", good.as_str()),
        ("two empty headers", "", ""),
    ] {
        rows.push(row(what, upload(scene, timestamp, signature), 401, "signature_missing"));
    }
    rows
}

/// A signature that is right for a time that is not.
fn times(scene: &Scene) -> Vec<Row> {
    let now = scene.world.now_s();
    [
        ("stale", (now - 301).to_string()),
        ("stale by years", "1".to_owned()),
        ("from the future", (now + 301).to_string()),
        ("from the next century", "4102444800".to_owned()),
        ("in milliseconds", (now * 1000).to_string()),
        ("before 1970", "-5".to_owned()),
        ("with a plus", format!("+{now}")),
        ("with a fraction", format!("{now}.0")),
        ("in hexadecimal", format!("{now:#x}")),
        ("with a space", format!("{now} 1")),
        ("a date", "2026-11-15T12:00:00Z".to_owned()),
        ("nineteen digits", "9".repeat(19)),
        ("sixty digits", "9".repeat(60)),
    ]
    .map(|(what, timestamp)| {
        let good = hmac(HMAC_KEY, &timestamp, "POST", UPLOAD, &body());
        let request = upload(scene, &timestamp, &good);
        row(format!("signature: {what}"), request, 401, "signature_expired")
    })
    .into()
}

/// Signatures of other calls and other keys, and what is none.
fn others(scene: &Scene) -> Vec<Row> {
    let now = scene.world.now_s().to_string();
    let next = (scene.world.now_s() + 1).to_string();
    let good = hmac(HMAC_KEY, &now, "POST", UPLOAD, &body());
    let manual = format!("/api/manuals/{}", scene.manual);
    let foreign = format!("/api/manuals/{}", scene.foreign_manual);
    let mut rows: Vec<Row> = [
        ("another body", hmac(HMAC_KEY, &now, "POST", UPLOAD, b"{}")),
        ("no body", hmac(HMAC_KEY, &now, "POST", UPLOAD, b"")),
        ("another path", hmac(HMAC_KEY, &now, "POST", "/api/manuals", &body())),
        ("the path with a slash", hmac(HMAC_KEY, &now, "POST", "/api/manuals/upload/", &body())),
        ("another method", hmac(HMAC_KEY, &now, "PUT", UPLOAD, &body())),
        ("a method in lower case", hmac(HMAC_KEY, &now, "post", UPLOAD, &body())),
        ("another second", hmac(HMAC_KEY, &next, "POST", UPLOAD, &body())),
        ("another key", hmac(b"another key", &now, "POST", UPLOAD, &body())),
        ("an empty key", hmac(b"", &now, "POST", UPLOAD, &body())),
        ("the older form", hex::encode(sign_legacy(HMAC_KEY, &now, &body()))),
        ("one digit short", good[..63].to_owned()),
        ("half of it", good[..32].to_owned()),
        ("one digit more", format!("{good}0")),
        ("with a prefix", format!("sha256={good}")),
        ("zeros", "0".repeat(64)),
        ("not hexadecimal", "z".repeat(64)),
        ("base64", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=".to_owned()),
        ("ten thousand digits", "a".repeat(10_000)),
    ]
    .map(|(what, signature)| {
        let request = upload(scene, &now, &signature);
        row(format!("signature: {what}"), request, 401, "signature_invalid")
    })
    .into();
    let of_another_manual = hmac(HMAC_KEY, &now, "DELETE", &foreign, b"");
    let delete = scene.world.request(ANNA, Method::DELETE, &manual, Vec::new());
    let delete = with(delete, &now, &of_another_manual);
    rows.push(row("signature: another manual's deletion", delete, 401, "signature_invalid"));
    let mut twice = upload(scene, &now, &"0".repeat(64));
    twice.headers_mut().append("x-manuel-signature", good.parse().unwrap());
    rows.push(row("signature: a bad one before a good one", twice, 401, "signature_invalid"));
    rows
}

#[tokio::test]
async fn no_such_signature_changes_anything() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

#[tokio::test]
async fn a_signature_that_was_used_changes_nothing_again() {
    let scene = Scene::new().await;
    let now = scene.world.now_s().to_string();
    let good = hmac(HMAC_KEY, &now, "POST", UPLOAD, &body());
    let first = scene.world.send(upload(&scene, &now, &good)).await;
    assert_eq!(first.status.as_u16(), 201);
    scene.world.settle().await;
    let again = [("the same", good.clone()), ("in capitals", good.to_uppercase())];
    let rows = again.map(|(what, signature)| {
        row(what, upload(&scene, &now, &signature), 401, "signature_replayed")
    });
    scene.judge(rows.into()).await;
}

//! Announced uploads whose objects are not there, or not what was announced, or no manual.

use bytes::Bytes;
use http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::documents::files;
use super::{Row, Scene, row};
use crate::world::{ANNA, BERT};

const ANNOUNCE: &str = "/api/manuals/upload-url";

/// The smallest file that is announced.
const SMALLEST: usize = 4 * 1024 * 1024 + 1;

/// Announces these bytes; the id and the key of the object that is to hold them.
async fn announced(scene: &Scene, content_type: &str, bytes: &[u8]) -> (String, String) {
    let sha256 = hex::encode(Sha256::digest(bytes));
    let body = json!({ "filename": "a", "content_type": content_type, "size": bytes.len(), "sha256": sha256 });
    let answer = scene.world.send(scene.signed(Method::POST, ANNOUNCE, body.to_string())).await;
    let id = answer.json()["manual_id"].as_str().unwrap().to_owned();
    let extension = match content_type {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        _ => "md",
    };
    let key = format!("manuals/{ANNA}/{id}.{extension}");
    (id, key)
}

fn completion(scene: &Scene, id: &str) -> http::Request<axum::body::Body> {
    scene.signed(Method::POST, &format!("/api/manuals/{id}/complete"), "")
}

pub(super) async fn rows(scene: &Scene) -> Vec<Row> {
    let good = vec![b'x'; SMALLEST];
    let mut other = good.clone();
    other[SMALLEST / 2] = b'y';
    let mut rows = Vec::new();
    for (what, object) in [
        ("nothing", None),
        ("an empty object", Some(&good[..0])),
        ("a byte less", Some(&good[1..])),
        ("another byte", Some(&other[..])),
        ("a byte more", Some(&[&good[..], b"x"].concat()[..])),
    ] {
        let (id, key) = announced(scene, "text/markdown", &good).await;
        let (status, code) = match object {
            Some(_) => (422, "upload_mismatch"),
            None => (409, "upload_incomplete"),
        };
        if let Some(object) = object {
            scene.world.ports.files.hold(&key, Bytes::copy_from_slice(object));
        }
        rows.push(row(format!("completion: {what}"), completion(scene, &id), status, code));
    }
    // As bad as an upload's, and large enough: what was promised is there, and still no manual.
    for (what, content_type, mut bytes, status, code) in files() {
        let pad = if content_type == "application/pdf" { b'\n' } else { b' ' };
        bytes.resize(SMALLEST.max(bytes.len()), pad);
        let (id, key) = announced(scene, content_type, &bytes).await;
        scene.world.ports.files.hold(&key, Bytes::from(bytes));
        rows.push(row(format!("completion: {what}"), completion(scene, &id), status, code));
    }
    let (id, _key) = announced(scene, "text/markdown", &good).await;
    let path = format!("/api/manuals/{id}/complete");
    let theirs = scene.world.signed_request(BERT, Method::POST, &path, Vec::new());
    rows.push(row("completion: another's", theirs, 404, "not_found"));
    rows
}

#[tokio::test]
async fn no_such_object_becomes_a_manual() {
    let scene = Scene::new().await;
    let rows = rows(&scene).await;
    scene.judge(rows).await;
}

//! Large manuals: announced, written to the store by a URL, completed.

use backend::domain::user::UserId;
use backend::memory::Trouble;
use backend::ports::{PendingStore as _, PortErrorKind};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::world::{ANNA, Answer, BERT, World};

const UPLOAD_URL: &str = "/api/manuals/upload-url";
const SMALLEST: u64 = 4 * 1024 * 1024 + 1;
const LARGEST: u64 = 50 * 1024 * 1024;

fn text_of(size: u64) -> Vec<u8> {
    b"# x ".iter().copied().cycle().take(usize::try_from(size).unwrap()).collect()
}

fn announcement(bytes: &[u8]) -> Value {
    json!({ "filename": "large.md", "content_type": "text/markdown", "size": bytes.len(),
        "sha256": hex::encode(Sha256::digest(bytes)) })
}

async fn announced(world: &World, user: &str, body: &Value, key: Option<&str>) -> Answer {
    let body = body.to_string().into_bytes();
    let mut request = world.signed_request(user, Method::POST, UPLOAD_URL, body);
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    }
    world.send(request).await
}

async fn completed(world: &World, user: &str, id: &str) -> Answer {
    let path = format!("/api/manuals/{id}/complete");
    world.send(world.signed_request(user, Method::POST, &path, Vec::new())).await
}

fn id_of(answer: &Answer) -> String {
    answer.json()["manual_id"].as_str().unwrap().to_owned()
}

fn key_of(id: &str) -> String {
    format!("manuals/{ANNA}/{id}.md")
}

async fn count(world: &World) -> Value {
    world.get(ANNA, "/api/manuals").await.json()["count"].clone()
}

#[tokio::test]
async fn a_large_manual_is_announced_written_and_completed() {
    let world = World::new();
    let bytes = text_of(SMALLEST);
    let body = announcement(&bytes);
    let slot = announced(&world, ANNA, &body, None).await;
    assert_eq!(slot.status.as_u16(), 201);
    let id = id_of(&slot);
    assert_eq!(slot.json()["expires_at"], "2026-11-15T12:15:00Z");
    assert_eq!(slot.json()["headers"]["content-length"], SMALLEST.to_string());
    assert!(slot.json()["upload_url"].as_str().unwrap().contains(&key_of(&id)));
    assert_eq!(count(&world).await, 0, "what was only announced is in no list");
    assert_eq!(world.get(ANNA, &format!("/api/manuals/{id}")).await.status.as_u16(), 404);

    let early = completed(&world, ANNA, &id).await;
    assert_eq!((early.status.as_u16(), early.code().as_str()), (409, "upload_incomplete"));
    world.ports.files.hold(&key_of(&id), Bytes::from(bytes));
    let theirs = completed(&world, BERT, &id).await;
    assert_eq!((theirs.status.as_u16(), theirs.code().as_str()), (404, "not_found"));

    let done = completed(&world, ANNA, &id).await;
    assert_eq!(done.status.as_u16(), 201, "{}", done.json());
    let answer = done.json();
    assert_eq!((&answer["name"], &answer["size"]), (&json!("large.md"), &json!(SMALLEST)));
    assert_eq!((&answer["sha256"], &answer["status"]), (&body["sha256"], &json!("processing")));
    assert!(answer["ingestion_job_id"].is_string());
    assert_eq!(world.ports.files.objects().len(), 2, "object and sidecar");
    assert!(world.ports.pending.ids().is_empty());
    assert_eq!(completed(&world, ANNA, &id).await.json(), answer);
    assert_eq!(count(&world).await, 1);

    assert_eq!(world.delete(ANNA, &id).await.status.as_u16(), 204);
    assert_eq!(completed(&world, ANNA, &id).await.status.as_u16(), 404);
}

#[tokio::test]
async fn what_is_no_large_manual_gets_no_url() {
    let world = World::new();
    let good = announcement(b"");
    for (field, value, status, code) in [
        ("size", json!(SMALLEST - 1), 400, "file_too_small"),
        ("size", json!(0), 400, "file_too_small"),
        ("size", json!(LARGEST + 1), 413, "file_too_large"),
        ("size", json!(-1), 400, "invalid_json"),
        ("size", json!("5000000"), 400, "invalid_json"),
        ("sha256", json!("ab"), 400, "checksum_invalid"),
        ("sha256", json!("zz".repeat(32)), 400, "checksum_invalid"),
        ("content_type", json!("text/html"), 415, "unsupported_content_type"),
        ("filename", json!("a\nb"), 400, "filename_invalid"),
    ] {
        let mut body = good.clone();
        body["size"] = json!(SMALLEST);
        body[field] = value;
        let answer = announced(&world, ANNA, &body, None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{body}");
    }
    assert!(world.ports.pending.ids().is_empty());
    for size in [SMALLEST, LARGEST] {
        let mut body = good.clone();
        body["size"] = json!(size);
        assert_eq!(announced(&world, ANNA, &body, None).await.status.as_u16(), 201);
    }
}

#[tokio::test]
async fn another_object_than_the_one_announced_is_refused() {
    let world = World::new();
    let bytes = text_of(SMALLEST);
    let id = id_of(&announced(&world, ANNA, &announcement(&bytes), None).await);
    let mut other = bytes.clone();
    other[7] = b'y';
    let longer = text_of(SMALLEST + 1);
    for wrong in [&bytes[..bytes.len() - 1], &longer, &other, b""] {
        world.ports.files.hold(&key_of(&id), Bytes::copy_from_slice(wrong));
        let answer = completed(&world, ANNA, &id).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "upload_mismatch"));
    }
    assert_eq!(count(&world).await, 0);
    world.ports.files.hold(&key_of(&id), Bytes::from(bytes));
    assert_eq!(completed(&world, ANNA, &id).await.status.as_u16(), 201, "mended by a further PUT");
}

#[tokio::test]
async fn bytes_of_another_type_are_refused() {
    let world = World::new();
    let mut bytes = text_of(SMALLEST);
    bytes[..5].copy_from_slice(b"%PDF-");
    let id = id_of(&announced(&world, ANNA, &announcement(&bytes), None).await);
    world.ports.files.hold(&key_of(&id), Bytes::from(bytes));
    let answer = completed(&world, ANNA, &id).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (415, "content_type_mismatch"));
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn an_idempotency_key_announces_one_manual() {
    let world = World::new();
    let bytes = text_of(SMALLEST);
    let body = announcement(&bytes);
    let first = announced(&world, ANNA, &body, Some("key-1")).await;
    world.move_clock(60);
    let again = announced(&world, ANNA, &body, Some("key-1")).await;
    assert_eq!((first.status.as_u16(), id_of(&first)), (201, id_of(&again)));
    assert_eq!(again.json()["expires_at"], "2026-11-15T12:16:00Z", "a URL as good as new");
    assert_eq!(world.ports.pending.ids().len(), 1);
    let other = announced(&world, ANNA, &announcement(b""), Some("key-1")).await;
    assert_eq!(other.code(), "file_too_small");
    let other = announced(&world, ANNA, &announcement(&text_of(SMALLEST + 1)), Some("key-1")).await;
    assert_eq!(other.code(), "idempotency_key_reused");

    world.ports.files.hold(&key_of(&id_of(&first)), Bytes::from(bytes));
    assert_eq!(completed(&world, ANNA, &id_of(&first)).await.status.as_u16(), 201);
    assert_eq!(world.delete(ANNA, &id_of(&first)).await.status.as_u16(), 204);
    assert_eq!(announced(&world, ANNA, &body, Some("key-1")).await.code(), "manual_deleted");
}

#[tokio::test]
async fn an_upload_that_is_late_is_not_there_any_more() {
    let world = World::new();
    let bytes = text_of(SMALLEST);
    let id = id_of(&announced(&world, ANNA, &announcement(&bytes), None).await);
    world.ports.files.hold(&key_of(&id), Bytes::from(bytes));
    world.move_clock(3601);
    assert_eq!(completed(&world, ANNA, &id).await.status.as_u16(), 404);
    assert_eq!(completed(&world, ANNA, "no-id").await.status.as_u16(), 404);
}

#[tokio::test]
async fn an_outage_during_completion_stores_no_row_and_the_repetition_finishes() {
    let world = World::new();
    let bytes = text_of(SMALLEST);
    let id = id_of(&announced(&world, ANNA, &announcement(&bytes), None).await);
    world.ports.files.hold(&key_of(&id), Bytes::from(bytes));
    let out = Some(Trouble::Fails(PortErrorKind::Unavailable));
    world.ports.files.trouble.set(out);
    assert_eq!(completed(&world, ANNA, &id).await.code(), "files_unavailable");
    world.ports.files.trouble.set(None);
    world.ports.documents.trouble.set(out);
    assert_eq!(completed(&world, ANNA, &id).await.code(), "reader_unavailable");
    world.ports.documents.trouble.set(None);
    world.ports.pending.trouble.set(out);
    assert_eq!(completed(&world, ANNA, &id).await.code(), "store_unavailable");
    world.ports.pending.trouble.set(None);
    assert_eq!(count(&world).await, 0);
    assert_eq!(completed(&world, ANNA, &id).await.status.as_u16(), 201);
    let anna = UserId::parse(ANNA).unwrap();
    assert_eq!(world.ports.pending.find(&anna, &id).await.unwrap(), None);
}

//! Manuals: upload, list, read, delete, and their way into the index.

use axum::body::Body;
use backend::domain::ingestion::{IndexRun, WorkKind};
use backend::memory::Trouble;
use backend::ports::{IngestionStore as _, PortErrorKind};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::world::{ANNA, Answer, BERT, World, upload_body};

const UPLOAD: &str = "/api/manuals/upload";

async fn sent(world: &World, body: Vec<u8>) -> Answer {
    world.send(world.signed_request(ANNA, Method::POST, UPLOAD, body)).await
}

async fn with_key(world: &World, key: &str, body: &[u8]) -> Answer {
    let mut request: Request<Body> =
        world.signed_request(ANNA, Method::POST, UPLOAD, body.to_vec());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    world.send(request).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn job_status(world: &World, id: &str) -> String {
    text(&world.get(ANNA, &format!("/api/ingestion/job/{id}")).await.json()["status"])
}

#[tokio::test]
async fn an_upload_is_object_sidecar_row_and_job() {
    let world = World::new();
    let answer = world.upload(ANNA, "e-bike.md", "# Brakes").await;
    assert_eq!(answer.status.as_u16(), 201);
    let body = answer.json();
    let id = text(&body["manual_id"]);
    assert_eq!((&body["name"], &body["size"]), (&json!("e-bike.md"), &json!(8)));
    assert_eq!(body["status"], "processing");
    assert_eq!(body["sha256"], sha256_hex(b"# Brakes"));

    let objects = world.ports.files.objects();
    let key = format!("manuals/{ANNA}/{id}.md");
    assert_eq!(objects[&key].as_ref(), b"# Brakes");
    let sidecar: Value = serde_json::from_slice(&objects[&format!("{key}.metadata.json")]).unwrap();
    assert_eq!(
        sidecar,
        json!({ "metadataAttributes":
            { "user_id": ANNA, "manual_id": id, "manual_name": "e-bike.md" } })
    );

    let row = world.get(ANNA, &format!("/api/manuals/{id}")).await.json();
    assert_eq!((&row["status"], &row["pages"]), (&json!("processing"), &json!(1)));
    assert_eq!(row["upload_date"], "2026-11-15T12:00:00Z");
    assert!(text(&row["download_url"]).ends_with(&format!("from={}&for=900", world.now_s())));
    assert_eq!(world.get(BERT, "/api/manuals").await.json()["count"], 0);
}

fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn what_is_no_manual_is_refused_and_leaves_nothing() {
    let world = World::new();
    let long = "x".repeat(256);
    for (body, status, code) in [
        (upload_body("a.html", "text/html", b"<p>"), 415, "unsupported_content_type"),
        (upload_body("a.pdf", "application/pdf", b"# no pdf"), 415, "content_type_mismatch"),
        (upload_body("a.txt", "text/plain", b"%PDF-1.7"), 415, "content_type_mismatch"),
        (upload_body("a.pdf", "application/pdf", b"%PDF-1.7 cut"), 422, "manual_unreadable"),
        (upload_body("", "text/plain", b"x"), 400, "filename_invalid"),
        (upload_body("a\nb", "text/plain", b"x"), 400, "filename_invalid"),
        (upload_body(&long, "text/plain", b"x"), 400, "filename_invalid"),
        (upload_body("a.txt", "text/plain", b""), 400, "file_empty"),
        (b"{}".to_vec(), 400, "invalid_json"),
        (
            json!({ "filename": "a", "content_type": "text/plain", "file_data": "*" })
                .to_string()
                .into_bytes(),
            400,
            "file_data_invalid",
        ),
    ] {
        let answer = sent(&world, body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code));
    }
    world.ports.documents.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let unread = sent(&world, upload_body("a.txt", "text/plain", b"x")).await;
    assert_eq!((unread.status.as_u16(), unread.code().as_str()), (503, "reader_unavailable"));
    assert!(world.ports.files.objects().is_empty());
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["manuals"], json!([]));
}

#[tokio::test]
async fn an_idempotency_key_makes_one_manual() {
    let world = World::new();
    let body = upload_body("a.md", "text/markdown", b"# text");
    let first = with_key(&world, "key-1", &body).await;
    let again = with_key(&world, "key-1", &body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["count"], 1);
    assert_eq!(world.ports.files.objects().len(), 2);

    let other = upload_body("b.md", "text/markdown", b"# text");
    let reused = with_key(&world, "key-1", &other).await;
    assert_eq!((reused.status.as_u16(), reused.code().as_str()), (409, "idempotency_key_reused"));
    assert_eq!(with_key(&world, "key-2", &body).await.status.as_u16(), 201);
    assert_eq!(with_key(&world, " ", &body).await.code(), "idempotency_key_invalid");
}

#[tokio::test]
async fn an_idempotency_key_does_not_bring_a_deleted_manual_back() {
    let world = World::new();
    let body = upload_body("a.md", "text/markdown", b"# text");
    let id = text(&with_key(&world, "key-1", &body).await.json()["manual_id"]);
    assert_eq!(world.delete(ANNA, &id).await.status.as_u16(), 204);
    let started = world.ports.indexer.started();

    let again = with_key(&world, "key-1", &body).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "manual_deleted"));
    assert_eq!(again.json()["retryable"], false);
    assert!(world.ports.files.objects().is_empty());
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["count"], 0);
    assert_eq!(world.ports.indexer.started(), started);
    assert_eq!(world.delete(ANNA, &id).await.status.as_u16(), 204);
    assert_eq!(with_key(&world, "key-2", &body).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_repetition_at_the_moment_of_a_deletion_stores_nothing() {
    // Held at its object, its sidecar, its row: whatever it has stored by then must go.
    for (held_file, held_row) in [(Some(0), None), (Some(1), None), (None, Some(1))] {
        let world = World::new();
        let body = upload_body("a.md", "text/markdown", b"# text");
        let switch = match held_file {
            Some(_) => &world.ports.files.trouble,
            None => &world.ports.rows.trouble,
        };
        // A claim comes first; a replay's mark comes before it.
        switch.hold(held_file.or(held_row.map(|row: u32| row + 1)).unwrap());
        let meanwhile = async {
            switch.held().await;
            let id = text(&with_key(&world, "key-1", &body).await.json()["manual_id"]);
            assert_eq!(world.delete(ANNA, &id).await.status.as_u16(), 204);
            switch.release();
            id
        };
        let (late, id) = tokio::join!(with_key(&world, "key-1", &body), meanwhile);
        assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "manual_deleted"));
        let objects = world.ports.files.objects();
        assert!(objects.is_empty(), "{held_file:?} {held_row:?} {objects:?}");
        assert_eq!(world.get(ANNA, "/api/manuals").await.json()["count"], 0);
        let work = world.ports.rows.open_work().await.unwrap();
        let removals = work.iter().filter(|w| w.manual_id == id && w.kind == WorkKind::Remove);
        assert_eq!(removals.count(), 2, "a run may have seen it after the deletion");
    }
}

#[tokio::test]
async fn a_repetition_of_a_finished_upload_writes_nothing() {
    let world = World::new();
    let body = upload_body("a.md", "text/markdown", b"# text");
    let first = with_key(&world, "key-1", &body).await;
    world.ports.files.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(with_key(&world, "key-1", &body).await.json(), first.json());
}

#[tokio::test]
async fn an_upload_that_broke_half_way_is_finished_by_its_repetition() {
    let world = World::new();
    let body = upload_body("a.md", "text/markdown", b"# text");
    world.ports.files.trouble.set(Some(Trouble::LosesReplies));
    assert_eq!(with_key(&world, "key-1", &body).await.code(), "files_unavailable");
    assert_eq!(
        world.get(ANNA, "/api/manuals").await.json()["count"],
        0,
        "no row before its object"
    );
    world.ports.files.trouble.set(None);
    let finished = with_key(&world, "key-1", &body).await;
    assert_eq!(finished.status.as_u16(), 201);
    assert_eq!(world.ports.files.objects().len(), 2, "the same object, not another");
}

#[tokio::test]
async fn lists_page_through_everything_with_one_call_a_page() {
    let world = World::new();
    for index in 0..5 {
        assert_eq!(world.upload(ANNA, &format!("{index}.md"), "# x").await.status.as_u16(), 201);
    }
    assert_eq!(world.upload(BERT, "bert.md", "# x").await.status.as_u16(), 201);
    let mut names = Vec::new();
    let mut path = "/api/manuals?limit=2".to_owned();
    for page in 0..3 {
        let calls = world.ports.rows.calls();
        let body = world.get(ANNA, &path).await.json();
        assert_eq!(world.ports.rows.calls() - calls, 1);
        assert_eq!(body["count"], body["manuals"].as_array().unwrap().len());
        names.extend(body["manuals"].as_array().unwrap().iter().map(|row| text(&row["name"])));
        match body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/manuals?limit=2&cursor={cursor}"),
            None => assert_eq!(page, 2),
        }
    }
    names.sort();
    assert_eq!(names, ["0.md", "1.md", "2.md", "3.md", "4.md"]);
    for (query, code) in [
        ("limit=0", "limit_invalid"),
        ("limit=101", "limit_invalid"),
        ("cursor=x", "cursor_invalid"),
    ] {
        assert_eq!(world.get(ANNA, &format!("/api/manuals?{query}")).await.code(), code);
    }
    world.ports.rows.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(world.get(ANNA, "/api/manuals").await.status.as_u16(), 503);
}

#[tokio::test]
async fn deleting_removes_everything_and_can_be_repeated() {
    let world = World::new();
    let id = text(&world.upload(ANNA, "a.md", "# x").await.json()["manual_id"]);
    world.ports.files.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(world.delete(ANNA, &id).await.status.as_u16(), 503);
    assert_eq!(world.get(ANNA, &format!("/api/manuals/{id}")).await.status.as_u16(), 200);
    world.ports.files.trouble.set(None);

    for _ in 0..2 {
        let deleted = world.delete(ANNA, &id).await;
        assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    }
    assert!(world.ports.files.objects().is_empty());
    assert_eq!(world.get(ANNA, &format!("/api/manuals/{id}")).await.status.as_u16(), 404);
    assert!(world.ports.rows.open_manuals().contains(&id), "the index has to forget it");
}

#[tokio::test]
async fn uploads_during_a_run_wait_for_one_further_run() {
    let world = World::new();
    let first = world.upload(ANNA, "1.md", "# x").await.json();
    let second = world.upload(ANNA, "2.md", "# x").await.json();
    let third = world.upload(ANNA, "3.md", "# x").await.json();
    let job = |answer: &Value| text(&answer["ingestion_job_id"]);
    assert_eq!(world.ports.indexer.started(), 1);
    assert_eq!(job_status(&world, &job(&first)).await, "running");
    assert_eq!(job_status(&world, &job(&second)).await, "queued");

    world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
    assert_eq!(job_status(&world, &job(&first)).await, "complete");
    assert_eq!(world.ports.indexer.started(), 2, "seen complete, so the next was started");
    assert_eq!(job_status(&world, &job(&second)).await, "running");

    let broken = text(&third["manual_id"]);
    world.ports.indexer.end(IndexRun::Complete { failure_texts: vec![format!("{broken}: bad")] });
    assert_eq!(job_status(&world, &job(&second)).await, "complete");
    let failed = world.get(ANNA, &format!("/api/ingestion/job/{}", job(&third))).await.json();
    assert_eq!((&failed["status"], failed["reason"].is_string()), (&json!("failed"), true));
    assert_eq!(world.ports.indexer.started(), 2);

    let rows = world.get(ANNA, "/api/manuals").await.json();
    let mut states: Vec<String> =
        rows["manuals"].as_array().unwrap().iter().map(|row| text(&row["status"])).collect();
    states.sort();
    assert_eq!(states, ["failed", "ready", "ready"]);
    let jobs = world.get(ANNA, "/api/ingestion/status").await.json();
    assert_eq!(jobs["count"], 3);
    assert_eq!(world.get(BERT, "/api/ingestion/status").await.json()["jobs"], json!([]));
    let theirs = world.get(BERT, &format!("/api/ingestion/job/{}", job(&first))).await;
    assert_eq!((theirs.status.as_u16(), theirs.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn an_upload_does_not_wait_for_an_index_that_hangs() {
    let world = World::new();
    world.ports.indexer.trouble.set(Some(Trouble::Hangs));
    let uploading = world.upload(ANNA, "1.md", "# x");
    let bounded = tokio::time::timeout(std::time::Duration::from_secs(10), uploading).await;
    assert_eq!(bounded.expect("long before its deadline").status.as_u16(), 201);
}

#[tokio::test]
async fn a_run_that_cannot_start_is_started_by_the_task() {
    let world = World::new();
    world.ports.indexer.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let upload = world.upload(ANNA, "1.md", "# x").await;
    assert_eq!(upload.status.as_u16(), 201, "the marker is durable, so the upload is done");
    assert_eq!(world.ports.indexer.started(), 0);
    world.ports.indexer.trouble.set(None);

    let stop = tokio_util::sync::CancellationToken::new();
    let pump = world.app.indexing.clone().run(stop.clone());
    let watch = async {
        while world.ports.indexer.started() == 0 {
            tokio::task::yield_now().await;
        }
        world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
        while !world.ports.rows.open_manuals().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let both = async { tokio::join!(pump, watch) };
    tokio::time::timeout(std::time::Duration::from_secs(10), both).await.expect("it pumps");
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["manuals"][0]["status"], "ready");
}

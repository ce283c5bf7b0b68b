//! What crashes leave, and the sweep that repairs it: after any kill and a sweep, objects and rows agree.

use std::collections::BTreeSet;
use std::time::Duration;

use backend::app::sweep::{Swept, once};
use backend::context::Deadline;
use backend::domain::ingestion::IndexRun;
use backend::domain::user::UserId;
use backend::memory::Switch;
use backend::ports::{IngestionStore as _, ManualStore as _, PendingStore as _};
use bytes::Bytes;
use http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::world::{ANNA, Answer, BERT, World, upload_body};

mod speech;

const LATER_S: i64 = 2 * 3600;
const NOTHING: Swept =
    Swept { discarded: 0, failed: 0, sidecars: 0, requeued: 0, recordings: 0, jobs: 0 };

async fn swept(world: &World) -> Swept {
    once(&world.app, Deadline::after(Duration::from_secs(20))).await.unwrap()
}

fn now(world: &World) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(world.now_s()).unwrap()
}

fn anna() -> UserId {
    UserId::parse(ANNA).unwrap()
}

/// An orphan of somebody's: an object and its sidecar.
fn orphan(world: &World, user: &str, number: u32) -> String {
    let id = format!("5f2c1e0a-0000-4000-8000-{number:012x}");
    let key = format!("manuals/{user}/{id}.md");
    world.ports.files.hold(&format!("{key}.metadata.json"), Bytes::from_static(b"{}"));
    world.ports.files.hold(&key, Bytes::from_static(b"# x"));
    id
}

async fn statuses(world: &World) -> Vec<String> {
    let rows = world.ports.rows.list(&anna(), 100, None).await.unwrap();
    rows.items.iter().map(|row| row.status.as_str().to_owned()).collect()
}

/// Objects are those of rows; a row without its object has failed; what waits for the index has work.
async fn assert_agreement(world: &World, story: &str) {
    let rows = world.ports.rows.list(&anna(), 100, None).await.unwrap().items;
    let objects: BTreeSet<String> = world.ports.files.objects().into_keys().collect();
    let mut expected = BTreeSet::new();
    for row in rows.iter().filter(|row| row.status.as_str() != "failed") {
        expected.insert(row.key.clone());
        expected.insert(format!("{}.metadata.json", row.key));
    }
    assert_eq!(objects, expected, "{story}");
    assert!(world.ports.pending.ids().is_empty(), "{story}");
    let open = world.ports.rows.open_work().await.unwrap();
    let waits = |id: &String| open.iter().any(|work| work.id == *id);
    let processing = rows.iter().filter(|row| row.status.as_str() == "processing");
    assert!(processing.map(|row| &row.job_id).all(waits), "{story}");
}

#[derive(Debug, Clone, Copy)]
enum Story {
    Upload,
    Complete,
    Delete,
}

const LARGE: usize = 4 * 1024 * 1024 + 1;

/// Prepares the world, and gives the request in which the process will be killed.
async fn prepared(world: &World, story: Story) -> http::Request<axum::body::Body> {
    match story {
        Story::Upload => {
            let body = upload_body("a.md", "text/markdown", b"# x");
            let mut request = world.signed_request(ANNA, Method::POST, "/api/manuals/upload", body);
            request.headers_mut().insert("idempotency-key", "key-1".parse().unwrap());
            request
        }
        Story::Complete => {
            let bytes = vec![b'x'; LARGE];
            let body = json!({ "filename": "a.md", "content_type": "text/markdown",
                "size": LARGE, "sha256": hex::encode(Sha256::digest(&bytes)) });
            let path = "/api/manuals/upload-url";
            let body = body.to_string().into_bytes();
            let slot = world.send(world.signed_request(ANNA, Method::POST, path, body)).await;
            let id = slot.json()["manual_id"].as_str().unwrap().to_owned();
            world.ports.files.hold(&format!("manuals/{ANNA}/{id}.md"), Bytes::from(bytes));
            let path = format!("/api/manuals/{id}/complete");
            world.signed_request(ANNA, Method::POST, &path, Vec::new())
        }
        Story::Delete => {
            let id = world.upload(ANNA, "a.md", "# x").await.json()["manual_id"].clone();
            let path = format!("/api/manuals/{}", id.as_str().unwrap());
            world.signed_request(ANNA, Method::DELETE, &path, Vec::new())
        }
    }
}

/// Drops the request at the call of this port that comes after `others` others; whether that call came.
async fn killed(world: &World, switch: &Switch, others: u32, story: Story) -> bool {
    let request = prepared(world, story).await;
    switch.hold(others);
    tokio::select! {
        biased;
        _answered = world.send(request) => !switch.unhold(),
        () = switch.held() => true,
    }
}

#[tokio::test]
async fn a_kill_at_any_call_is_repaired() {
    let mut kills = 0;
    for story in [Story::Upload, Story::Complete, Story::Delete] {
        for port in ["files", "rows", "pending", "documents", "index"] {
            for others in 0.. {
                let world = World::new();
                let switch = match port {
                    "files" => &world.ports.files.trouble,
                    "rows" => &world.ports.rows.trouble,
                    "pending" => &world.ports.pending.trouble,
                    "documents" => &world.ports.documents.trouble,
                    _ => &world.ports.indexer.trouble,
                };
                if !killed(&world, switch, others, story).await {
                    break;
                }
                kills += 1;
                let told = format!("{story:?}, killed at {port} {others}");
                world.move_clock(LATER_S);
                swept(&world).await;
                assert_agreement(&world, &told).await;
                assert_eq!(swept(&world).await, NOTHING, "{told}");
            }
        }
    }
    assert!(kills >= 20, "{kills}");
}

#[tokio::test]
async fn a_kill_during_the_sweep_is_repaired_by_the_next() {
    for (port, others) in [("files", 1), ("files", 2), ("rows", 2), ("pending", 1), ("pending", 2)]
    {
        let world = World::new();
        assert!(killed(&world, &world.ports.files.trouble, 1, Story::Upload).await);
        prepared(&world, Story::Complete).await;
        world.move_clock(LATER_S);
        let switch = match port {
            "files" => &world.ports.files.trouble,
            "rows" => &world.ports.rows.trouble,
            _ => &world.ports.pending.trouble,
        };
        switch.hold(others);
        tokio::select! {
            biased;
            _swept = swept(&world) => panic!("{port} {others} was never called"),
            () = switch.held() => {}
        }
        // It may take one more to see what a place in the middle passed over.
        swept(&world).await;
        swept(&world).await;
        assert_agreement(&world, &format!("{port} {others}")).await;
    }
}

#[tokio::test]
async fn what_is_young_or_announced_is_left_alone() {
    let world = World::new();
    world.ports.files.at(now(&world));
    orphan(&world, ANNA, 1);
    prepared(&world, Story::Complete).await;
    world.move_clock(3500);
    assert_eq!(swept(&world).await, NOTHING);
    assert_eq!(world.ports.files.objects().len(), 3);
    world.move_clock(200);
    assert_eq!(swept(&world).await, Swept { discarded: 2, ..NOTHING });
    assert!(world.ports.files.objects().is_empty());
    world.settle().await;
    assert!(!world.ports.rows.open_manuals().is_empty(), "the index has to forget them");
}

#[tokio::test]
async fn sweeps_at_once_do_the_work_once_and_no_harm() {
    let world = World::new();
    for number in 0..30 {
        orphan(&world, if number % 2 == 0 { ANNA } else { BERT }, number);
    }
    assert_eq!(world.upload(ANNA, "a.md", "# x").await.status.as_u16(), 201);
    world.move_clock(LATER_S);
    tokio::join!(swept(&world), swept(&world), swept(&world));
    assert_agreement(&world, "three at once").await;
    assert_eq!(statuses(&world).await, ["processing"]);
    assert_eq!(swept(&world).await, NOTHING);
}

#[tokio::test]
async fn a_repetition_that_meets_the_sweep_leaves_nothing() {
    let world = World::new();
    assert!(killed(&world, &world.ports.files.trouble, 1, Story::Upload).await);
    world.move_clock(LATER_S);
    // The repetition has looked for a mark and stored its object; now the sweep comes.
    world.ports.rows.trouble.hold(4);
    let request = prepared(&world, Story::Upload).await;
    let meanwhile = async {
        world.ports.rows.trouble.held().await;
        assert_eq!(swept(&world).await, Swept { discarded: 1, ..NOTHING });
        world.ports.rows.trouble.release();
    };
    let (late, ()): (Answer, ()) = tokio::join!(world.send(request), meanwhile);
    assert_eq!((late.status.as_u16(), late.code().as_str()), (409, "manual_deleted"));
    assert_agreement(&world, "met").await;
}

#[tokio::test]
async fn rows_get_back_what_they_lack_or_fail() {
    let world = World::new();
    for name in ["1.md", "2.md", "3.md"] {
        assert_eq!(world.upload(ANNA, name, "# x").await.status.as_u16(), 201);
    }
    let rows = world.ports.rows.list(&anna(), 100, None).await.unwrap().items;
    let (objectless, bare) = (&rows[0], &rows[1]);
    let sidecar = format!("{}.metadata.json", bare.key);
    let before = world.ports.files.objects()[&sidecar].clone();
    world.ports.files.lose(&objectless.key);
    world.ports.files.lose(&sidecar);
    assert_eq!(swept(&world).await, NOTHING, "they are young");
    world.move_clock(LATER_S);
    assert_eq!(swept(&world).await, Swept { failed: 1, sidecars: 1, ..NOTHING });
    assert_eq!(world.ports.files.objects()[&sidecar], before);
    assert_eq!(statuses(&world).await, ["failed", "processing", "processing"]);
    let job = world.get(ANNA, &format!("/api/ingestion/job/{}", objectless.job_id)).await.json();
    assert_eq!(
        (&job["status"], &job["reason"]),
        (&json!("failed"), &json!("the stored file is missing"))
    );
    world.settle().await;
    assert!(!world.ports.failures.sent().is_empty(), "it was reported");
    assert_eq!(swept(&world).await, NOTHING);
}

#[tokio::test]
async fn a_manual_without_work_is_queued_again_and_one_that_waits_a_day_has_failed() {
    let world = World::new();
    assert_eq!(world.upload(ANNA, "1.md", "# x").await.status.as_u16(), 201);
    let row = world.ports.rows.list(&anna(), 1, None).await.unwrap().items.remove(0);
    world.ports.rows.lose_work(&row.job_id);
    world.move_clock(LATER_S);
    assert_eq!(swept(&world).await, Swept { requeued: 1, ..NOTHING });
    assert_eq!(swept(&world).await, NOTHING);
    world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
    let job = format!("/api/ingestion/job/{}", row.job_id);
    world.get(ANNA, &job).await;
    world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
    assert_eq!(world.get(ANNA, &job).await.json()["status"], "complete");
    assert_eq!(statuses(&world).await, ["ready"]);

    assert_eq!(world.upload(BERT, "2.md", "# x").await.status.as_u16(), 201);
    world.move_clock(25 * 3600);
    swept(&world).await;
    let late = world.get(BERT, "/api/ingestion/status").await.json()["jobs"][0].clone();
    assert_eq!(late["status"], "failed", "{late}");
}

#[tokio::test]
async fn a_run_that_is_cut_off_is_gone_on_with() {
    let world = World::new();
    // Two objects each: three pages.
    for number in 0..1200 {
        orphan(&world, if number < 700 { ANNA } else { BERT }, number);
    }
    world.move_clock(LATER_S);
    // A listing, then two deletions for each manual of the first page, and one call of the second page.
    world.ports.files.trouble.hold(1 + 2 * 499 + 2);
    tokio::select! {
        biased;
        _swept = swept(&world) => panic!("it was to be cut off"),
        () = world.ports.files.trouble.held() => {}
    }
    assert!(world.ports.pending.place().await.unwrap().is_some());
    assert_eq!(world.ports.files.objects().len(), 2 * 1200 - 2 * 500);
    swept(&world).await;
    swept(&world).await;
    assert!(world.ports.files.objects().is_empty());
    assert_eq!(world.ports.pending.place().await.unwrap(), None);
}

//! Bad input, as a table over all routes: each row is a request, and the status and code that it gets. For each row the
//! whole world is compared before and after: nothing is stored, charged, asked of the model or put into a queue. Only
//! the slots of the rate limits and the memory of used signatures may move, since a refused call counts there.

mod completions;
mod documents;
mod downloads;
mod ids;
mod json;
mod protocol;
mod recordings;
mod signatures;
mod tokens;
mod uploads;
mod urls;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use backend::pdf_reader::PdfReader;
use bytes::Bytes;
use http::{Method, Request};

use crate::world::{ANNA, Answer, BERT, World, passage};

/// A request that must be refused.
struct Row {
    what: String,
    request: Request<Body>,
    status: u16,
    code: &'static str,
}

fn row(what: impl Into<String>, request: Request<Body>, status: u16, code: &'static str) -> Row {
    Row { what: what.into(), request, status, code }
}

/// A world in which two users have a manual each, and one of them has asked before.
struct Scene {
    world: World,
    /// ANNA's manual and job.
    manual: String,
    /// BERT's manual and job.
    foreign_manual: String,
    foreign_job: String,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(changes: &[(&str, &str)]) -> Self {
        // Rows share a clock that stands still and two users: the default limit would end the table.
        let changes = [&[("RATE_LIMIT_REQUESTS", "2000")], changes].concat();
        let reader = Arc::new(PdfReader::of(env!("CARGO_BIN_EXE_server")));
        let world = World::with_reader_and(&changes, reader);
        let own = world.upload(ANNA, "own.md", "# own").await.json();
        let foreign = world.upload(BERT, "foreign.md", "# foreign").await.json();
        world.ports.search.hold(vec![passage(ANNA, "router", 1)]);
        for user in [ANNA, BERT] {
            assert_eq!(world.ask(user, "What?").await.status.as_u16(), 200);
        }
        world.settle().await;
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        Self {
            world,
            manual: text(&own["manual_id"]),
            foreign_manual: text(&foreign["manual_id"]),
            foreign_job: text(&foreign["ingestion_job_id"]),
        }
    }

    /// ANNA's request with a good token and a good signature, whatever its body is.
    fn signed(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Request<Body> {
        self.world.signed_request(ANNA, method, path, body.into())
    }

    fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Request<Body> {
        self.world.request(ANNA, Method::POST, path, body.into())
    }

    fn get(&self, path: &str) -> Request<Body> {
        self.world.request(ANNA, Method::GET, path, Vec::new())
    }

    /// Everything that is stored, charged, sent or asked.
    fn stored(&self) -> (String, BTreeMap<String, Bytes>) {
        let ports = &self.world.ports;
        let rows = ports.rows.stored();
        let asked = ports.model.messages();
        let others = format!(
            "{:?}\n{rows}\n{:?}\n{:?}\n{asked:?}\n{:?}\n{:?}\n{:?}",
            ports.quota,
            ports.pending,
            ports.transcriber,
            ports.answers,
            ports.indexer,
            ports.failures,
        );
        (others, ports.files.objects())
    }

    async fn judge(&self, rows: Vec<Row>) {
        for Row { what, request, status, code } in rows {
            let before = self.stored();
            let answer = self.world.send(request).await;
            self.world.settle().await;
            let seen = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status.as_u16(), status, "{what}: {seen}");
            assert_eq!(answer.code(), code, "{what}: {seen}");
            assert_shape(&answer, &what);
            assert!(self.stored() == before, "{what} left something behind");
        }
    }
}

/// Words of machinery, of resources and of other people.
const LEAKS: &[&str] = &[
    "arn:",
    "amazonaws",
    "dynamodb",
    "s3",
    "bucket",
    "table",
    "123456789012",
    "panicked",
    "serde",
    ".rs",
    "column",
    "line ",
    "stack",
    "utf-8",
    "sha256",
    "eyJ",
    BERT,
    ANNA,
    "key-1",
    "drop ",
    "passwd",
];

/// The flat shape, with a sentence for a person and nothing else.
fn assert_shape(answer: &Answer, what: &str) {
    let body = answer.json();
    let members = body.as_object().unwrap();
    for name in members.keys() {
        let known = ["error", "code", "request_id", "retryable", "retry_after"];
        assert!(known.contains(&name.as_str()), "{what}: {name}");
    }
    assert_eq!(body["request_id"], answer.header("x-request-id"), "{what}");
    assert_eq!(body["retryable"], answer.status.as_u16() == 503, "{what}");
    let sentence = body["error"].as_str().unwrap();
    assert!(sentence.ends_with('.') && sentence.len() < 120, "{what}: {sentence}");
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    for leak in LEAKS {
        assert!(!text.contains(&leak.to_lowercase()), "{what}: `{leak}` in {text}");
    }
}

#[tokio::test]
async fn the_table_has_150_rows_over_all_routes() {
    let scene = Scene::new().await;
    let rows = [
        tokens::rows(&scene),
        signatures::rows(&scene),
        json::rows(&scene),
        uploads::rows(&scene),
        documents::rows(&scene),
        downloads::rows(&scene),
        completions::rows(&scene).await,
        recordings::rows(&scene),
        ids::rows(&scene),
        protocol::rows(&scene),
    ]
    .concat_len();
    println!("{rows} rows");
    assert!(rows >= 150, "{rows} rows");
}

trait ConcatLen {
    fn concat_len(&self) -> usize;
}

impl<const N: usize> ConcatLen for [Vec<Row>; N] {
    fn concat_len(&self) -> usize {
        self.iter().map(Vec::len).sum()
    }
}

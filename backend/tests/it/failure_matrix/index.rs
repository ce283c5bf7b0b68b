//! Each error of the knowledge base's ingestion: an upload is answered whatever happens there, its work stays open, and
//! it is done once the knowledge base is well again.

use backend::ports::IngestionStore as _;
use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Real, calls, count, world};
use crate::world::{ANNA, World};

/// Status and code, and how often one call is tried.
type Case = (u16, &'static str, usize);

const START: &str = "PUT";
const GET: &str = "GET";

const ANYWHERE: [Case; 7] = [
    (429, "ThrottlingException", 3),
    (500, "InternalServerException", 3),
    (502, "BadGateway", 3),
    (503, "ServiceUnavailableException", 3),
    (400, "ValidationException", 1),
    (402, "ServiceQuotaExceededException", 1),
    (403, "AccessDeniedException", 1),
];

fn run(status: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "ingestionJob": {
        "knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678",
        "ingestionJobId": "JOB0000001", "status": status,
        "startedAt": "2026-11-15T12:00:00Z", "updatedAt": "2026-11-15T12:00:01Z",
    } }))
}

/// What the service does from now on.
async fn does(server: &MockServer, start: ResponseTemplate, get: ResponseTemplate) {
    server.reset().await;
    Mock::given(method(START)).respond_with(start).mount(server).await;
    Mock::given(method(GET)).respond_with(get).mount(server).await;
}

/// What the user is told of the job.
async fn state(world: &World, uploaded: &Value) -> Value {
    let id = uploaded["ingestion_job_id"].as_str().unwrap();
    let job = world.get(ANNA, &format!("/api/ingestion/job/{id}")).await;
    assert_eq!(job.status.as_u16(), 200, "{}", job.json());
    let list = world.get(ANNA, "/api/ingestion/status").await;
    assert_eq!(list.status.as_u16(), 200, "{}", list.json());
    job.json()["status"].clone()
}

async fn upload(world: &World, what: &str) -> Value {
    let answer = world.upload(ANNA, "a.md", "# text").await;
    assert_eq!(answer.status.as_u16(), 201, "{what} {}", answer.json());
    assert_eq!(answer.json()["status"], "processing", "{what}");
    answer.json()
}

/// Everything is well again: nothing was lost.
async fn assert_indexed(server: &MockServer, world: &World, uploaded: &Value, what: &str) {
    does(server, run("STARTING"), run("COMPLETE")).await;
    // One look may find the run started, the next one finds it ended.
    state(world, uploaded).await;
    assert_eq!(state(world, uploaded).await, "complete", "{what}");
    let rows = world.get(ANNA, "/api/manuals").await.json();
    assert_eq!(rows["manuals"][0]["status"], "ready", "{what}");
    world.settle().await;
    assert!(world.ports.failures.sent().is_empty(), "{what}");
}

#[tokio::test]
async fn a_run_that_cannot_be_started_costs_no_upload_and_is_started_later() {
    // A conflict is another run: there is one at a time, so this is no failure.
    let others = [(409, "ConflictException", 1), (404, "ResourceNotFoundException", 1)];
    let checks = ANYWHERE.iter().chain(&others).map(|(status, error, attempts)| async move {
        let what = format!("{START} {status} {error}");
        let server = MockServer::start().await;
        let refusal = Real::Index.error(*status, error);
        does(&server, refusal.clone(), refusal).await;
        let world = world(Real::Index, &server.uri()).await;
        let uploaded = upload(&world, &what).await;
        assert_eq!(calls(&server).await, vec![START; *attempts], "{what}");
        assert_eq!(state(&world, &uploaded).await, "queued", "{what}");
        assert_indexed(&server, &world, &uploaded, &what).await;
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_run_that_cannot_be_looked_at_goes_on() {
    let checks = ANYWHERE.iter().chain(&[(409, "ConflictException", 1)]).map(
        |(status, error, attempts)| async move {
            let what = format!("{GET} {status} {error}");
            let server = MockServer::start().await;
            does(&server, run("STARTING"), Real::Index.error(*status, error)).await;
            let world = world(Real::Index, &server.uri()).await;
            let uploaded = upload(&world, &what).await;
            let id = uploaded["ingestion_job_id"].as_str().unwrap();
            let job = world.get(ANNA, &format!("/api/ingestion/job/{id}")).await.json();
            assert_eq!(job["status"], "running", "{what}");
            let calls = calls(&server).await;
            assert_eq!((count(&calls, START), count(&calls, GET)), (1, *attempts), "{what}");
            assert_indexed(&server, &world, &uploaded, &what).await;
        },
    );
    join_all(checks).await;
}

#[tokio::test]
async fn a_run_that_nobody_knows_any_more_is_started_again() {
    let server = MockServer::start().await;
    let unknown = Real::Index.error(404, "ResourceNotFoundException");
    does(&server, run("STARTING"), unknown).await;
    let world = world(Real::Index, &server.uri()).await;
    let uploaded = upload(&world, "unknown").await;
    assert_eq!(state(&world, &uploaded).await, "running");
    let calls = calls(&server).await;
    assert!(count(&calls, START) > 1, "{calls:?}");
    assert_indexed(&server, &world, &uploaded, "unknown").await;
}

#[tokio::test]
async fn a_deletion_is_answered_while_the_index_is_out() {
    let server = MockServer::start().await;
    let out = Real::Index.error(503, "ServiceUnavailableException");
    does(&server, out.clone(), out).await;
    let world = world(Real::Index, &server.uri()).await;
    let uploaded = upload(&world, "before").await;
    let id = uploaded["manual_id"].as_str().unwrap();
    assert_eq!(world.delete(ANNA, id).await.status.as_u16(), 204);
    assert!(world.ports.files.objects().is_empty());
    assert!(
        !world.ports.rows.open_work().await.unwrap().is_empty(),
        "the index must forget it still"
    );
}

//! Each error of Transcribe and of the bucket of recordings, at each step of a spoken call: what the client is told, how
//! often was tried, and that recording, transcript and job are away afterwards, or reported as left.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use backend::domain::failure::FailureKind;
use backend::memory::files::MemoryFiles;
use backend::memory::speech::MemoryTranscriber;
use backend::ports::{
    DeletedJob, ListedJob, Page, PortFuture, SpeechJob, Transcriber, Transcription,
};
use backend::state::Ports;
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::{Case, Real, assert_free, assert_told, built, calls, count, real_ports, say, world};
use crate::world::{ANNA, World};

pub(super) const PATHS: [&str; 2] = ["/api/query", "/api/transcribe"];
const START: &str = "StartTranscriptionJob";
const GET: &str = "GetTranscriptionJob";
const DELETE: &str = "DeleteTranscriptionJob";

const OUT: &str = "transcription_unavailable";
const BUSY: &str = "transcription_throttled";

/// Each with one of the two ways to speak, in turn: they listen by the same steps. `first` is that of the first.
fn in_turn<T>(
    all: impl Iterator<Item = T>,
    first: usize,
) -> impl Iterator<Item = (T, &'static str)> {
    all.zip(PATHS.into_iter().cycle().skip(first))
}

/// Errors of every operation of the service that mean nothing else there.
const ANYWHERE: [(u16, &str, usize, u16, &str); 8] = [
    (429, "LimitExceededException", 3, 429, BUSY),
    (400, "LimitExceededException", 3, 429, BUSY),
    (400, "ThrottlingException", 3, 429, BUSY),
    (500, "InternalFailureException", 3, 503, OUT),
    (500, "InternalFailure", 3, 503, OUT),
    (503, "ServiceUnavailable", 3, 503, OUT),
    (403, "AccessDeniedException", 1, 503, OUT),
    (400, "ValidationException", 1, 503, OUT),
];

/// The service: its jobs end at the first look, and one operation fails.
struct Service {
    failing: &'static str,
    error: ResponseTemplate,
    /// A failing start makes its job all the same, a failing deletion deletes: the reply is lost.
    applied: bool,
    bucket: Arc<MemoryFiles>,
    jobs: Jobs,
}

type Jobs = Arc<Mutex<BTreeSet<String>>>;

impl Respond for Service {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let target = request.headers["x-amz-target"].to_str().unwrap();
        let fails = target == format!("Transcribe.{}", self.failing);
        if fails && !self.applied {
            return self.error.clone();
        }
        let done = self.act(target, &request.body_json().unwrap());
        if fails { self.error.clone() } else { done }
    }
}

impl Service {
    fn act(&self, target: &str, body: &Value) -> ResponseTemplate {
        let name = body["TranscriptionJobName"].as_str().unwrap().to_owned();
        let mut jobs = self.jobs.lock().unwrap();
        let job = json!({ "TranscriptionJob": { "TranscriptionJobName": name,
            "TranscriptionJobStatus": "COMPLETED" } });
        if target.ends_with(START) {
            let text = json!({ "results": { "transcripts": [{ "transcript": "How?" }] } });
            let key = body["OutputKey"].as_str().unwrap();
            self.bucket.hold(key, Bytes::from(text.to_string()));
            jobs.insert(name);
            return ResponseTemplate::new(200).set_body_json(job);
        }
        let there =
            if target.ends_with(DELETE) { jobs.remove(&name) } else { jobs.contains(&name) };
        if there {
            ResponseTemplate::new(200).set_body_json(job)
        } else {
            Real::Speech.error(400, "BadRequestException")
        }
    }
}

/// A world whose service fails at one operation.
async fn failing(
    server: &MockServer,
    operation: &'static str,
    error: ResponseTemplate,
    applied: bool,
) -> (World, Jobs) {
    let transcriber = real_ports(&server.uri()).await.transcriber;
    let world = built(&[], |memory| Ports { transcriber, ..memory.ports() });
    let (bucket, jobs) = (Arc::clone(&world.ports.transcriber.audio), Jobs::default());
    let service = Service { failing: operation, error, applied, bucket, jobs: Arc::clone(&jobs) };
    Mock::given(any()).respond_with(service).mount(server).await;
    (world, jobs)
}

/// A transcriber of which only the deletion is out.
#[derive(Debug)]
pub(super) struct HangingDeletion {
    pub(super) memory: Arc<MemoryTranscriber>,
    pub(super) hanging: Arc<dyn Transcriber>,
}

impl Transcriber for HangingDeletion {
    fn start<'a>(&'a self, job: &'a SpeechJob) -> PortFuture<'a, ()> {
        self.memory.start(job)
    }

    fn status<'a>(&'a self, name: &'a str) -> PortFuture<'a, Transcription> {
        self.memory.status(name)
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, DeletedJob> {
        self.hanging.delete(name)
    }

    fn jobs<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<ListedJob>> {
        Transcriber::jobs(&*self.memory, prefix, after)
    }
}

fn reported(world: &World) -> Vec<FailureKind> {
    let mut kinds: Vec<_> =
        world.ports.failures.sent().iter().map(|failure| failure.kind).collect();
    kinds.sort();
    kinds
}

async fn check(operation: &'static str, applied: bool, cases: &[Case]) {
    let all = in_turn(cases.iter(), usize::from(applied));
    let checks = all.map(|((status, error, attempts, told, code), path)| async move {
        let what = format!("{operation} {status} {error} {path} applied {applied}");
        let server = MockServer::start().await;
        let error = Real::Speech.error(*status, error);
        let (world, jobs) = failing(&server, operation, error, applied).await;
        assert_told(&say(&world, path).await, *told, code, &what);
        assert_eq!(count(&calls(&server).await, operation), *attempts, "{what}");
        assert_free(&world, &what).await;
        assert!(world.ports.transcriber.audio.objects().is_empty(), "{what}");
        assert!(jobs.lock().unwrap().is_empty(), "{what}");
        assert_eq!(reported(&world), [], "{what}");
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_job_that_cannot_be_started_or_looked_at_leaves_nothing() {
    // A job that is away has failed, whichever of the two the service says for it.
    let away = [(400, "BadRequestException", 1, 503, OUT), (404, "NotFoundException", 1, 503, OUT)];
    // At the start it is our own earlier attempt, whose reply was lost; if there is no such job, the first look shows it.
    let conflict = [(409, "ConflictException", 1, 503, OUT)];
    let refused = [&ANYWHERE[..], &away[..]].concat();
    let all = [&refused[..], &conflict[..]].concat();
    tokio::join!(check(START, false, &all), check(START, true, &refused), check(GET, false, &all));
}

#[tokio::test]
async fn a_start_that_meets_its_own_earlier_attempt_is_answered() {
    for path in PATHS {
        let server = MockServer::start().await;
        let conflict = Real::Speech.error(409, "ConflictException");
        let (world, jobs) = failing(&server, START, conflict, true).await;
        assert_eq!(say(&world, path).await.status.as_u16(), 200, "{path}");
        world.settle().await;
        assert_eq!((world.figures(ANNA).0, world.figures(ANNA).3), (1, 0), "{path}");
        assert!(jobs.lock().unwrap().is_empty() && reported(&world).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_deleted_costs_no_answer_and_is_reported() {
    // Where the service says that it cannot, it is asked whether there is such a job.
    let others = [(400, "BadRequestException", 1, 200, ""), (404, "NotFoundException", 1, 200, "")];
    for applied in [false, true] {
        let all = in_turn(ANYWHERE.iter().chain(&others), usize::from(applied));
        let checks = all.map(|((status, error, attempts, ..), path)| async move {
            let what = format!("{DELETE} {status} {error} {path} applied {applied}");
            let server = MockServer::start().await;
            let error = Real::Speech.error(*status, error);
            let (world, jobs) = failing(&server, DELETE, error, applied).await;
            let answer = say(&world, path).await;
            assert_eq!(answer.status.as_u16(), 200, "{what}");
            world.settle().await;
            assert!(world.ports.transcriber.audio.objects().is_empty(), "{what}");
            assert_eq!((world.figures(ANNA).0, world.figures(ANNA).3), (1, 0), "{what}");
            let calls = count(&calls(&server).await, DELETE);
            if applied && what.contains("BadRequest") {
                // It is away: that is what was wanted.
                assert_eq!((reported(&world), calls), (vec![], 1), "{what}");
            } else {
                // Before the answer, for a second at most, and by the task after it.
                assert!((attempts + 1..=2 * attempts).contains(&calls), "{what}: {calls}");
                assert_eq!(reported(&world), [FailureKind::TranscriptionLeft], "{what}");
                assert_eq!(jobs.lock().unwrap().len(), usize::from(!applied), "{what}");
                let told = world.ports.failures.sent().remove(0);
                assert_eq!(told.request_id, answer.header("x-request-id"), "{what}");
            }
        });
        join_all(checks).await;
    }
}

#[tokio::test]
async fn a_service_that_is_out_altogether_is_reported_with_the_job_it_may_have() {
    let checks = PATHS.map(|path| async move {
        let error = Real::Speech.error(500, "InternalFailureException");
        let server = super::always(error).await;
        let world = world(Real::Speech, &server.uri()).await;
        assert_told(&say(&world, path).await, 503, OUT, path);
        assert_free(&world, path).await;
        assert!(world.ports.transcriber.audio.objects().is_empty(), "{path}");
        // A job that is there may still write its transcript.
        let left = [FailureKind::AudioLeft, FailureKind::TranscriptionLeft];
        assert_eq!(reported(&world), left, "{path}");
        let calls = calls(&server).await;
        assert_eq!((count(&calls, START), count(&calls, GET)), (3, 0), "{path}");
        assert!((4..=6).contains(&count(&calls, DELETE)), "{path}: {calls:?}");
    });
    join_all(checks).await;
}

const FILES_OUT: &str = "files_unavailable";
const BUCKET: [Case; 8] = [
    (503, "SlowDown", 3, 429, "files_throttled"),
    (503, "ServiceUnavailable", 3, 503, FILES_OUT),
    (500, "InternalError", 3, 503, FILES_OUT),
    (400, "RequestTimeout", 3, 503, FILES_OUT),
    (403, "AccessDenied", 1, 503, FILES_OUT),
    (403, "SignatureDoesNotMatch", 1, 503, FILES_OUT),
    (409, "OperationAborted", 1, 503, FILES_OUT),
    (404, "NoSuchBucket", 1, 503, FILES_OUT),
];

/// A bucket that refuses one method, and of which the others take everything.
async fn bucket(refuses: &str, status: u16, error: &str) -> MockServer {
    let server = MockServer::start().await;
    let refusal = Real::Recordings.error(status, error);
    Mock::given(method(refuses)).respond_with(refusal).mount(&server).await;
    let text = "{\"results\":{\"transcripts\":[{\"transcript\":\"How?\"}]}}";
    let read = ResponseTemplate::new(200).set_body_string(text);
    Mock::given(method("GET")).respond_with(read).mount(&server).await;
    Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

#[tokio::test]
async fn a_bucket_that_takes_or_gives_nothing_is_told_and_keeps_nothing() {
    let missing = [(404, "NoSuchKey", 1, 503, FILES_OUT)];
    for refuses in ["PUT", "GET"] {
        let cases = BUCKET.iter().chain(missing.iter().filter(|_| refuses == "GET"));
        let all = in_turn(cases, usize::from(refuses == "GET"));
        let checks = all.map(|((status, error, attempts, told, code), path)| async move {
            let what = format!("{refuses} {status} {error} {path}");
            let server = bucket(refuses, *status, error).await;
            let world = world(Real::Recordings, &server.uri()).await;
            assert_told(&say(&world, path).await, *told, code, &what);
            assert_free(&world, &what).await;
            let calls = calls(&server).await;
            assert_eq!(count(&calls, refuses), *attempts, "{what}");
            // The recording, and the transcript of a job that was there.
            let deletions = if refuses == "PUT" { 1 } else { 2 };
            assert_eq!(count(&calls, "DELETE"), deletions, "{what}");
            assert_eq!(world.ports.transcriber.jobs(), Vec::<String>::new(), "{what}");
            assert_eq!(reported(&world), [], "{what}");
        });
        join_all(checks).await;
    }
}

#[tokio::test]
async fn a_recording_that_cannot_be_deleted_costs_no_answer_and_is_reported() {
    let checks =
        in_turn(BUCKET.iter(), 0).map(|((status, error, attempts, ..), path)| async move {
            let what = format!("DELETE {status} {error} {path}");
            let server = bucket("DELETE", *status, error).await;
            let world = world(Real::Recordings, &server.uri()).await;
            assert_eq!(say(&world, path).await.status.as_u16(), 200, "{what}");
            world.settle().await;
            assert_eq!((world.figures(ANNA).0, world.figures(ANNA).3), (1, 0), "{what}");
            // Recording and transcript, before the answer and by the task after it.
            let calls = count(&calls(&server).await, "DELETE");
            assert!((2 * attempts + 1..=4 * attempts).contains(&calls), "{what}: {calls}");
            assert_eq!(reported(&world), [FailureKind::AudioLeft], "{what}");
            assert_eq!(world.ports.transcriber.jobs(), Vec::<String>::new(), "{what}");
        });
    join_all(checks).await;
}

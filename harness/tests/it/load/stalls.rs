//! Coordinated omission: a server that stalls as a whole, under the real worker. What the worker reports must be what
//! the stalls explain, since every latency counts from its scheduled time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use harness::adapters::load_worker::plan::WorkerPlan;
use harness::adapters::load_worker::plan::WorkerUser;
use harness::adapters::worker_process::WorkerLine;
use harness::adapters::worker_process::WorkerProcess;
use harness::config::questions;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;
use verdict::domain::evidence::Done;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Tick;
use verdict::domain::histogram::LatencyHistogram;
use verdict::domain::kind::AnswerClass;

use super::handmade;
use super::project::workspace;
use crate::stage::processes::turn;

/// One stall in each.
const PERIOD: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(1);
/// Two periods, so that two whole stalls lie inside.
const LOAD: Duration = Duration::from_secs(20);
/// From the first request to the first stall: whole stalls lie in the load.
const LEAD: Duration = Duration::from_secs(4);

const PROFILE: &str = r#"
schema = "manuel-load/1"
title = "Health alone, at 100/s"
users = 8
manuals = ["router"]
max_in_flight = 500
timeout_ms = 10000
cache_hits = { min_permille = 0, max_permille = 0 }
mix = { health = 1 }
objectives = { "p99" = "p99 latency{kind=health} <= 500ms" }

[[stages]]
name = "steady"
model = "open"
duration_ms = 20000
rate_per_s = 100
arrivals = "uniform"
"#;

/// A server whose requests all pass one gate, and what it knows of its own stalls.
#[derive(Default)]
struct Stalling {
    gate: RwLock<()>,
    asked: Notify,
    stalls: Mutex<Vec<Duration>>,
    answered: AtomicU64,
}

async fn health(State(server): State<Arc<Stalling>>) -> Response {
    server.asked.notify_one();
    let _open = server.gate.read().await;
    // Ids are unique over a run.
    let id = format!("stalling-{}", server.answered.fetch_add(1, Ordering::Relaxed));
    let headers = [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-request-id", id.as_str()),
        ("x-manuel-version", handmade::COMMIT),
        ("server-timing", "own;dur=0.1, dep;dur=0"),
    ];
    let body = serde_json::json!({ "status": "ok", "version": "1.0.0", "stage": "test" });
    let mut answer = Json(body).into_response();
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    answer
}

impl Stalling {
    /// Closes the gate for `STALL` in every `PERIOD` from the first request on.
    async fn stall(&self) {
        self.asked.notified().await;
        let first = Instant::now();
        let mut at = first + LEAD;
        while at < first + LOAD {
            sleep_until(at).await;
            let closed = self.gate.write().await;
            let began = Instant::now();
            sleep_until(began + STALL).await;
            self.stalls.lock().unwrap().push(began.elapsed());
            drop(closed);
            at += PERIOD;
        }
    }
}

/// The latency in seconds that a share `p` of requests exceeds: P(L > x) = f·(1 − x/d), solved for x. `f` is the share
/// of time in stalls, and `d` the length of one.
fn exceeded_by(p: f64, stalls: &[Duration]) -> f64 {
    let in_stalls: f64 = stalls.iter().map(Duration::as_secs_f64).sum();
    let d = in_stalls / f64::from(u32::try_from(stalls.len()).unwrap());
    let f = in_stalls / LOAD.as_secs_f64();
    d * (1.0 - p / f)
}

/// Runs the worker against `url` to its end.
async fn evidence(url: &str, folder: &Path) -> Vec<Evidence> {
    let stage = handmade::stage(url);
    let questions = questions::read(&workspace()).unwrap();
    let (run, load) = handmade::run(PROFILE, &stage, &questions);
    let user = |name: &str| WorkerUser {
        name: name.to_owned(),
        username: name.to_owned(),
        password: String::new(),
        sub: name.to_owned(),
        access_token: String::new(),
        manual_ids: BTreeMap::new(),
    };
    let users = load.users.iter().map(|planned| user(&planned.name)).collect();
    let plan = WorkerPlan { run, stage, users, questions, ledger: folder.join("ledger.jsonl") };
    let plan = serde_json::to_vec(&plan).unwrap();
    let exe = Path::new(env!("CARGO_BIN_EXE_harness"));
    let log = folder.join("worker.log");
    let mut worker = WorkerProcess::start(exe, "__load-worker", &plan, &log).await.unwrap();
    let mut evidence = Vec::new();
    let ended = timeout(LOAD * 2, async {
        loop {
            match worker.next().await {
                WorkerLine::Evidence(line) => evidence.push(line),
                WorkerLine::Chatter => {}
                WorkerLine::Rubbish(line) => panic!("no evidence: {line}"),
                WorkerLine::Ended(how) => break how,
            }
        }
    });
    assert_eq!(ended.await.expect("the worker ends"), "exit status: 0");
    evidence
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stalls_cost_is_reported_as_theory_says() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(Stalling::default());
    let app = Router::new().route("/health", get(health)).with_state(Arc::clone(&server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
    let stalling = Arc::clone(&server);
    tasks.spawn(async move { stalling.stall().await });

    let evidence = evidence(&url, folder.path()).await;
    tasks.shutdown().await;
    let stalls = server.stalls.lock().unwrap().clone();
    assert_eq!(stalls.len(), 2, "{stalls:?}");

    let ticks: Vec<&Tick> = evidence.iter().filter_map(tick).collect();
    let mut latency = LatencyHistogram::new();
    for series in ticks.iter().flat_map(|tick| &tick.series) {
        assert_eq!(series.class, AnswerClass::Ok, "{evidence:?}");
        latency.add(&series.latency);
    }
    let done = evidence.iter().find_map(done).expect("a worker that is done");
    assert_eq!((done.planned, done.started, done.dropped), (2_000, 2_000, 0));
    assert_eq!(latency.count(), 2_000);
    for (percent, exceeding) in [(99, 0.01), (95, 0.05)] {
        let theory = exceeded_by(exceeding, &stalls);
        let seen = latency.percentile(percent, 100).unwrap();
        let seen = Duration::from_micros(seen).as_secs_f64();
        let off = (seen - theory).abs() / theory;
        println!("p{percent}: theory {theory:.4} s, seen {seen:.4} s, off by {:.2} %", off * 100.0);
        assert!(off <= 0.05, "p{percent} is {seen} s, and theory says {theory} s");
    }
    let median = latency.percentile(50, 100).unwrap();
    assert!(median < 50_000, "the median has no part in the stalls: {median} µs");
}

fn tick(line: &Evidence) -> Option<&Tick> {
    if let Evidence::Tick(tick) = line { Some(tick) } else { None }
}

fn done(line: &Evidence) -> Option<&Done> {
    if let Evidence::Done(done) = line { Some(done) } else { None }
}

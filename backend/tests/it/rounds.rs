//! What rounds in the background leave in the metrics: nobody sees an answer of theirs.

use std::time::Duration;

use backend::app::sweep;
use backend::context::Deadline;
use backend::domain::ingestion::IndexRun;
use backend::logging;
use backend::memory::Trouble;
use backend::ports::PortErrorKind;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::logs::{Written, keep_listening};
use crate::world::{ANNA, World};

const OUT: Option<Trouble> = Some(Trouble::Fails(PortErrorKind::Unavailable));

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

/// The metric lines of what is done.
async fn metrics_of(work: impl Future<Output = ()>) -> Vec<Value> {
    keep_listening();
    let written = Written::default();
    let writer = written.clone();
    let subscriber = logging::subscriber(Some("info"), move || writer.clone());
    let logging = tracing::subscriber::set_default(subscriber);
    work.await;
    drop(logging);
    let lines: Vec<Value> =
        written.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().filter(|line| line.get("_aws").is_some()).collect()
}

/// The last line of a task's round.
fn of<'a>(task: &str, lines: &'a [Value]) -> &'a Value {
    lines.iter().rfind(|line| line["Task"] == task).expect("a line of the task")
}

#[tokio::test]
async fn a_round_of_the_pump_says_how_much_work_is_open() {
    let world = World::new();
    world.ports.indexer.trouble.set(OUT);
    for name in ["a.md", "b.md"] {
        assert_eq!(world.upload(ANNA, name, "# x").await.status.as_u16(), 201);
    }
    let round = async || {
        world.app.indexing.pump(Deadline::after(Duration::from_millis(600))).await;
    };
    let failed = metrics_of(round()).await;
    let line = of("pump", &failed);
    assert_eq!((&line["RoundFailed"], &line["Stage"]), (&json!(1), &json!("local")));
    assert_eq!(line.get("OpenWork"), None, "nobody knows");

    world.ports.indexer.trouble.set(None);
    let started = metrics_of(round()).await;
    let line = of("pump", &started);
    assert_eq!((&line["RoundFailed"], &line["OpenWork"]), (&json!(0), &json!(2)), "{line}");
    assert!(line["RoundDuration"].is_f64() && line["trace_id"].is_string(), "{line}");
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Manuel/Application");
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stage", "Task"]]));

    world.ports.indexer.end(IndexRun::Complete { failure_texts: Vec::new() });
    round().await;
    assert_eq!(of("pump", &metrics_of(round()).await)["OpenWork"], 0);
}

#[tokio::test]
async fn a_sweep_says_what_it_has_repaired() {
    let world = World::new();
    let id = "5f2c1e0a-0000-4000-8000-000000000001";
    world.ports.files.hold(&format!("manuals/{ANNA}/{id}.md"), Bytes::from_static(b"# x"));
    let audio = &world.ports.transcriber.audio;
    audio.hold(&format!("audio/{ANNA}/r-1.wav"), Bytes::from_static(b"RIFF"));
    let swept = metrics_of(sweep::round(&world.app, soon())).await;
    let line = of("sweep", &swept);
    assert_eq!((&line["Repairs"], &line["RoundFailed"]), (&json!(2), &json!(0)));
    assert_eq!((&line["discarded"], &line["recordings"]), (&json!(1), &json!(1)));
    let again = metrics_of(sweep::round(&world.app, soon())).await;
    assert_eq!(of("sweep", &again)["Repairs"], 0);
}

#[tokio::test]
async fn what_a_breaker_refuses_a_round_is_its_own_line_with_the_rounds_id() {
    let world = World::new();
    world.ports.files.trouble.set(OUT);
    world.ports.transcriber.audio.trouble.set(OUT);
    let mut lines = Vec::new();
    let opened = |lines: &[Value]| {
        lines.iter().any(|line| line["request_id"].is_string() && line["CircuitState"] == 2)
    };
    // A breaker opens after some failures.
    for _round in 0..20 {
        lines = metrics_of(sweep::round(&world.app, soon())).await;
        assert_eq!(of("sweep", &lines)["RoundFailed"], 1);
        if opened(&lines) {
            break;
        }
    }
    let refused = lines.iter().find(|line| line["CircuitState"] == 2).expect("it opened");
    assert_eq!(refused["Dependency"], "files");
    assert_eq!(refused["request_id"], of("sweep", &lines)["request_id"]);
}

//! Loads that are cut short: by Ctrl-C, by a kill, by the end of the backend or of the worker. Evidence is kept, the exit
//! code is the right one, and nothing of a run is ever left behind.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::time::timeout;

use super::project::Project;
use super::project::Runner;
use super::project::json;
use super::project::text;
use crate::stage::processes::PATIENCE;
use crate::stage::processes::Turn;
use crate::stage::processes::backend;
use crate::stage::processes::nothing_left;
use crate::stage::processes::processes_of;
use crate::stage::processes::turn;

/// Longer than any of these tests.
const LOAD_MS: u64 = 60_000;
/// A second Ctrl-C waits for nothing.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A first one waits for the worker, which has 8 s, and stops the stage.
const GIVEN_UP: Duration = Duration::from_secs(16);

/// A load that is under way.
struct UnderWay {
    project: Project,
    runner: Runner,
    _turn: Turn,
}

/// Lines of evidence so far of this event; whole lines only.
fn evidence(project: &Project, event: &str) -> Vec<Value> {
    let Some(run) = project.runs().pop() else { return Vec::new() };
    let text = std::fs::read_to_string(run.join("evidence.jsonl")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _cut)| whole);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

/// Waits until there is evidence of this event.
async fn seen(project: &Project, event: &str) -> Value {
    let seen = poll::until(Pace::quick(PATIENCE), (), async || {
        evidence(project, event).pop().map_or(ControlFlow::Continue(()), ControlFlow::Break)
    });
    seen.await.unwrap_or_else(|_expired| panic!("no `{event}` in {:?}", project.runs()))
}

fn send(signal: Signal, pid: &Value) {
    let pid: i32 = pid.as_i64().unwrap().try_into().unwrap();
    kill(Pid::from_raw(pid), signal).unwrap();
}

impl UnderWay {
    /// Starts a load and waits until requests have been answered.
    async fn start() -> Self {
        let server = backend().await;
        let turn = turn();
        let project = Project::with_load("health = 1\nlist_manuals = 1\n", LOAD_MS);
        let server = server.to_str().unwrap();
        let runner = project.start(&["load", "--profile", "mine", "--backend-bin", server]);
        seen(&project, "tick").await;
        // Runner, stage, guard, backend and worker: what is looked for afterwards is found now.
        let there = processes_of(project.path());
        assert!(there.len() >= 5, "{there:?}");
        Self { project, runner, _turn: turn }
    }

    fn run(&self) -> std::path::PathBuf {
        self.project.run()
    }

    fn backend_pid(&self) -> Value {
        json(&self.run(), "stage.json")["processes"]["backend_pid"].clone()
    }

    fn worker_pid(&self) -> Value {
        evidence(&self.project, "hello")[0]["pid"].clone()
    }
}

/// Inconclusive because of an interruption, with what was seen until then.
fn is_interrupted(run: &Path) {
    let verdict = json(run, "verdict.json");
    assert_eq!(verdict["judgement"]["verdict"], "inconclusive");
    assert_eq!(verdict["judgement"]["causes"][0]["cause"], "interrupted");
    assert_eq!(verdict["exit_code"], 130);
    assert!(verdict["requests"]["health"]["ok"].as_u64().unwrap() > 0, "{verdict}");
    assert!(text(run, "junit.xml").contains("<error"), "inconclusive is an error in JUnit's words");
    assert!(text(run, "ledger.jsonl").lines().count() > 0);
    for name in ["summary.md", "report.html", "repro.json", "plan.json"] {
        assert!(!text(run, name).is_empty());
    }
}

#[tokio::test]
async fn ctrl_c_ends_a_load_in_order() {
    let load = UnderWay::start().await;
    load.runner.ctrl_c();
    let ended = load.runner.ended().await;
    ended.expect(130);
    assert_eq!(processes_of(load.project.path()), [], "stopped before the runner ended");
    is_interrupted(&load.project.run());
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let mut load = UnderWay::start().await;
    // A worker that hears nothing: the first Ctrl-C cannot come to an end.
    send(Signal::SIGSTOP, &load.worker_pid());
    load.runner.ctrl_c();
    seen(&load.project, "interrupted").await;
    load.runner.ctrl_c();
    let status = timeout(AT_ONCE, load.runner.exited()).await.expect("an end at once");
    assert_eq!(status.code(), Some(130));
    nothing_left(load.project.path()).await;
    // Guards may outlive it: it must not say that all is stopped.
    let ended = load.runner.ended().await;
    ended.expect(130).said("what was started ends by itself within 4 s");
    assert!(!ended.stderr.contains("is stopped"), "{}", ended.stderr);
    assert!(!evidence(&load.project, "tick").is_empty(), "what was seen is kept");
}

/// What a hung worker saw last is lost: that outranks the interruption.
#[tokio::test]
async fn a_worker_that_does_not_stop_is_given_up() {
    let load = UnderWay::start().await;
    send(Signal::SIGSTOP, &load.worker_pid());
    load.runner.ctrl_c();
    let ended = timeout(GIVEN_UP, load.runner.ended()).await;
    ended.expect("an end long before that of the load").expect(4).said("it did not end within 8s");
    assert_eq!(processes_of(load.project.path()), []);
    assert_eq!(evidence(&load.project, "interrupted").len(), 1);
}

/// While users are prepared there is a stage, and nothing to judge.
#[tokio::test]
async fn ctrl_c_while_users_are_prepared_leaves_nothing() {
    let server = backend().await;
    let _turn = turn();
    let project = Project::new();
    let server = server.to_str().unwrap();
    let mut runner = project.start(&["load", "--profile", "peak", "--backend-bin", server]);
    runner.says("preparing ").await;
    assert!(processes_of(project.path()).len() >= 4, "runner, stage, guard, backend");
    runner.ctrl_c();
    let ended = runner.ended().await;
    ended.expect(130).said("everything that was started is stopped");
    assert!(!ended.stderr.contains("users ready"), "{}", ended.stderr);
    assert_eq!(processes_of(project.path()), []);
    assert!(!project.run().join("verdict.json").exists());
}

#[tokio::test]
async fn a_report_that_cannot_be_written_leaves_the_evidence() {
    let load = UnderWay::start().await;
    let run = load.run();
    std::fs::create_dir(run.join("verdict.json")).unwrap();
    load.runner.ctrl_c();
    let ended = load.runner.ended().await;
    ended.expect(4).said("the report cannot be written").said("verdict.json");
    assert_eq!(processes_of(load.project.path()), []);
    assert!(!evidence(&load.project, "tick").is_empty());
    std::fs::remove_dir(run.join("verdict.json")).unwrap();
    // What could not be written then is written from the evidence now.
    load.project.harness(&["judge", run.to_str().unwrap()]).await.expect(130);
    assert_eq!(json(&run, "verdict.json")["exit_code"], 130);
}

#[tokio::test]
async fn nothing_survives_a_killed_runner() {
    let mut load = UnderWay::start().await;
    load.runner.signal(Signal::SIGKILL);
    assert_eq!(load.runner.exited().await.code(), None);
    nothing_left(load.project.path()).await;
}

#[tokio::test]
async fn a_backend_that_dies_is_a_broken_promise() {
    let load = UnderWay::start().await;
    let run = load.run();
    send(Signal::SIGKILL, &load.backend_pid());
    load.runner.ended().await.expect(1);
    assert_eq!(processes_of(load.project.path()), []);
    let verdict = json(&run, "verdict.json");
    let breach = &verdict["judgement"]["breaches"][0];
    assert_eq!(breach["objective"], "backend_died");
    let message = breach["message"].as_str().unwrap();
    let log = text(&run, "backend.log");
    let last = log.lines().last().expect("the backend has said something");
    assert!(message.contains("signal 9") && message.contains(last), "{message}\n{log}");
}

#[tokio::test]
async fn a_worker_that_dies_is_our_fault() {
    let load = UnderWay::start().await;
    let run = load.run();
    send(Signal::SIGKILL, &load.worker_pid());
    let ended = load.runner.ended().await;
    ended
        .expect(4)
        .said("the run cannot be judged")
        .said("a worker ended without `done`")
        .said("signal: 9");
    assert_eq!(processes_of(load.project.path()), []);
    assert!(!run.join("verdict.json").exists(), "no verdict on half a run");
    assert_eq!(evidence(&load.project, "worker_lost").len(), 1);
}

//! The host against a runtime in this process: what it answers, what it counts, and what it does to the process.

mod dead_letters;
mod gateway;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::future::join_all;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use verdict::domain::lambda::LambdaOptions;

use super::Child;
use super::Event;
use super::FailureKind;
use super::Figures;
use super::Function;
use super::Functions;
use super::InvokeError;
use super::Spawn;
use super::payload::PAYLOAD_MAX;
use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::ProgramExit;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// What was done to the fakes, in order.
type Done = Arc<Mutex<Vec<String>>>;

/// Starts tasks that behave as their events say.
#[derive(Clone, Debug, Default)]
struct Fakes {
    done: Done,
    /// What every fake does instead of asking for an invocation.
    first: Option<&'static str>,
}

#[derive(Debug)]
struct Fake {
    ordinal: u64,
    done: Done,
    rss_kib: watch::Receiver<u64>,
    ended: watch::Sender<Option<ProgramExit>>,
    _runtime: JoinSet<()>,
}

impl Spawn for Fakes {
    fn spawn(
        &self,
        _function: Function,
        api: SocketAddr,
        ordinal: u64,
    ) -> BoxFuture<'_, Result<Box<dyn Child>, GuardStartError>> {
        let (ended, _) = watch::channel(None);
        let (grow, rss_kib) = watch::channel(1_000);
        let mut runtime = JoinSet::new();
        let (first, told) = (self.first, ended.clone());
        runtime.spawn(async move {
            let code = behave(api, first, &grow).await;
            told.send_replace(Some(ProgramExit { code, signal: None, asked: false }));
        });
        let fake =
            Fake { ordinal, done: Arc::clone(&self.done), rss_kib, ended, _runtime: runtime };
        async move { Ok(Box::new(fake) as Box<dyn Child>) }.boxed()
    }
}

impl Fake {
    fn note(&self, what: &str) {
        self.done.lock().unwrap().push(format!("{what} {}", self.ordinal));
    }
}

impl Child for Fake {
    fn pid(&self) -> u32 {
        7
    }
    fn rss_kib(&self) -> Option<u64> {
        Some(*self.rss_kib.borrow())
    }
    fn suspend(&self) {
        self.note("suspend");
    }
    fn resume(&self) {
        self.note("resume");
    }
    fn kill(&self) {
        self.note("kill");
    }
    fn exited(&mut self) -> BoxFuture<'_, ProgramExit> {
        let mut ended = self.ended.subscribe();
        async move { ended.wait_for(Option::is_some).await.unwrap().clone().unwrap() }.boxed()
    }
    fn stop(self: Box<Self>) -> BoxFuture<'static, ProgramExit> {
        self.note("stop");
        async move { ProgramExit { code: Some(0), signal: None, asked: true } }.boxed()
    }
}

/// A runtime: asks, does what the event says, and gives the exit code that it ends with.
async fn behave(api: SocketAddr, first: Option<&str>, grow: &watch::Sender<u64>) -> Option<i32> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("http://{api}/2018-06-01/runtime/{path}");
    let report = json!({"errorType": "Own.Kind", "errorMessage": "no"}).to_string();
    match first {
        Some("init-error") => {
            let sent = client.post(url("init/error")).body(report).send().await.unwrap();
            assert_eq!(sent.status(), 202);
            return Some(1);
        }
        Some("exit") => return Some(3),
        Some(other) => panic!("{other}"),
        None => {}
    }
    loop {
        let Ok(event) = client.get(url("invocation/next")).send().await else { return Some(9) };
        let header = |name: &str| event.headers()[name].to_str().unwrap().to_owned();
        let id = header("lambda-runtime-aws-request-id");
        let arn = header("lambda-runtime-invoked-function-arn");
        assert!(header("lambda-runtime-deadline-ms").parse::<u64>().unwrap() > 1_700_000_000_000);
        assert!(header("lambda-runtime-trace-id").starts_with("Root="));
        let event: Value = event.json().await.unwrap();
        let respond = async |id: &str, body: String| {
            let post = client.post(url(&format!("invocation/{id}/response"))).body(body);
            post.send().await.unwrap().status().as_u16()
        };
        if let Some(answer) = batch_answer(&event) {
            assert_eq!(respond(&id, answer.to_string()).await, 202);
            continue;
        }
        // The gateway's events carry it in the body.
        let body = event["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        let wanted = body.as_ref().unwrap_or(&event)["do"].as_str().unwrap_or("proxy").to_owned();
        match &*wanted {
            "proxy" => {
                let answer = json!({"statusCode": 203, "body": event.to_string()});
                assert_eq!(respond(&id, answer.to_string()).await, 202);
            }
            "echo" => {
                assert_eq!(respond(&id, json!({"arn": arn, "id": id}).to_string()).await, 202);
            }
            "error" => {
                let post = client.post(url(&format!("invocation/{id}/error")));
                assert_eq!(post.body(report.clone()).send().await.unwrap().status(), 202);
            }
            "stranger" => {
                assert_eq!(respond("another", "{}".to_owned()).await, 400);
                assert_eq!(respond(&id, "\"mine\"".to_owned()).await, 202);
                assert_eq!(respond(&id, "\"twice\"".to_owned()).await, 400);
            }
            "largest" => assert_eq!(respond(&id, "x".repeat(PAYLOAD_MAX)).await, 202),
            "oversize" => assert_eq!(respond(&id, "x".repeat(PAYLOAD_MAX + 1)).await, 413),
            "answer-then-exit" => {
                assert_eq!(respond(&id, "\"last\"".to_owned()).await, 202);
                return Some(4);
            }
            "exit" => return Some(5),
            "grow" => {
                grow.send_replace(1 << 30);
                std::future::pending::<()>().await;
            }
            "hang" => std::future::pending::<()>().await,
            other => panic!("{other}"),
        }
    }
}

/// Every message of a batch but the bad ones is taken.
fn batch_answer(event: &Value) -> Option<Value> {
    let failed: Vec<Value> = event["Records"]
        .as_array()?
        .iter()
        .filter(|record| record["body"] == "bad")
        .map(|record| json!({ "itemIdentifier": record["messageId"] }))
        .collect();
    Some(json!({ "batchItemFailures": failed }))
}

fn host(sandboxes: u32, fakes: &Fakes) -> Functions {
    let spawner: Arc<dyn Spawn> = Arc::new(fakes.clone());
    let options = LambdaOptions { sandboxes, timeout_ms: Some(400), ..LambdaOptions::default() };
    Functions::new(options, &spawner)
}

fn event(what: &str) -> Event {
    Event {
        id: format!("id-{what}"),
        payload: Bytes::from(json!({ "do": what }).to_string()),
        trace_id: "Root=1-0-0".to_owned(),
    }
}

async fn ask(host: &Functions, what: &str) -> Result<Bytes, InvokeError> {
    host.invoke(Function::Query, event(what)).await
}

/// Waits until the figures of `query` are as they must become.
async fn settled(host: &Functions, wanted: impl Fn(&Figures) -> bool) {
    let seen = poll::until(Pace::quick(Duration::from_secs(5)), None, async || {
        let figures = host.figures().remove(&Function::Query).unwrap();
        if wanted(&figures) { ControlFlow::Break(()) } else { ControlFlow::Continue(Some(figures)) }
    });
    seen.await.unwrap();
}

fn kind(answer: Result<Bytes, InvokeError>) -> FailureKind {
    match answer {
        Err(InvokeError::Function(error)) => error.kind,
        other => panic!("no function error: {other:?}"),
    }
}

#[tokio::test]
async fn an_answer_is_the_functions_own_and_the_process_is_stopped_between_two() {
    let fakes = Fakes::default();
    let host = host(2, &fakes);
    let answer: Value = serde_json::from_slice(&ask(&host, "echo").await.unwrap()).unwrap();
    assert_eq!(answer["id"], "id-echo");
    assert_eq!(answer["arn"], "arn:aws:lambda:eu-west-1:123456789012:function:query");
    // The second comes at once and finds the sandbox warm.
    ask(&host, "echo").await.unwrap();
    host.stop().await;
    let figures = host.figures().remove(&Function::Query).unwrap();
    assert_eq!((figures.cold_starts.count, figures.invocations, figures.errors), (1, 2, 0));
    assert!(figures.cold_starts.init_max_us > 0 && figures.rss_max_kib == 1_000, "{figures:?}");
    assert_eq!(figures.sandboxes, 0);
    let done = fakes.done.lock().unwrap().clone();
    let calls: Vec<&str> = done.iter().map(String::as_str).collect();
    assert_eq!(
        calls[..4],
        ["suspend 0", "resume 0", "suspend 0", "resume 0"],
        "stopped before, between and never during an invocation: {calls:?}"
    );
    assert_eq!(calls.last(), Some(&"stop 0"));
}

#[tokio::test]
async fn each_way_to_fail_is_told_apart_and_costs_the_sandbox_or_not() {
    for (what, failed, sandbox_lives) in [
        ("error", FailureKind::Reported, true),
        ("oversize", FailureKind::ResponseTooLarge, true),
        ("exit", FailureKind::Crashed, false),
        ("hang", FailureKind::TimedOut, false),
        ("grow", FailureKind::OutOfMemory, false),
    ] {
        let fakes = Fakes::default();
        let host = host(1, &fakes);
        assert_eq!(kind(ask(&host, what).await), failed, "{what}");
        // One place only: the next one runs once the sandbox is warm again or gone.
        settled(&host, |figures| figures.idle == figures.sandboxes).await;
        ask(&host, "echo").await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let figures = host.figures().remove(&Function::Query).unwrap();
        assert_eq!(figures.cold_starts.count, if sandbox_lives { 1 } else { 2 }, "{what}");
        assert_eq!(figures.errors, 1, "{what}");
        let done = fakes.done.lock().unwrap().clone();
        assert_eq!(done.contains(&"kill 0".to_owned()), !sandbox_lives, "{what}: {done:?}");
        host.stop().await;
    }
}

#[tokio::test]
async fn a_report_is_passed_on_word_for_word() {
    let host = host(1, &Fakes::default());
    let error = ask(&host, "error").await.unwrap_err();
    assert_eq!(error.to_string(), "Own.Kind: no");
    host.stop().await;
}

#[tokio::test]
async fn an_answer_stands_though_the_process_ends_after_it() {
    let host = host(1, &Fakes::default());
    assert_eq!(ask(&host, "answer-then-exit").await.unwrap(), "\"last\"");
    settled(&host, |figures| figures.sandboxes == 0).await;
    host.stop().await;
    let figures = host.figures().remove(&Function::Query).unwrap();
    assert_eq!((figures.invocations, figures.crashes), (1, 1));
}

#[tokio::test]
async fn an_answer_counts_once_and_for_its_own_invocation() {
    let host = host(1, &Fakes::default());
    assert_eq!(ask(&host, "stranger").await.unwrap(), "\"mine\"");
    host.stop().await;
}

#[tokio::test]
async fn six_megabytes_fit_both_ways_and_no_byte_more() {
    let host = host(1, &Fakes::default());
    assert_eq!(ask(&host, "largest").await.unwrap().len(), PAYLOAD_MAX);
    let mut large = event("echo");
    large.payload = Bytes::from(vec![b' '; PAYLOAD_MAX + 1]);
    let refused = host.invoke(Function::Query, large).await;
    assert_eq!(refused, Err(InvokeError::TooLarge { bytes: PAYLOAD_MAX + 1 }));
    host.stop().await;
}

#[tokio::test]
async fn one_more_than_there_are_places_is_throttled() {
    let host = host(3, &Fakes::default());
    let answers = join_all((0..5).map(|_| ask(&host, "hang"))).await;
    let throttled = |answer: &&Result<_, _>| matches!(answer, Err(InvokeError::Throttled { .. }));
    assert_eq!(answers.iter().filter(throttled).count(), 2);
    let figures = host.figures().remove(&Function::Query).unwrap();
    assert_eq!((figures.throttles, figures.cold_starts.count), (2, 3));
    // Functions do not share their places.
    host.invoke(Function::Health, event("echo")).await.unwrap();
    host.stop().await;
}

/// A machine has fewer sandboxes than an account: with a queue, as many wait their turn.
#[tokio::test]
async fn with_a_queue_the_rest_waits_its_turn() {
    let spawner: Arc<dyn Spawn> = Arc::new(Fakes::default());
    let options = LambdaOptions { sandboxes: 2, queue_ms: 5_000, ..LambdaOptions::default() };
    let host = Functions::new(options, &spawner);
    let answers = join_all((0..40).map(|_| ask(&host, "echo"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    settled(&host, |figures| figures.invocations == 40).await;
    let figures = host.figures().remove(&Function::Query).unwrap();
    assert!(figures.throttles == 0 && figures.cold_starts.count <= 2, "{figures:?}");
    host.stop().await;
}

#[tokio::test]
async fn a_function_that_cannot_begin_fails_its_invocation() {
    for first in ["init-error", "exit"] {
        let host = host(1, &Fakes { first: Some(first), ..Fakes::default() });
        assert_eq!(kind(ask(&host, "echo").await), FailureKind::Init, "{first}");
        assert!(matches!(host.warm(Function::Usage).await, Err(InvokeError::Function(_))));
        host.stop().await;
        assert_eq!(host.figures()[&Function::Query].failed_starts, 1);
    }
}

#[tokio::test]
async fn an_evicted_sandbox_is_used_no_more() {
    let fakes = Fakes::default();
    let host = host(1, &fakes);
    host.warm(Function::Query).await.unwrap();
    assert_eq!(host.evict(Some(Function::Usage)), 0);
    assert_eq!(host.evict(None), 1);
    settled(&host, |figures| figures.sandboxes == 0).await;
    ask(&host, "echo").await.unwrap();
    assert_eq!(host.figures()[&Function::Query].cold_starts.count, 2);
    host.stop().await;
}

#[tokio::test]
async fn a_sandbox_that_nobody_uses_is_ended() {
    let spawner: Arc<dyn Spawn> = Arc::new(Fakes::default());
    let options = LambdaOptions { idle_ms: 30, ..LambdaOptions::default() };
    let host = Functions::new(options, &spawner);
    host.warm(Function::Query).await.unwrap();
    settled(&host, |figures| figures.sandboxes == 0).await;
    host.stop().await;
}

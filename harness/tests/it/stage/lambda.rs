//! The backend in its deployed shape: real functions in sandboxes, behind a gateway.

use super::processes::Harness;
use super::processes::ORPHAN;
use super::processes::PATIENCE;
use super::processes::fixture_question;
use super::processes::functions;
use super::processes::nothing_left;
use harness::adapters::lambda_figures;
use harness::adapters::lambda_figures::ByFunction;
use harness::adapters::lambda_host::Function;
use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use procfs::process::Process;
use serde_json::Value;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::Path;

async fn up(run_dir: &Path, more: &[&str]) -> Harness {
    let folder = functions().await;
    let mut args = vec!["--json", "--runtime", "lambda", "--backend-bin", folder.to_str().unwrap()];
    args.extend(more);
    Harness::up(run_dir, &args)
}

async fn figures(printed: &Value) -> ByFunction {
    lambda_figures::read(text(printed, "/stage/admin/lambda_url")).await.unwrap()
}

fn text<'a>(printed: &'a Value, pointer: &str) -> &'a str {
    printed.pointer(pointer).and_then(Value::as_str).expect(pointer)
}

/// A question of alice's.
async fn ask(printed: &Value) -> reqwest::Response {
    let question = fixture_question();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    client
        .post(format!("{}/api/query", text(printed, "/stage/base_url")))
        .bearer_auth(text(printed, "/tokens/alice/access_token"))
        .json(&json!({ "question": question["question"] }))
        .send()
        .await
        .unwrap()
}

/// Waits until every sandbox is idle and its process is stopped; the processes.
async fn all_stopped(printed: &Value) -> Vec<u32> {
    let stopped = poll::until(Pace::quick(PATIENCE), Vec::new(), async || {
        let pids: Vec<u32> = figures(printed).await.into_values().flat_map(|f| f.pids).collect();
        let state = |pid: &u32| {
            let process = Process::new(i32::try_from(*pid).unwrap()).ok();
            process.and_then(|process| process.stat().ok()).map(|stat| stat.state)
        };
        let states: Vec<_> = pids.iter().map(state).collect();
        if states.iter().all(|state| *state == Some('T')) {
            ControlFlow::Break(pids)
        } else {
            ControlFlow::Continue(states)
        }
    });
    stopped.await.unwrap()
}

/// Every function answers; a sandbox stands still between invocations, and one that is killed is replaced.
#[tokio::test]
async fn functions_answer_behind_either_gateway() {
    for (gateway, id) in [("v1", "x-amzn-requestid"), ("v2", "apigw-requestid")] {
        let folder = tempfile::tempdir().unwrap();
        let mut up = up(folder.path(), &["--gateway", gateway]).await;
        let printed = up.json().await;
        assert_eq!(printed["stage"]["runtime"], "lambda");
        assert_eq!(printed["stage"]["processes"].get("backend_pid"), None);
        let answer = ask(&printed).await;
        assert_eq!(answer.status(), 200, "{gateway}");
        assert!(answer.headers().contains_key(id) && answer.headers().contains_key("x-request-id"));
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["context_found"], true);
        let before = figures(&printed).await;
        assert!(before.values().all(|figures| figures.cold_starts.count > 0), "{before:?}");
        assert_eq!(before[&Function::Query].cold_starts.count, 1, "one at a time is warm");
        all_stopped(&printed).await;
        let [sandbox] = before[&Function::Query].pids[..] else { panic!("{before:?}") };
        kill(Pid::from_raw(sandbox.try_into().unwrap()), Signal::SIGKILL).unwrap();
        let seen = poll::until(Pace::quick(PATIENCE), (), async || {
            let after = figures(&printed).await;
            match &lambda_figures::deaths(&before, &after)[..] {
                [] => ControlFlow::Continue(()),
                deaths => ControlFlow::Break(deaths.join("")),
            }
        });
        assert_eq!(seen.await.unwrap(), "sandboxes of `query` ended by themselves 1 times");
        assert_eq!(ask(&printed).await.status(), 200);
        assert_eq!(figures(&printed).await[&Function::Query].cold_starts.count, 2);
        up.signal(Signal::SIGINT);
        assert!(up.ended().await.0.success());
        nothing_left(folder.path()).await;
    }
}

/// A stage that is killed stops nothing itself: the guards end every sandbox, and that it stands still saves none.
#[tokio::test]
async fn a_killed_stage_leaves_no_stopped_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = up(folder.path(), &[]).await;
    let printed = up.json().await;
    assert_eq!(ask(&printed).await.status(), 200);
    let pids = all_stopped(&printed).await;
    assert!(pids.len() >= Function::ALL.len(), "{pids:?}");
    let stage = printed["stage"]["processes"]["stage_pid"].as_i64().unwrap();
    kill(Pid::from_raw(stage.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let left = poll::until(Pace::quick(ORPHAN), Vec::new(), async || {
        let alive = |pid: &&u32| Path::new("/proc").join(pid.to_string()).exists();
        let left: Vec<u32> = pids.iter().filter(alive).copied().collect();
        if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(left) }
    });
    left.await.expect("every sandbox is gone");
    assert_eq!(up.ended().await.0.code(), Some(4));
    nothing_left(folder.path()).await;
}

/// Their binaries would have the names of those without defects.
#[tokio::test]
async fn defects_are_not_built_into_functions() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--runtime", "lambda", "--defects", "quota-fails-open"];
    let mut up = Harness::up(folder.path(), &args);
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(2));
    assert!(stderr.contains("--target-dir target/defects"), "{stderr}");
    nothing_left(folder.path()).await;
}

//! `harness fault` against a stage: what the backend's users see, what is told, and that nothing stays.

use std::path::Path;
use std::path::PathBuf;
use std::process::Output;
use std::process::Stdio;

use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use serde_json::json;
use std::ops::ControlFlow;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::timeout;

use super::processes::Harness;
use super::processes::PATIENCE;
use super::processes::fixture_question;

/// A stage with proxies on its wire, and a question for it.
struct Stage {
    _up: Harness,
    file: PathBuf,
    base_url: String,
    token: String,
    /// Each question differs, so that no answer is one that is remembered.
    asked: u32,
}

async fn stage(folder: &Path) -> Stage {
    let mut up = Harness::up_with_backend(folder, &["--json", "--wire-faults"]).await;
    let printed = up.json().await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Stage {
        _up: up,
        file: folder.join("stage.json"),
        base_url: text(&printed["stage"]["base_url"]),
        token: text(&printed["tokens"]["alice"]["access_token"]),
        asked: 0,
    }
}

impl Stage {
    async fn ask(&mut self) -> (u16, Value) {
        self.asked += 1;
        let question =
            format!("{} ({})", fixture_question()["question"].as_str().unwrap(), self.asked);
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(format!("{}/api/query", self.base_url))
            .bearer_auth(&self.token)
            .json(&json!({ "question": question }))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn fault(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .arg("fault")
            .args(args)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .args(["--stage", self.file.to_str().unwrap()])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn done(&self, args: &[&str]) -> Output {
        timeout(PATIENCE, self.fault(args).output()).await.unwrap().unwrap()
    }

    /// Begins to hold a fault: it is on when this returns.
    async fn hold(&self, args: &[&str]) -> Child {
        let mut child =
            self.fault(args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert!(line.contains("until Ctrl-C"), "{line}");
        child
    }
}

async fn interrupted(child: Child) -> String {
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_throttled_model_is_seen_by_users_told_and_gone_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    assert_eq!(stage.ask().await.0, 200);
    let held =
        stage.hold(&["inject", "bedrock-runtime:Converse", "error ThrottlingException"]).await;
    let (status, answer) = stage.ask().await;
    assert_eq!((status, &answer["code"]), (429, &json!("model_throttled")), "{answer}");
    let listed = stage.done(&["list"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("rules: 1") && listed.contains("seen 3, hit 3"), "{listed}");
    let told = interrupted(held).await;
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.contains("attempt 3: error ThrottlingException, had no effect"), "{told}");
    assert_eq!(stage.ask().await.0, 200);

    // Two attempts of each request fail, the third does not: nobody notices.
    let calls = [
        "inject",
        "bedrock-runtime:Converse",
        "error ServiceUnavailableException",
        "--calls",
        "1..2",
    ];
    let held = stage.hold(&calls).await;
    assert_eq!(stage.ask().await.0, 200);
    assert_eq!(interrupted(held).await.lines().count(), 2);

    // A fault that never fired proves nothing, and says so.
    let idle = ["inject", "sns:Publish", "error InternalError", "--for", "300ms"];
    let idle = stage.done(&idle).await;
    let told = String::from_utf8_lossy(&idle.stderr).into_owned();
    assert_eq!(idle.status.code(), Some(3), "{told}");
    assert!(told.contains("no call was hit"), "{told}");

    let (lines, cut) = injector::ledger::read(&folder.path().join("faults.jsonl")).unwrap();
    assert_eq!((lines.len(), cut), (5, false));
    assert!(lines.iter().all(|line| line.keyed), "the backend tells trace and ordinal");
}

#[tokio::test]
async fn the_wire_can_be_slow_and_down_and_heals_when_its_holder_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(folder.path()).await;
    let held = stage.hold(&["proxy", "bedrock-runtime", "latency", "latency=400"]).await;
    let began = tokio::time::Instant::now();
    assert_eq!(stage.ask().await.0, 200);
    assert!(began.elapsed().as_millis() >= 395, "{:?}", began.elapsed());
    interrupted(held).await;
    let mut held = stage.hold(&["proxy", "bedrock-runtime", "down"]).await;
    let (status, answer) = stage.ask().await;
    assert_eq!(status, 503, "{answer}");
    held.kill().await.unwrap();
    // The lease of whoever was killed ends; the breaker lets a question through again after it.
    let healed = poll::until(Pace::patient(PATIENCE), String::new(), async || {
        let listed = stage.done(&["list"]).await;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        if listed.contains("bedrock-runtime  down") {
            ControlFlow::Continue(listed)
        } else {
            ControlFlow::Break(())
        }
    });
    healed.await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_put_on() {
    let folder = tempfile::tempdir().unwrap();
    let stage = stage(folder.path()).await;
    for (args, says) in [
        (
            &["inject", "bedrock-runtime:Convers", "error ThrottlingException"][..],
            "did you mean `Converse`?",
        ),
        (
            &["inject", "dynamodb:*", "error ThrotlingException"],
            "did you mean `ThrottlingException`?",
        ),
        (&["inject", "dynamodb:*", "delay -4s"], "500ms, 4s or 2m"),
        (&["inject", "s3:*", "error SlowDown", "--rate", "NaN"], "expected a share from 0 to 1"),
        (&["proxy", "dynmo", "latency"], "there are bedrock-agent, "),
        (&["proxy", "s3", "latncy"], "invalid toxic type"),
        (&["proxy", "s3", "latency", "latency=-1"], "expected a whole number"),
        (&["proxy", "s3", "slicer"], "`average_size`"),
        (&["proxy", "s3", "latency", "--stream", "sideways"], "upstream or downstream"),
        (&["gateway", "dynamo=http://127.0.0.1:1"], "did you mean `dynamodb`?"),
    ] {
        let mut command = stage.fault(args);
        if args[0] == "gateway" {
            command = Command::new(env!("CARGO_BIN_EXE_harness"));
            command.arg("fault").args(args).kill_on_drop(true);
        }
        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains(says), "{args:?}: {told}");
    }
    let listed = stage.done(&["list"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.starts_with("rules: 0\ntoxics: 0"), "{listed}");
    assert_eq!(stage.done(&["clear"]).await.status.code(), Some(0));
}

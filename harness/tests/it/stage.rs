//! Stages as processes: what they print, who ends them, and that nothing of them is ever left behind. The backend is
//! the workspace's own, built on the way; no test waits for a fixed time.

mod attacks;
mod chaos;
#[cfg(feature = "containers")]
mod containers;
mod edge;
mod faults;
mod guard;
mod lambda;
pub(crate) mod processes;
mod refusals;
mod standing;

use harness::adapters::poll;
use harness::adapters::poll::Pace;
use harness::adapters::provision::WantedUser;
use harness::adapters::provision::provision;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use processes::Harness;
use processes::PATIENCE;
use processes::backend;
use processes::fixture_question;
use processes::nothing_left;
use processes::processes_of;
use processes::script;
use serde_json::Value;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn a_stage_is_described_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    backend().await;
    let mut up = Harness::up(folder.path(), &["--json"]);
    let printed = up.json().await;
    let file = folder.path().join("stage.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let stage = harness::config::stage_file::read(&file).unwrap();
    assert_eq!(serde_json::to_value(&stage).unwrap(), printed["stage"]);
    let owned = |user: usize| stage.users[user].manuals.join(" ");
    assert_eq!(stage.users[0].username, "alice");
    assert_eq!(
        [owned(0), owned(1), owned(2), owned(3)],
        ["coffee ebike router", "router", "solar", ""]
    );
    assert!(stage.sut_defects.is_empty());
    assert_eq!(printed["tokens"].as_object().unwrap().len(), 4);

    let question = fixture_question();
    let answer = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}/api/query", stage.base_url))
        .bearer_auth(printed["tokens"]["alice"]["access_token"].as_str().unwrap())
        .json(&serde_json::json!({ "question": question["question"] }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let phrase = question["phrase"].as_str().unwrap().to_lowercase();
    assert!(answer["answer"].as_str().unwrap().to_lowercase().contains(&phrase), "{answer}");

    assert!(processes_of(folder.path()).len() >= 4, "runner, stage, guard, backend");
    up.signal(Signal::SIGINT);
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(processes_of(folder.path()), [], "stopped before the runner ended");
}

#[tokio::test]
async fn what_is_printed_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--users", "1"]).await;
    let mut printed = Vec::new();
    while !printed.last().is_some_and(|line: &String| line.starts_with("ready in ")) {
        printed.push(up.line().await);
    }
    let lines = |start: &str| {
        printed
            .iter()
            .map(|line| line.trim())
            .filter(|line| line.starts_with(start))
            .collect::<Vec<_>>()
    };
    assert!(printed.iter().any(|line| line.contains("user-001")), "{printed:?}");
    let aws = lines("AWS_ACCESS_KEY_ID=");
    assert!(
        aws.iter().any(|line| line.contains("aws --endpoint-url http://127.0.0.1:")),
        "{aws:?}"
    );
    let [ask, upload] = lines("curl ")[..] else { panic!("{printed:?}") };
    for (line, expected) in [(ask, "200"), (upload, "201"), (upload, "401")] {
        let pasted = format!("{line} -o /dev/null -w '%{{http_code}}'");
        let run = Command::new("sh").args(["-c", &pasted]).kill_on_drop(true).output();
        let run = timeout(PATIENCE, run).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&run.stdout), expected, "{line}");
    }
    // The end of a piped standard input is the end of the stage, too.
    drop(up.stdin.take());
    assert_eq!(up.ended().await.0.code(), Some(0));
}

/// What an earlier stage's backend wrote is no word of this one's.
#[tokio::test]
async fn a_folder_that_was_used_before_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("backend.log");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let old = format!("{{\"message\":\"listening\",\"address\":\"{nobody}\"}}\n");
    std::fs::write(&log, &old).unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let printed = up.json().await;
    let base_url = printed["stage"]["base_url"].as_str().unwrap();
    assert_ne!(base_url, format!("http://{nobody}"));
    let written = std::fs::read_to_string(&log).unwrap();
    assert_eq!(written.matches("\"listening\"").count(), 1, "{written}");
    up.signal(Signal::SIGINT);
    assert_eq!(up.ended().await.0.code(), Some(0));
    // It holds this process's turn.
    drop(up);

    // Nor its last words.
    std::fs::write(&log, "last words of another\n").unwrap();
    let program = script(folder.path(), "echo starting; exit 3");
    let mut up = Harness::up(folder.path(), &["--backend-bin", program.to_str().unwrap()]);
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("starting") && !stderr.contains("another"), "{stderr}");
    nothing_left(folder.path()).await;
}

#[tokio::test]
async fn nothing_survives_a_killed_runner() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let printed = up.json().await;
    let backend = printed["stage"]["processes"]["backend_pid"].as_u64().unwrap();
    assert!(Path::new(&format!("/proc/{backend}")).exists());
    assert!(processes_of(folder.path()).len() >= 4);
    up.signal(Signal::SIGKILL);
    up.ended().await;
    nothing_left(folder.path()).await;
    assert!(!Path::new(&format!("/proc/{backend}")).exists());
}

#[tokio::test]
async fn nothing_survives_a_killed_stage_and_the_runner_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let printed = up.json().await;
    let stage = printed["stage"]["processes"]["stage_pid"].as_i64().unwrap();
    kill(Pid::from_raw(stage.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("the stage process is gone"), "{stderr}");
    nothing_left(folder.path()).await;
}

#[tokio::test]
async fn a_backend_that_ends_by_itself_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let printed = up.json().await;
    let backend = printed["stage"]["processes"]["backend_pid"].as_i64().unwrap();
    kill(Pid::from_raw(backend.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("the backend ended by itself (signal 9)"), "{stderr}");
    let log = std::fs::read_to_string(folder.path().join("backend.log")).unwrap();
    assert!(stderr.contains(log.lines().last().unwrap()), "its last lines: {stderr}\n{log}");
    nothing_left(folder.path()).await;
}

#[tokio::test]
async fn ctrl_c_while_a_stage_starts_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let slow = script(folder.path(), "exec sleep 1000");
    let mut up = Harness::up(folder.path(), &["--backend-bin", slow.to_str().unwrap()]);
    let started = poll::until(Pace::quick(PATIENCE), (), async || {
        let running = processes_of(folder.path());
        let slow = running.iter().any(|(_, command)| command.starts_with("sleep 1000"));
        if slow { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    started.await.expect("the backend is started");
    up.signal(Signal::SIGINT);
    assert_eq!(up.ended().await.0.code(), Some(130));
    assert_eq!(processes_of(folder.path()), []);
}

#[tokio::test]
async fn a_backend_run_by_hand_gets_its_variables_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backend.env");
    let path = file.to_str().unwrap();
    let mut up = Harness::up(folder.path(), &["--json", "--no-backend", "--env-file", path]);
    let written = poll::until(Pace::quick(PATIENCE), (), async || {
        if file.exists() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    written.await.expect("the variables are written");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let server = backend().await;
    let shell = format!("set -a; . {path}; exec {}", server.display());
    let mut by_hand = Command::new("sh")
        .args(["-c", &shell])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let printed = up.json().await;
    assert_eq!(printed["stage"]["processes"]["backend_pid"], Value::Null);
    assert_eq!(printed["stage"]["users"].as_array().unwrap().len(), 4);
    up.signal(Signal::SIGTERM);
    assert_eq!(up.ended().await.0.code(), Some(0));
    by_hand.kill().await.unwrap();
}

/// With nothing but the stage file: a known user keeps its manuals, a new one is created, nothing is uploaded twice.
#[tokio::test]
async fn users_are_provisioned_from_the_description_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    up.json().await;
    let stage = harness::config::stage_file::read(&folder.path().join("stage.json")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manuals = harness::commands::stage::manual_files(&root).unwrap();
    let wanted =
        [("alice", "solar"), ("bob", "router"), ("erin", "coffee")].map(|(user, manual)| {
            WantedUser { username: user.to_owned(), manuals: vec![manual.to_owned()] }
        });
    let users = provision(&stage, &manuals, &wanted, 4).await.unwrap();
    let owned: Vec<String> = users
        .iter()
        .map(|user| user.manual_ids.keys().cloned().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(owned, ["coffee ebike router solar", "router", "coffee"]);
    assert_eq!(Some(&users[1].sub), stage.users[1].sub.as_ref());
    let again = provision(&stage, &manuals, &wanted[..2], 4).await.unwrap();
    for (before, after) in users.iter().zip(&again) {
        assert_eq!(before.manual_ids, after.manual_ids, "{}", before.username);
    }
    let stranger = WantedUser { username: "alice".to_owned(), manuals: vec!["toaster".to_owned()] };
    let error = provision(&stage, &manuals, &[stranger], 1).await.unwrap_err().to_string();
    assert!(error.contains("\"toaster\"") && error.contains("router"), "{error}");
}

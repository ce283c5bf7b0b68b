//! Stages as processes: what they print, how they fail, and that nothing of them is ever left behind. The backend is
//! the workspace's own, built on the way; no test waits for a fixed time.

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use harness::adapters::backend_build;
use harness::adapters::backend_build::BuildPlan;
use harness::adapters::guard::GuardLine;
use harness::adapters::poll;
use harness::adapters::poll::Pace;
use harness::adapters::provision::WantedUser;
use harness::adapters::provision::provision;
use harness::config::root;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// For anything but a build; generous, since a test machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is left five seconds after its parent is an orphan.
const ORPHAN: Duration = Duration::from_secs(5);

struct Harness {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Harness {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(args)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdin, lines }
    }

    fn up(run_dir: &Path, more: &[&str]) -> Self {
        let mut args = vec!["stage", "up", "--run-dir", run_dir.to_str().unwrap()];
        args.extend(more);
        Self::start(&args)
    }

    /// With the workspace's backend.
    async fn up_with_backend(run_dir: &Path, more: &[&str]) -> Self {
        let server = backend().await;
        let mut args = vec!["--backend-bin", server.to_str().unwrap()];
        args.extend(more);
        Self::up(run_dir, &args)
    }

    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
        let line = line.unwrap();
        if line.is_none() {
            let (status, stderr) = self.ended().await;
            assert!(line.is_some(), "no line: {status}\n{stderr}");
        }
        line.unwrap()
    }

    async fn json(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).expect(&line)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().unwrap();
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    async fn ended(&mut self) -> (ExitStatus, String) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").unwrap();
        let mut stderr = String::new();
        let read = self.child.stderr.as_mut().unwrap().read_to_string(&mut stderr);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        (status, stderr)
    }
}

/// The workspace's backend. Building it may wait for another cargo, so it is done apart from what is timed.
async fn backend() -> PathBuf {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let built = BUILT.get_or_init(async || {
        let folder = tempfile::tempdir().unwrap();
        let cargo = root::cargo_environment();
        let exe = PathBuf::from(env!("CARGO_BIN_EXE_harness"));
        let plan = BuildPlan {
            root: root::find(&exe).unwrap(),
            harness: exe,
            defects: false,
            cargo: cargo.cargo,
            target_dir: cargo.target_dir,
            env: cargo.variables,
            log: folder.path().join("cargo.log"),
        };
        backend_build::build(plan).await.unwrap()
    });
    built.await.clone()
}

/// Processes that name `marker` in their command line or environment, but for this one.
fn processes_of(marker: &Path) -> Vec<(u32, String)> {
    let marker = marker.to_str().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let ours = command.contains(marker) || environment.contains(marker);
        if ours && pid != std::process::id() {
            found.push((pid, command));
        }
    }
    found
}

async fn nothing_left(marker: &Path) {
    let gone = poll::until(Pace::quick(ORPHAN), Vec::new(), async || {
        let left = processes_of(marker);
        if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(left) }
    });
    gone.await.expect("nothing is left");
}

/// The first fixture question: what must occur in its answer is known.
fn fixture_question() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/questions.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let questions: Value = toml::from_str(&text).unwrap();
    questions["question"][0].clone()
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("backend.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn guard(folder: &Path, command: &[&str]) -> Harness {
    let log = folder.join("log");
    let mut args = vec!["__guard", "--log", log.to_str().unwrap(), "--"];
    args.extend(command);
    Harness::start(&args)
}

async fn guard_line(guard: &mut Harness) -> GuardLine {
    serde_json::from_str(&guard.line().await).unwrap()
}

#[tokio::test]
async fn a_guard_ends_a_stubborn_program_and_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "trap '' TERM; echo deaf; sleep 1000 & wait; sleep 1000");
    let mut guard = guard(folder.path(), &[program.to_str().unwrap()]);
    let GuardLine::Started { pid } = guard_line(&mut guard).await else { panic!("not started") };
    let log = folder.path().join("log");
    let deaf = poll::until(Pace::quick(PATIENCE), (), async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if said == "deaf\n" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    deaf.await.expect("the program ignores SIGTERM");
    drop(guard.stdin.take());
    let GuardLine::Exited(exit) = guard_line(&mut guard).await else { panic!("no exit") };
    assert_eq!((exit.signal, exit.asked), (Some(9), true));
    assert!(guard.ended().await.0.success());
    let group = Pid::from_raw(pid.try_into().unwrap());
    let left = poll::until(Pace::quick(ORPHAN), (), async || {
        match nix::sys::signal::killpg(group, None) {
            Err(_) => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
        }
    });
    left.await.expect("the whole group is gone");
}

#[tokio::test]
async fn a_guard_tells_how_its_program_ended() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "echo out; echo err >&2; exit 7");
    let mut guard = guard(folder.path(), &[program.to_str().unwrap()]);
    guard_line(&mut guard).await;
    let GuardLine::Exited(exit) = guard_line(&mut guard).await else { panic!("no exit") };
    assert_eq!((exit.code, exit.signal, exit.asked), (Some(7), None, false));
    // Its stdin is still open here: it ends all the same.
    assert!(guard.ended().await.0.success());
    assert_eq!(std::fs::read_to_string(folder.path().join("log")).unwrap(), "out\nerr\n");
}

#[tokio::test]
async fn a_guard_says_that_there_is_no_such_program() {
    let folder = tempfile::tempdir().unwrap();
    let mut guard = guard(folder.path(), &["/no/such/program"]);
    let line = guard_line(&mut guard).await;
    assert!(matches!(line, GuardLine::NotStarted { missing: true, .. }), "{line:?}");
}

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
    assert!(stderr.contains("listening"), "its last lines: {stderr}");
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

/// What `stage up` says, exit code and stderr, when the backend is this script.
async fn refused(text: &str, more: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), text);
    let mut args = vec!["--backend-bin", program.to_str().unwrap()];
    args.extend(more);
    let mut up = Harness::up(folder.path(), &args);
    let (status, stderr) = up.ended().await;
    assert_eq!(processes_of(folder.path()), []);
    (status.code(), stderr)
}

#[tokio::test]
async fn a_backend_that_dies_at_start_is_shown_with_its_last_lines() {
    let (code, stderr) = refused("echo starting; echo 'no such table' >&2; exit 3", &[]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains("ended before it was ready (exit code 3)"), "{stderr}");
    assert!(stderr.contains("starting") && stderr.contains("no such table"), "{stderr}");
}

#[tokio::test]
async fn a_backend_that_never_listens_is_given_ten_seconds() {
    let (code, stderr) = refused("echo still thinking; exec sleep 1000", &[]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains("was not ready within 10s"), "{stderr}");
    assert!(stderr.contains("still thinking"), "{stderr}");
}

#[tokio::test]
async fn a_taken_port_is_a_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let variable = format!("BIND_ADDRESS={address}");
    let (code, stderr) = refused("exec sleep 1000", &["--env", &variable]).await;
    assert_eq!(code, Some(4));
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
    let (code, stderr) = refused("exec sleep 1000", &["--env", "BIND_ADDRESS=0.0.0.0:80"]).await;
    assert_eq!(code, Some(2), "{stderr}");
}

#[tokio::test]
async fn a_missing_binary_has_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up(folder.path(), &["--backend-bin", "/no/such/backend"]);
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("there is no backend binary /no/such/backend"), "{stderr}");
    assert!(stderr.contains("--backend-bin"), "{stderr}");
}

#[tokio::test]
async fn a_configuration_that_the_backend_refuses_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--env", "DAILY_QUOTA=many"]).await;
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("ended before it was ready"), "{stderr}");
    assert!(stderr.contains("DAILY_QUOTA"), "{stderr}");
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

#[tokio::test]
async fn defects_that_the_binary_does_not_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--defects", "quota-fails-open"]).await;
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    assert!(stderr.contains("does not have the seeded defects quota-fails-open"), "{stderr}");
    assert!(stderr.contains("server-defects"), "{stderr}");
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

/// `--stage FILE` of a suite: exit 2 with the place, before anything is started.
#[tokio::test]
async fn a_stage_file_that_cannot_be_used_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let other = write("other.json", "{ \"schema\": \"manuel-stage/9\" }");
    let broken = write("broken.toml", "schema = \"manuel-stage/1\"\nbase_url = 7\n");
    for (file, said) in [
        ("/no/such/stage.json", "cannot read the stage file /no/such/stage.json"),
        (other.as_str(), "unknown schema `manuel-stage/9`"),
        (broken.as_str(), "broken.toml:2"),
    ] {
        let mut load = Harness::start(&["load", "--profile", "smoke", "--stage", file]);
        let (status, stderr) = load.ended().await;
        assert_eq!(status.code(), Some(2), "{stderr}");
        let unwrapped = stderr.replace("\n  │ ", "");
        assert!(unwrapped.contains(said), "{stderr}");
    }
}

//! What the tests of stages share: a `harness` process, and the processes that it leaves.

use harness::adapters::backend_build;
use harness::adapters::backend_build::BuildPlan;
use harness::adapters::lambda_host::Function;
use harness::adapters::poll;
use harness::adapters::poll::Pace;
use harness::config::root;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
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
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// What is left five seconds after its parent is an orphan.
pub(super) const ORPHAN: Duration = Duration::from_secs(5);

pub(super) struct Harness {
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) lines: Lines<BufReader<ChildStdout>>,
    _turn: Turn,
}

/// The one who may have processes now. Under `cargo test` all tests are threads of one process; under nextest each is a
/// process, and a test group does the same.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

/// Waits for one's turn. Blocks the thread, which is the test's own.
pub(crate) fn turn() -> Turn {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // Whoever panicked before has ended what it started.
    Turn(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Harness {
    pub(super) fn start(args: &[&str]) -> Self {
        let turn = turn();
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
        Self { child, stdin, lines, _turn: turn }
    }

    pub(super) fn up(run_dir: &Path, more: &[&str]) -> Self {
        let mut args = vec!["stage", "up", "--run-dir", run_dir.to_str().unwrap()];
        args.extend(more);
        Self::start(&args)
    }

    /// With the workspace's backend.
    pub(super) async fn up_with_backend(run_dir: &Path, more: &[&str]) -> Self {
        let server = backend().await;
        let mut args = vec!["--backend-bin", server.to_str().unwrap()];
        args.extend(more);
        Self::up(run_dir, &args)
    }

    pub(super) async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
        let line = line.unwrap();
        if line.is_none() {
            let (status, stderr) = self.ended().await;
            assert!(line.is_some(), "no line: {status}\n{stderr}");
        }
        line.unwrap()
    }

    pub(super) async fn json(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).expect(&line)
    }

    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.id().unwrap();
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    pub(super) async fn ended(&mut self) -> (ExitStatus, String) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("an end in time").unwrap();
        let mut stderr = String::new();
        let read = self.child.stderr.as_mut().unwrap().read_to_string(&mut stderr);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        (status, stderr)
    }
}

/// The workspace's backend. Building it may wait for another cargo, so it is done apart from what is timed.
pub(crate) async fn backend() -> PathBuf {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_init(|| build(false)).await.clone()
}

/// The same with seeded defects.
pub(crate) async fn backend_with_defects() -> PathBuf {
    build(true).await
}

/// The folder of the workspace's functions.
pub(crate) async fn functions() -> PathBuf {
    let folder = tempfile::tempdir().unwrap();
    let names = Function::ALL.map(Function::name);
    let built = backend_build::build_all(plan(folder.path(), false), &names).await.unwrap();
    built[0].parent().unwrap().to_path_buf()
}

async fn build(defects: bool) -> PathBuf {
    let folder = tempfile::tempdir().unwrap();
    backend_build::build(plan(folder.path(), defects)).await.unwrap()
}

fn plan(folder: &Path, defects: bool) -> BuildPlan {
    let cargo = root::cargo_environment();
    let exe = PathBuf::from(env!("CARGO_BIN_EXE_harness"));
    BuildPlan {
        root: root::find(&exe).unwrap(),
        harness: exe,
        defects,
        cargo: cargo.cargo,
        target_dir: cargo.target_dir,
        env: cargo.variables,
        log: folder.join("cargo.log"),
    }
}

/// Processes that name `marker` in their command line or environment, but for this one.
pub(crate) fn processes_of(marker: &Path) -> Vec<(u32, String)> {
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

pub(crate) async fn nothing_left(marker: &Path) {
    let gone = poll::until(Pace::quick(ORPHAN), Vec::new(), async || {
        let left = processes_of(marker);
        if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(left) }
    });
    gone.await.expect("nothing is left");
}

/// The first fixture question: what must occur in its answer is known.
pub(super) fn fixture_question() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/questions.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let questions: Value = toml::from_str(&text).unwrap();
    questions["question"][0].clone()
}

pub(crate) fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("backend.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

//! The guard by itself, with small shell programs.

use super::processes::Harness;
use super::processes::ORPHAN;
use super::processes::PATIENCE;
use super::processes::nothing_left;
use super::processes::processes_of;
use super::processes::script;
use super::processes::turn;
use harness::adapters::guard::GuardLine;
use harness::adapters::guard::Guarded;
use harness::adapters::guard::GuardedCommand;
use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::path::PathBuf;
use tokio::time::timeout;

fn guard(folder: &Path, command: &[&str]) -> Harness {
    let log = folder.join("log");
    let mut args = vec!["__guard", "--log", log.to_str().unwrap(), "--"];
    args.extend(command);
    Harness::start(&args)
}

async fn guarded(folder: &Path, program: PathBuf) -> Guarded {
    let command = GuardedCommand {
        harness: env!("CARGO_BIN_EXE_harness").into(),
        program,
        args: Vec::new(),
        env: BTreeMap::new(),
        cwd: folder.to_path_buf(),
        log: folder.join("log"),
        show_stderr: false,
    };
    Guarded::start(command).await.unwrap()
}

async fn guard_line(guard: &mut Harness) -> GuardLine {
    serde_json::from_str(&guard.line().await).unwrap()
}

/// Waits until the program has said that it ignores SIGTERM.
async fn deaf(folder: &Path) {
    let log = folder.join("log");
    let deaf = poll::until(Pace::quick(PATIENCE), (), async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if said == "deaf\n" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    deaf.await.expect("the program ignores SIGTERM");
}

#[tokio::test]
async fn a_guard_ends_a_stubborn_program_and_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "trap '' TERM; echo deaf; sleep 1000 & wait; sleep 1000");
    let mut guard = guard(folder.path(), &[program.to_str().unwrap()]);
    let GuardLine::Started { pid } = guard_line(&mut guard).await else { panic!("not started") };
    deaf(folder.path()).await;
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

/// A killed guard cannot end its program: the stage does it.
#[tokio::test]
async fn a_killed_guard_leaves_no_backend() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Harness::up_with_backend(folder.path(), &["--json"]).await;
    let printed = up.json().await;
    let backend = printed["stage"]["processes"]["backend_pid"].as_i64().unwrap();
    let running = processes_of(folder.path());
    let (guard, _) = running.iter().find(|(_, command)| command.contains("__guard")).unwrap();
    kill(Pid::from_raw((*guard).try_into().unwrap()), Signal::SIGKILL).unwrap();
    let backend = Path::new("/proc").join(backend.to_string());
    let gone = poll::until(Pace::quick(ORPHAN), (), async || {
        if backend.exists() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    gone.await.expect("the backend is gone");
    let (status, stderr) = up.ended().await;
    assert_eq!(status.code(), Some(4));
    // The end was orderly: the backend was asked first.
    assert!(stderr.contains("the backend ended by itself (unknown exit status)"), "{stderr}");
    let log = std::fs::read_to_string(folder.path().join("backend.log")).unwrap();
    assert!(log.contains("\"stopped\""), "{log}");
    nothing_left(folder.path()).await;
}

/// A program that does not listen is killed all the same.
#[tokio::test]
async fn a_killed_guard_leaves_no_stubborn_program() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "trap '' TERM; echo deaf; sleep 1000 & wait; sleep 1000");
    let _turn = turn();
    let mut guarded = guarded(folder.path(), program).await;
    deaf(folder.path()).await;
    let running = processes_of(folder.path());
    let (guard, _) = running.iter().find(|(_, command)| command.contains("__guard")).unwrap();
    kill(Pid::from_raw((*guard).try_into().unwrap()), Signal::SIGKILL).unwrap();
    let exit = timeout(ORPHAN, guarded.exited()).await.expect("an end in time");
    assert_eq!((exit.code, exit.signal, exit.asked), (None, None, false));
    nothing_left(folder.path()).await;
    guarded.stop().await;
}

/// A stopped program takes no SIGTERM: it is continued, so that it still ends in order and at once.
#[tokio::test]
async fn a_guard_ends_a_stopped_program_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "echo deaf; exec sleep 1000");
    let mut guard = guard(folder.path(), &[program.to_str().unwrap()]);
    let GuardLine::Started { pid } = guard_line(&mut guard).await else { panic!("not started") };
    deaf(folder.path()).await;
    let group = Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::killpg(group, Signal::SIGSTOP).unwrap();
    state(pid, 'T').await;
    drop(guard.stdin.take());
    let GuardLine::Exited(exit) = guard_line(&mut guard).await else { panic!("no exit") };
    assert_eq!((exit.signal, exit.asked), (Some(Signal::SIGTERM as i32), true));
}

/// Nor does one outlive a guard that was killed.
#[tokio::test]
async fn a_killed_guard_leaves_no_stopped_program() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "trap '' HUP TERM; echo deaf; sleep 1000");
    let _turn = turn();
    let mut guarded = guarded(folder.path(), program).await;
    deaf(folder.path()).await;
    guarded.suspend();
    state(guarded.pid(), 'T').await;
    guarded.resume();
    state(guarded.pid(), 'S').await;
    guarded.suspend();
    state(guarded.pid(), 'T').await;
    let running = processes_of(folder.path());
    let (guard, _) = running.iter().find(|(_, command)| command.contains("__guard")).unwrap();
    kill(Pid::from_raw((*guard).try_into().unwrap()), Signal::SIGKILL).unwrap();
    timeout(ORPHAN, guarded.exited()).await.expect("an end in time");
    nothing_left(folder.path()).await;
    guarded.stop().await;
}

/// What is killed needs not be continued first, and its children go with it: what a function's time-out does.
#[tokio::test]
async fn a_stopped_program_is_killed_at_once_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "trap '' TERM; echo deaf; sleep 1000 & wait; sleep 1000");
    let _turn = turn();
    let mut guarded = guarded(folder.path(), program).await;
    deaf(folder.path()).await;
    guarded.suspend();
    state(guarded.pid(), 'T').await;
    guarded.kill();
    let exit = timeout(ORPHAN, guarded.exited()).await.expect("an end in time");
    assert_eq!((exit.signal, exit.asked), (Some(Signal::SIGKILL as i32), false));
    nothing_left(folder.path()).await;
    guarded.stop().await;
}

/// Waits until process `pid` is in `wanted`, a state of /proc/PID/stat.
async fn state(pid: u32, wanted: char) {
    let seen = poll::until(Pace::quick(PATIENCE), ' ', async || {
        let process = procfs::process::Process::new(pid.try_into().unwrap()).unwrap();
        let state = process.stat().unwrap().state;
        if state == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(state) }
    });
    seen.await.unwrap();
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

//! The guard by itself, with small shell programs.

use super::processes::Harness;
use super::processes::ORPHAN;
use super::processes::PATIENCE;
use super::processes::script;
use harness::adapters::guard::GuardLine;
use harness::adapters::poll;
use harness::adapters::poll::Pace;
use nix::unistd::Pid;
use std::ops::ControlFlow;
use std::path::Path;

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

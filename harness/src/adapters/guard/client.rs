//! The side of the process that starts a guard: the program's pid, its end, and a bounded stop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use procfs::process::Process;
use thiserror::Error;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::time::timeout;

use super::GuardLine;
use super::ProgramExit;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A guard that has not said anything by then is broken: it starts one process.
const START: Duration = Duration::from_secs(5);
/// The guard's own 3 s between SIGTERM and SIGKILL, and room for a busy machine.
const STOP: Duration = Duration::from_secs(5);
/// Between SIGTERM and SIGKILL when this process does it in the guard's place; as long as the guard's own.
const GRACE: Duration = Duration::from_secs(3);
/// A killed program is gone at once.
const KILLED: Duration = Duration::from_millis(500);

/// A program to run under a guard.
#[derive(Clone, Debug)]
pub struct GuardedCommand {
    /// This executable: the guard is one of its hidden subcommands.
    pub harness: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment; nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Show its stderr to people instead of logging it.
    pub show_stderr: bool,
}

/// A program that runs under a guard.
#[derive(Debug)]
pub struct Guarded {
    pid: u32,
    guard: Child,
    lifeline: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    exit: Option<ProgramExit>,
}

/// The guarded program does not run.
#[derive(Debug, Error)]
pub enum GuardStartError {
    /// The guard itself cannot be started.
    #[error("cannot start the guard {harness}")]
    Spawn {
        /// The executable.
        harness: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("cannot start {program}: {error}")]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        error: String,
        /// There is no such file.
        missing: bool,
    },
    /// The guard said something else, or nothing.
    #[error("the guard did not report a start within {START:?}; it said {said}")]
    Silent {
        /// What came instead.
        said: String,
    },
}

impl Guarded {
    /// Starts `command` under a guard and waits until it runs, at most 5 s.
    pub async fn start(command: GuardedCommand) -> Result<Self, GuardStartError> {
        let spawn_error =
            |source| GuardStartError::Spawn { harness: command.harness.clone(), source };
        let mut guard = Command::new(&command.harness);
        guard.arg("__guard").arg("--log").arg(&command.log);
        if command.show_stderr {
            guard.arg("--show-stderr");
        }
        guard.arg("--").arg(&command.program).args(&command.args);
        guard.env_clear().envs(&command.env).current_dir(&command.cwd);
        // A group of its own: Ctrl-C at the terminal reaches the runner only, and the rest ends in order.
        guard.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut guard = guard.spawn().map_err(spawn_error)?;
        let lifeline = guard.stdin.take();
        let stdout = guard
            .stdout
            .take()
            .ok_or_else(|| spawn_error(io::Error::other("its stdout is not a pipe")))?;
        let mut lines = BufReader::new(stdout).lines();
        match timeout(START, next(&mut lines)).await {
            Ok(Some(GuardLine::Started { pid })) => {
                Ok(Self { pid, guard, lifeline, lines, exit: None })
            }
            Ok(Some(GuardLine::NotStarted { error, missing })) => {
                Err(GuardStartError::Program { program: command.program, error, missing })
            }
            Ok(Some(GuardLine::Exited(exit))) => {
                Err(GuardStartError::Silent { said: exit.to_string() })
            }
            Ok(None) | Err(_) => Err(GuardStartError::Silent { said: "nothing".to_owned() }),
        }
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Stops the program and all of its group where they are (SIGSTOP). The guard still ends a stopped program.
    pub fn suspend(&self) {
        self.signal_running(Signal::SIGSTOP);
    }

    /// Lets the program go on (SIGCONT).
    pub fn resume(&self) {
        self.signal_running(Signal::SIGCONT);
    }

    /// Kills the program and all of its group at once; [`exited`](Self::exited) then tells the signal.
    pub fn kill(&self) {
        self.signal_running(Signal::SIGKILL);
    }

    /// Waits for the program's end; may be dropped and called again. A guard that ends without saying how the program
    /// did was killed, and its program lives on: then its group is ended here, within 4 s, and the exit has neither code
    /// nor signal, for only the parent of a process learns those.
    pub async fn exited(&mut self) -> ProgramExit {
        while self.exit.is_none() {
            match next(&mut self.lines).await {
                Some(GuardLine::Exited(exit)) => self.exit = Some(exit),
                Some(GuardLine::Started { .. } | GuardLine::NotStarted { .. }) => {}
                None => {
                    self.end_program().await;
                    self.exit = Some(ProgramExit { code: None, signal: None, asked: false });
                }
            }
        }
        self.exit.clone().unwrap_or(ProgramExit { code: None, signal: None, asked: false })
    }

    /// Ends the program: SIGTERM, 3 s, SIGKILL by the guard; after 5 s by this process.
    pub async fn stop(mut self) -> ProgramExit {
        drop(self.lifeline.take());
        let exit = if let Ok(exit) = timeout(STOP, self.exited()).await {
            exit
        } else {
            self.kill_program();
            ProgramExit { code: None, signal: Some(Signal::SIGKILL as i32), asked: true }
        };
        if timeout(STOP, self.guard.wait()).await.is_err() {
            drop(self.guard.start_kill());
        }
        exit
    }

    /// What the guard would have done: SIGTERM, 3 s, SIGKILL, also for what the program left in its group.
    async fn end_program(&self) {
        self.signal_program(Signal::SIGTERM);
        // One that is stopped hears it only when it is continued.
        self.signal_program(Signal::SIGCONT);
        self.program_gone(GRACE).await;
        self.kill_program();
        self.program_gone(KILLED).await;
    }

    /// Waits until the program has ended, at most so long. One that nobody has reaped yet has ended: its parent was the
    /// guard, and not every system has an init that reaps.
    async fn program_gone(&self, within: Duration) {
        let ended = || {
            let stat =
                i32::try_from(self.pid).ok().and_then(|pid| Process::new(pid).ok()?.stat().ok());
            stat.is_none_or(|stat| matches!(stat.state, 'Z' | 'X'))
        };
        let waited = poll::until(Pace::quick(within), (), async || {
            if ended() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        // Whoever is still there is killed next, or cannot be.
        waited.await.ok();
    }

    /// The last resort when there is no guard any more.
    fn kill_program(&self) {
        self.signal_program(Signal::SIGKILL);
    }

    /// A program whose end is known gets no signal: its id may be another's by now.
    fn signal_running(&self, signal: Signal) {
        if self.exit.is_none() {
            self.signal_program(signal);
        }
    }

    /// That the program is gone already is no error.
    fn signal_program(&self, signal: Signal) {
        if let Some(group) = self.group() {
            killpg(group, signal).ok();
        }
    }

    /// The program's own process group, made by the guard.
    fn group(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw)
    }
}

/// Waits, at most 5 s, until this process has no child any more: guards whose [`Guarded`] was dropped, with a start that
/// was cancelled, are still ending their programs. Whether that was reached.
pub async fn all_gone() -> bool {
    poll::until(Pace::quick(STOP), (), async || match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Err(_no_child) => ControlFlow::Break(()),
        Ok(_alive_or_reaped) => ControlFlow::Continue(()),
    })
    .await
    .is_ok()
}

/// The next line that is one of the guard's; none at the end. Cancel-safe, as `next_line` is.
async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<GuardLine> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(line) = serde_json::from_str(&line) {
            return Some(line);
        }
    }
    None
}

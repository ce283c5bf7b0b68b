//! The guard's own side: start one program in a process group, wait for it or for the end of the lifeline, and leave
//! nothing of the group behind.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use thiserror::Error;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::timeout;

use super::GuardLine;
use super::GuardPlan;
use super::ProgramExit;
use crate::adapters::lifeline::Lifeline;
use crate::adapters::lifeline::LifelineError;

/// How long the program has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// The guard could not do its work. A program that cannot be started is a [`GuardLine::NotStarted`], not an error.
#[derive(Debug, Error)]
pub enum GuardError {
    /// No lifeline.
    #[error("the guard has no parent to live for")]
    Lifeline {
        /// Why.
        #[source]
        source: LifelineError,
    },
    /// The log cannot be written.
    #[error("cannot write the program's log {path}")]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program's end cannot be waited for.
    #[error("cannot wait for the program")]
    Wait {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing to start.
    #[error("no program was named")]
    NoProgram,
}

/// Runs the program of `plan` until it ends or this process's parent does; `report` is called for each line.
pub async fn keep(plan: GuardPlan, report: impl Fn(&GuardLine)) -> Result<(), GuardError> {
    let mut lifeline = Lifeline::hold().map_err(|source| GuardError::Lifeline { source })?;
    let mut child = match start(&plan)? {
        Ok(child) => child,
        Err(source) => {
            let missing = source.kind() == io::ErrorKind::NotFound;
            report(&GuardLine::NotStarted { error: source.to_string(), missing });
            return Ok(());
        }
    };
    let pid = child.id().unwrap_or_default();
    report(&GuardLine::Started { pid });
    let ended = tokio::select! {
        status = child.wait() => Some(status),
        _ = lifeline.ended() => None,
    };
    let asked = ended.is_none();
    let status = match ended {
        Some(status) => status,
        None => end(&mut child, pid).await,
    };
    // Whatever the program left in its group goes with it.
    signal_group(pid, Signal::SIGKILL);
    let status = status.map_err(|source| GuardError::Wait { source })?;
    report(&GuardLine::Exited(program_exit(status, asked)));
    Ok(())
}

fn start(plan: &GuardPlan) -> Result<io::Result<Child>, GuardError> {
    let (program, args) = plan.command.split_first().ok_or(GuardError::NoProgram)?;
    let log_error = |source| GuardError::Log { path: plan.log.clone(), source };
    let log = File::options().create(true).append(true).open(&plan.log).map_err(log_error)?;
    let stderr = if plan.show_stderr {
        Stdio::inherit()
    } else {
        Stdio::from(log.try_clone().map_err(log_error)?)
    };
    Ok(Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::from(log))
        .stderr(stderr)
        .process_group(0)
        .kill_on_drop(true)
        .spawn())
}

async fn end(child: &mut Child, pid: u32) -> io::Result<ExitStatus> {
    signal_group(pid, Signal::SIGTERM);
    // A stopped program takes no signal but SIGKILL until it is continued: only now does it see the one before.
    signal_group(pid, Signal::SIGCONT);
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    signal_group(pid, Signal::SIGKILL);
    child.wait().await
}

/// Signals a group that this guard has made. That it is gone already is no error.
fn signal_group(pid: u32, signal: Signal) {
    if let Some(group) = i32::try_from(pid).ok().filter(|pid| *pid > 1) {
        killpg(Pid::from_raw(group), signal).ok();
    }
}

fn program_exit(status: ExitStatus, asked: bool) -> ProgramExit {
    ProgramExit { code: status.code(), signal: status.signal(), asked }
}

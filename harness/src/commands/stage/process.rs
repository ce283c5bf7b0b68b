//! `harness __stage`: hidden; one stage for as long as its parent lives. A request line in, protocol lines out, logs in
//! the run's folder. What a stage consists of is in `launch`.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::launch::Launch;
use super::launch_error::LaunchError;
use crate::adapters::embedded_stage::clock;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::ProgramExit;
use crate::adapters::guard::all_gone;
use crate::adapters::guard::last_lines;
use crate::adapters::lifeline::Lifeline;
use crate::adapters::stage_process::BackendExit;
use crate::adapters::stage_process::BackendRestart;
use crate::adapters::stage_process::PROTOCOL;
use crate::adapters::stage_process::Refusal;
use crate::adapters::stage_process::StageLine;
use crate::adapters::stage_process::StageRequest;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// The parent writes its request at once.
const REQUEST: Duration = Duration::from_secs(10);
/// A request is a few kilobytes.
const REQUEST_BYTES: u64 = 4 << 20;
/// What a person needs to see of a backend that is gone.
pub(super) const LAST_LINES: usize = 20;
/// The signal of somebody who kills on purpose.
const KILLED: i32 = 9;

/// Runs one stage: the request from standard input, lines on standard output, until standard input ends.
pub async fn process(ctx: &Context) -> Result<Exit, CommandError> {
    let mut lifeline = Lifeline::hold()
        .map_err(|source| CommandError::environment("the stage has no parent", source))?;
    say(&StageLine::Hello { protocol: PROTOCOL, pid: std::process::id() });
    let line = lifeline
        .line(REQUEST, REQUEST_BYTES)
        .await
        .map_err(|source| CommandError::environment("the stage was asked for nothing", source))?;
    let request: StageRequest = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            say(&StageLine::Failed {
                error: format!("the request for a stage does not parse: {error}"),
                hint: None,
                log_tail: Vec::new(),
                refusal: Refusal::Usage,
            });
            return Ok(Exit::Usage);
        }
    };
    log_to(&request.run_dir);
    let mut launch = Launch::new(&request, ctx);
    let started = tokio::select! {
        started = launch.start(|text| say(&StageLine::Note { text })) => Some(started),
        _ = lifeline.ended() => None,
    };
    let exit = match started {
        Some(Ok(ready)) => {
            say(&ready);
            hold(&mut launch, &mut lifeline).await;
            Exit::Pass
        }
        Some(Err(error)) => {
            let failed = failed(&error, &launch.backend_log());
            launch.stop().await;
            say(&failed);
            return Ok(Exit::Environment);
        }
        None => Exit::Interrupted,
    };
    launch.stop().await;
    // Only now is "stopped" true of what a cancelled start had begun.
    all_gone().await;
    say(&StageLine::Stopped);
    Ok(exit)
}

/// Until the parent ends; a backend that was killed is started again where the request says so, and one that ends
/// otherwise is reported once.
async fn hold(launch: &mut Launch<'_>, lifeline: &mut Lifeline) {
    while let Some(again) = launch.respawn() {
        let exit = tokio::select! {
            exit = exited(launch.backend_mut()) => exit,
            _ = lifeline.ended() => return,
        };
        if exit.signal != Some(KILLED) {
            return gone(launch, exit, lifeline).await;
        }
        let restarted = tokio::select! {
            restarted = launch.restart(again) => restarted,
            _ = lifeline.ended() => return,
        };
        match restarted {
            Ok(pid) => {
                let restart = BackendRestart { pid, at_ms: clock::unix_ms() };
                say(&StageLine::BackendRestarted(restart));
            }
            Err(_did_not_answer) => return gone(launch, exit, lifeline).await,
        }
    }
    tokio::select! {
        exit = exited(launch.backend_mut()) => gone(launch, exit, lifeline).await,
        _ = lifeline.ended() => {}
    }
}

/// Reports a backend that ended, and waits for the parent.
async fn gone(launch: &Launch<'_>, exit: ProgramExit, lifeline: &mut Lifeline) {
    let log = launch.backend_log();
    say(&StageLine::BackendExited(BackendExit {
        code: exit.code,
        signal: exit.signal,
        at_ms: clock::unix_ms(),
        last_lines: last_lines(&log, LAST_LINES),
    }));
    lifeline.ended().await;
}

async fn exited(backend: Option<&mut Guarded>) -> ProgramExit {
    match backend {
        Some(backend) => backend.exited().await,
        None => std::future::pending().await,
    }
}

fn failed(error: &LaunchError, log: &Path) -> StageLine {
    let log_tail =
        if error.is_about_the_backend() { last_lines(log, LAST_LINES) } else { Vec::new() };
    StageLine::Failed {
        error: chain(error),
        hint: error.hint(),
        log_tail,
        refusal: error.refusal(),
    }
}

/// The whole chain in one sentence: on the other side of a pipe there are no sources.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn say(line: &StageLine) {
    // Plain data always serialises; a parent that is gone reads nothing anyway.
    if let Ok(line) = serde_json::to_string(line) {
        out(&line);
    }
}

/// The emulators' own log. A stage without it still works.
fn log_to(run_dir: &Path) {
    if let Ok(file) = File::create(run_dir.join("stage.log")) {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("warn,emulators=info"))
            .with_writer(Mutex::new(file))
            .finish();
        drop(tracing::subscriber::set_global_default(subscriber));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_sentence() {
        let error =
            LaunchError::EnvFile { path: "e".into(), source: std::io::Error::other("disk full") };
        assert_eq!(chain(&error), "cannot write the backend's variables to e: disk full");
    }
}

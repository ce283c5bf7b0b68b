//! Faults of the backend itself: killed, stopped, or its sandboxes thrown away; at a time, or as soon as a call was hit.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::ProcessFault;
use verdict::domain::chaos::RawFault;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::chaos::evidence::ProcessEvent;
use verdict::domain::chaos::evidence::ProcessStep;
use verdict::domain::stage::StageDescription;

use super::Beat;
use super::NemesisError;
use super::Played;
use crate::adapters::chain;
use crate::adapters::fault_admin::FaultAdmin;
use crate::adapters::plain_http;
use crate::adapters::stage_process::StageState;

/// A backend that was killed answers again within this.
const BACK: Duration = Duration::from_secs(20);
/// How often is asked whether a call was hit: well within the SDK's first pause and any delay.
const LOOK: Duration = Duration::from_millis(10);
/// The host of the functions answers at once.
const ADMIN: Duration = Duration::from_secs(5);

/// What can be done to a backend.
pub(super) struct Backend {
    pid: Option<u32>,
    state: Option<watch::Receiver<StageState>>,
    injector_url: Option<String>,
    lambda_url: Option<String>,
}

impl Backend {
    pub(super) fn of(stage: &StageDescription, state: Option<watch::Receiver<StageState>>) -> Self {
        Self {
            pid: stage.processes.as_ref().and_then(|processes| processes.backend_pid),
            state,
            injector_url: stage.admin.injector_url.clone(),
            lambda_url: stage.admin.lambda_url.clone(),
        }
    }

    /// The group of the backend as it is now: it has another number after each restart.
    fn group(&self) -> Option<Pid> {
        let restarted =
            self.state.as_ref().and_then(|state| Some(state.borrow().restarts.last()?.pid));
        let pid = i32::try_from(restarted.or(self.pid)?).ok()?;
        (pid > 1).then(|| Pid::from_raw(pid))
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let group = self.group().ok_or("the stage does not say which process it is")?;
        killpg(group, signal).map_err(|error| error.to_string())
    }
}

pub(super) async fn play(
    (scenario, fault): (String, RawFault),
    backend: Backend,
    span: (Beat, u64, u64),
    stop: CancellationToken,
) -> (Played, Option<NemesisError>) {
    let mut played = Played::default();
    let done = step((&scenario, &fault), backend, span, &stop, &mut played).await;
    let error = done.err().map(|why| NemesisError { fault: fault.name, what: "played", why });
    (played, error)
}

async fn step(
    (scenario, fault): (&str, &RawFault),
    mut backend: Backend,
    (beat, from_us, until_us): (Beat, u64, u64),
    stop: &CancellationToken,
    played: &mut Played,
) -> Result<(), String> {
    let due = async {
        if let Some(rule) = &fault.when_hit {
            hit(&backend, rule, (beat, until_us)).await
        } else {
            let at_us = from_us + fault.after_ms.unwrap_or(0) * 1_000;
            tokio::time::sleep_until(beat.until(at_us)).await;
            Ok(true)
        }
    };
    let now = tokio::select! {
        now = due => now?,
        () = stop.cancelled() => return Ok(()),
    };
    if !now {
        return Ok(());
    }
    let mut tell = |what: ProcessStep| {
        played.lines.push(ChaosEvidence::Process(ProcessEvent {
            scenario: scenario.to_owned(),
            fault: fault.name.clone(),
            at_us: beat.now_us(),
            what,
        }));
    };
    match fault.process.unwrap_or(ProcessFault::Kill) {
        ProcessFault::Kill => {
            let mut state = backend.state.clone().ok_or("the stage does not start it again")?;
            let before = state.borrow().restarts.len();
            tell(ProcessStep::Killed);
            backend.signal(Signal::SIGKILL)?;
            let back = state.wait_for(|state| state.restarts.len() > before);
            match tokio::time::timeout(BACK, back).await {
                Ok(Ok(_)) => tell(ProcessStep::Restarted),
                Ok(Err(_)) | Err(_) => return Err("it did not come back".to_owned()),
            }
        }
        ProcessFault::Stop => {
            tell(ProcessStep::Stopped);
            backend.signal(Signal::SIGSTOP)?;
            let over = beat.until(beat.now_us() + fault.for_ms.unwrap_or(0) * 1_000);
            tokio::select! {
                () = tokio::time::sleep_until(over) => {}
                () = stop.cancelled() => {}
            }
            backend.signal(Signal::SIGCONT)?;
            tell(ProcessStep::Continued);
        }
        ProcessFault::Evict => {
            let url = backend.lambda_url.take().ok_or("the stage has no host of functions")?;
            let http = plain_http::client(&url, ADMIN).build().map_err(|error| chain(&error))?;
            let evicted = http.post(format!("{url}/lambda/evict")).send().await;
            let evicted = evicted.and_then(reqwest::Response::error_for_status);
            drop(evicted.map_err(|error| chain(&error))?);
            tell(ProcessStep::Evicted);
        }
    }
    Ok(())
}

/// Waits until the rule has hit a call; false when the phase is over before.
async fn hit(backend: &Backend, rule: &str, (beat, until_us): (Beat, u64)) -> Result<bool, String> {
    let url = backend.injector_url.as_deref().ok_or("the stage has no injector")?;
    let admin = FaultAdmin::new(url).map_err(|error| chain(&error))?;
    let mut looks = tokio::time::interval(LOOK);
    while beat.now_us() < until_us {
        looks.tick().await;
        let rules = admin.list().await.map_err(|error| chain(&error))?;
        if rules.iter().any(|listed| listed.spec.name == rule && listed.hits > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

//! Plays the faults of one scenario on its stage: on at the begin of the second phase, off at its end, and off at once
//! when the run is interrupted. Every fault is a lease, so that one whose player died ends by itself. Times are µs from
//! the begin of the load.

mod calls;
mod clock;
mod process;
mod wire;

use std::time::Duration;

use injector::RuleSpec;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use verdict::domain::chaos::RawFault;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::chaos::evidence::Mark;
use verdict::domain::stage::StageDescription;

use crate::adapters::chain;
use crate::adapters::embedded_stage::clock::unix_ms;
use crate::adapters::stage_process::StageState;

/// A lease, in milliseconds; it is renewed while the fault is wanted.
const TTL_MS: u64 = 15_000;
/// The load must begin within this.
const BEGIN: Duration = Duration::from_mins(2);

/// The faults of a scenario, ready to be played.
#[derive(Debug)]
pub struct Nemesis {
    /// The scenario.
    pub scenario: String,
    /// What fails.
    pub faults: Vec<RawFault>,
    /// The rules of those that are about calls.
    pub rules: Vec<RuleSpec>,
    /// Where.
    pub stage: StageDescription,
    /// What becomes of the stage: a backend that was killed comes back under another number.
    pub state: Option<watch::Receiver<StageState>>,
    /// Rates are drawn from it.
    pub seed: u64,
    /// Begin of the phase with the faults, and of the one after it.
    pub span_us: (u64, u64),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Played {
    /// Lines for the evidence.
    pub lines: Vec<ChaosEvidence>,
    /// Faults that were still on when all had been taken off.
    pub left_on: Vec<String>,
    /// Begin of the load, µs of the Unix epoch; none if it never began.
    pub began_unix_us: Option<u64>,
}

/// A fault could not be played: the harness's part, not the backend's.
#[derive(Debug, Error)]
#[error("fault `{fault}` could not be {what}: {why}")]
pub struct NemesisError {
    /// Which.
    pub fault: String,
    /// `put on`, `renewed`, `taken off`.
    pub what: &'static str,
    /// Why, with its causes.
    pub why: String,
}

/// The load's clock, as the nemesis reads it.
#[derive(Clone, Copy, Debug)]
struct Beat {
    began_unix_us: u64,
}

impl Beat {
    /// Now; 0 before the load.
    fn now_us(self) -> u64 {
        (unix_ms() * 1_000).saturating_sub(self.began_unix_us)
    }

    /// Until `us` from the begin.
    fn until(self, us: u64) -> Instant {
        let left = (self.began_unix_us + us).saturating_sub(unix_ms() * 1_000);
        Instant::now() + Duration::from_micros(left)
    }
}

impl Nemesis {
    /// Plays until the end of the phase, or until `stop`; what was put on is taken off in any case. `began` tells when the
    /// load begins.
    pub async fn play(
        self,
        mut began: watch::Receiver<Option<u64>>,
        stop: CancellationToken,
    ) -> (Played, Option<NemesisError>) {
        let mut played = Played::default();
        let begun = tokio::select! {
            begun = tokio::time::timeout(BEGIN, began.wait_for(Option::is_some)) => begun,
            () = stop.cancelled() => return (played, None),
        };
        let began_unix_us = match begun {
            Ok(Ok(begun)) => *begun,
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(began_unix_us) = began_unix_us else { return (played, None) };
        played.began_unix_us = Some(began_unix_us);
        let beat = Beat { began_unix_us };
        tokio::select! {
            () = tokio::time::sleep_until(beat.until(self.span_us.0)) => {}
            () = stop.cancelled() => return (played, None),
        }
        let mut tasks: JoinSet<(Played, Option<NemesisError>)> = JoinSet::new();
        let until_us = self.span_us.1;
        if let Some(calls) = calls::Calls::of(&self) {
            let stop = stop.clone();
            tasks.spawn(async move { calls.play(beat, until_us, stop).await });
        }
        for fault in &self.faults {
            let (scenario, fault, stop) = (self.scenario.clone(), fault.clone(), stop.clone());
            if fault.proxy.is_some() {
                let url = self.stage.admin.toxiproxy_url.clone();
                tasks.spawn(async move {
                    wire::play((scenario, fault), url.as_deref(), (beat, until_us), stop).await
                });
            } else if fault.process.is_some() {
                let backend = process::Backend::of(&self.stage, self.state.clone());
                let from_us = self.span_us.0;
                tasks.spawn(async move {
                    process::play((scenario, fault), backend, (beat, from_us, until_us), stop).await
                });
            } else if fault.clock_ms.is_some() {
                let file = self.stage.admin.clock_file.clone();
                tasks.spawn(async move {
                    clock::play((scenario, fault), file, (beat, until_us), stop).await
                });
            }
        }
        let mut failed = None;
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((part, error)) => {
                    played.lines.extend(part.lines);
                    played.left_on.extend(part.left_on);
                    failed = failed.or(error);
                }
                Err(error) => {
                    failed = failed.or_else(|| {
                        let (fault, why) = (self.scenario.clone(), error.to_string());
                        Some(NemesisError { fault, what: "played", why })
                    });
                }
            }
        }
        (played, failed)
    }
}

fn failed(fault: &str, what: &'static str, error: &dyn std::error::Error) -> NemesisError {
    NemesisError { fault: fault.to_owned(), what, why: chain(error) }
}

fn mark(scenario: &str, fault: &str, (asked_us, done_us): (u64, u64)) -> Mark {
    Mark { scenario: scenario.to_owned(), fault: fault.to_owned(), asked_us, done_us }
}

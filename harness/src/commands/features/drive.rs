//! The run itself: one loop over what the worker says, what becomes of the stage, and Ctrl-C. Everything that is seen
//! goes into the evidence, and nothing is judged here.

use std::collections::BTreeSet;
use std::time::Duration;

use verdict::domain::evidence::BackendDied;
use verdict::domain::evidence::Interrupted;
use verdict::domain::evidence::Lost;
use verdict::domain::evidence::Version;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::ScenarioLog;
use verdict::domain::features::ScenarioOutcome;

use super::job::FeaturesRun;
use super::prepare::Ready;
use crate::adapters::backend_log;
use crate::adapters::features_worker::FeaturesJob;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::run_dir::EvidenceLog;
use crate::adapters::run_dir::RunDirError;
use crate::adapters::stage_process::StageState;
use crate::adapters::system_clock::Stopwatch;
use crate::adapters::worker_process::WorkerLine;
use crate::adapters::worker_process::WorkerProcess;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stand;

/// A worker in which no scenario ends for this long hangs: every wait of a step is bounded by less.
const SILENCE: Duration = Duration::from_mins(3);
/// One that is told to stop has nothing left to say.
const STOP: Duration = Duration::from_secs(8);

struct Drive<'a> {
    ready: &'a Ready,
    log: EvidenceLog<FeaturesEvidence>,
    clock: Stopwatch,
    ended: BTreeSet<String>,
    broken: usize,
    done: bool,
}

enum Happened {
    Said(WorkerLine<FeaturesEvidence>),
    Stage(StageState),
    Interrupt,
    Silence,
}

/// Runs the worker to its end; all evidence, on disk for good.
pub(super) async fn drive(
    ready: &mut Ready,
    run: &FeaturesRun,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Vec<FeaturesEvidence>, CommandError> {
    let written = |source| CommandError::environment("the evidence cannot be written", source);
    let mut events = ready.stage.events.take();
    let log = ready.dir.evidence().map_err(written)?;
    let job = FeaturesJob {
        plan: ready.plan.clone(),
        stage: ready.stage.description.clone(),
        root: ctx.root.clone(),
        json: ready.dir.file("cucumber.json"),
        fail_fast: run.fail_fast,
    };
    let plan = serde_json::to_vec(&job)
        .map_err(|source| CommandError::environment("cannot write the worker's plan", source))?;
    let log_file = ready.dir.file("worker.log");
    let mut worker = WorkerProcess::start(&ctx.exe, "__features-worker", &plan, &log_file)
        .await
        .map_err(|source| CommandError::environment("cannot start the features worker", source))?;
    note(&format!("running {} scenarios", ready.plan.scenarios.len()));
    let mut drive = Drive {
        ready,
        log,
        clock: Stopwatch::start(),
        ended: BTreeSet::new(),
        broken: 0,
        done: false,
    };
    let outcome = drive.until_the_end(&mut worker, &mut events, interrupts).await;
    worker.end().await;
    outcome.map_err(written)?;
    drive.look_afterwards().await.map_err(written)?;
    drive.log.close().map_err(written)
}

impl Drive<'_> {
    async fn until_the_end(
        &mut self,
        worker: &mut WorkerProcess,
        events: &mut Option<tokio::sync::watch::Receiver<StageState>>,
        interrupts: &Interrupts,
    ) -> Result<(), RunDirError> {
        let mut within = SILENCE;
        let silence = tokio::time::sleep_until(self.clock.in_future(within));
        tokio::pin!(silence);
        let mut stopping = false;
        loop {
            let happened = tokio::select! {
                line = worker.next() => Happened::Said(line),
                state = stand::changed(events) => Happened::Stage(state),
                () = interrupts.first().cancelled(), if !stopping => Happened::Interrupt,
                () = &mut silence => Happened::Silence,
            };
            match happened {
                Happened::Said(WorkerLine::Evidence(evidence)) => {
                    if !stopping {
                        silence.as_mut().reset(self.clock.in_future(within));
                    }
                    self.said(evidence)?;
                }
                Happened::Said(WorkerLine::Chatter) => {}
                Happened::Said(WorkerLine::Rubbish(line)) => {
                    return self.lost(format!("it said something that is no evidence: {line}"));
                }
                Happened::Said(WorkerLine::Ended(how)) => return self.worker_ended(&how, stopping),
                Happened::Stage(state) => {
                    stopping = true;
                    worker.stop();
                    within = STOP;
                    silence.as_mut().reset(self.clock.in_future(within));
                    let evidence = stage_ended(state, self.at_ms());
                    self.log.append(evidence)?;
                }
                Happened::Interrupt => {
                    stopping = true;
                    worker.stop();
                    within = STOP;
                    silence.as_mut().reset(self.clock.in_future(within));
                    let at_ms = self.at_ms();
                    self.log.append(FeaturesEvidence::Interrupted(Interrupted { at_ms }))?;
                    note("interrupted: stopping the scenarios, keeping what was seen");
                }
                Happened::Silence => return self.lost(format!("nothing was heard for {within:?}")),
            }
        }
    }

    fn said(&mut self, evidence: FeaturesEvidence) -> Result<(), RunDirError> {
        self.done |=
            matches!(evidence, FeaturesEvidence::Done(_) | FeaturesEvidence::WorkerLost(_));
        if let FeaturesEvidence::Scenario(seen) = &evidence {
            self.ended.insert(seen.id.clone());
            let (ended, all) = (self.ended.len(), self.ready.plan.scenarios.len());
            match &seen.outcome {
                ScenarioOutcome::Passed if ended % 20 == 0 || ended == all => {
                    note(&format!("  {ended} of {all} scenarios, {} attempts broken", self.broken));
                }
                ScenarioOutcome::Passed => {}
                ScenarioOutcome::Broken(step) | ScenarioOutcome::Lost(step) => {
                    self.broken += 1;
                    let place = &step.place;
                    note(&format!(
                        "  {} (attempt {}) at {place}: {}",
                        seen.id, seen.attempt, step.step
                    ));
                }
            }
        }
        self.log.append(evidence)
    }

    fn worker_ended(&mut self, how: &str, stopping: bool) -> Result<(), RunDirError> {
        if self.done || stopping {
            return Ok(());
        }
        let tail = std::fs::read_to_string(self.ready.dir.file("worker.log")).unwrap_or_default();
        let mut tail: Vec<&str> = tail.lines().rev().take(3).collect();
        tail.reverse();
        self.lost(format!("{how}; its log: {}", tail.join(" | ")))
    }

    fn lost(&mut self, detail: String) -> Result<(), RunDirError> {
        self.log.append(FeaturesEvidence::WorkerLost(Lost { detail }))
    }

    fn at_ms(&self) -> u64 {
        self.clock.us() / 1000
    }

    /// What can be known only afterwards: the backend's own words about what did not pass, its panics, its build.
    async fn look_afterwards(&mut self) -> Result<(), RunDirError> {
        let stage = &self.ready.stage.description;
        let text = match &stage.admin.backend_log {
            Some(path) => backend_log::tail(path, self.ready.log_offset).unwrap_or_default(),
            None => String::new(),
        };
        let mut lines = Vec::new();
        for line in self.log.lines() {
            let FeaturesEvidence::Scenario(seen) = line else { continue };
            if seen.outcome == ScenarioOutcome::Passed {
                continue;
            }
            let ids: Vec<&str> =
                seen.requests.iter().filter_map(|request| request.request_id.as_deref()).collect();
            let found = backend_log::lines_of(&text, &ids);
            if !found.is_empty() {
                lines
                    .push(FeaturesEvidence::Log(ScenarioLog { id: seen.id.clone(), lines: found }));
            }
        }
        if let Some(panic) = backend_log::panic(&text) {
            lines.push(FeaturesEvidence::BackendDied(BackendDied {
                at_ms: 0,
                how: "it panicked".to_owned(),
                last_lines: vec![panic],
            }));
        }
        let died = self.log.lines().iter().any(|line| {
            matches!(line, FeaturesEvidence::BackendDied(_) | FeaturesEvidence::StageLost(_))
        });
        if !died {
            let mut description = stage.clone();
            if stand::ask_version(&mut description).await.is_ok() {
                let (commit, at_ms) = (description.sut_commit, self.at_ms());
                lines.push(FeaturesEvidence::Version(Version { commit, at_ms, ordinal: 0 }));
            }
        }
        lines.into_iter().try_for_each(|line| self.log.append(line))
    }
}

fn stage_ended(state: StageState, at_ms: u64) -> FeaturesEvidence {
    match (state.backend_exited, state.lost) {
        (Some(exit), _) => {
            let how = exit.to_string();
            FeaturesEvidence::BackendDied(BackendDied { at_ms, how, last_lines: exit.last_lines })
        }
        (None, lost) => {
            let detail = lost.map_or("it is gone".to_owned(), |lost| lost.last_line);
            FeaturesEvidence::StageLost(Lost { detail })
        }
    }
}

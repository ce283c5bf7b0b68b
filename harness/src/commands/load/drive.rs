//! The run itself: one loop over what the worker says, what becomes of the stage, samples, and Ctrl-C. Everything that
//! is seen goes into the evidence, and nothing is judged here.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use verdict::domain::evidence::BackendDied;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Interrupted;
use verdict::domain::evidence::Lost;
use verdict::domain::objective::Process;
use verdict::domain::stage::Runtime;

use super::live::Live;
use super::prepare::Ready;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::resources::Sampler;
use crate::adapters::run_dir::EvidenceLog;
use crate::adapters::run_dir::RunDirError;
use crate::adapters::stage_process::StageState;
use crate::adapters::system_clock::Stopwatch;
use crate::adapters::worker_process::WorkerLine;
use crate::adapters::worker_process::WorkerProcess;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stand;

/// Processes are sampled this often.
const SAMPLE: Duration = Duration::from_millis(500);
/// A worker that says nothing for this long after the load, its time-outs included, hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// A worker that is told to stop gives its requests 2 s; one that has not ended after this hangs.
const STOP: Duration = Duration::from_secs(8);

/// What the loop keeps.
struct Drive<'a> {
    ready: &'a Ready,
    log: EvidenceLog,
    live: Live,
    samplers: Vec<Sampler>,
    clock: Stopwatch,
    /// When the load began, on `clock`.
    began_us: Option<u64>,
    done: bool,
    /// Told when the load begins, µs of the Unix epoch.
    began: Option<watch::Sender<Option<u64>>>,
}

/// What happened.
enum Happened {
    Said(WorkerLine),
    Stage(StageState),
    Sample,
    Interrupt,
    Silence,
}

/// Runs the worker to its end; the evidence so far comes back also where the run was cut short.
pub(in crate::commands) async fn drive(
    ready: &mut Ready,
    ctx: &Context,
    interrupts: &Interrupts,
    began: Option<watch::Sender<Option<u64>>>,
) -> Result<EvidenceLog, CommandError> {
    let mut events = ready.stage.events.take();
    let log = ready.prepared.log.take().ok_or(CommandError::Interrupted)?;
    let plan = serde_json::to_vec(&ready.prepared.worker)
        .map_err(|source| CommandError::environment("cannot write the worker's plan", source))?;
    let mut worker =
        WorkerProcess::start(&ctx.exe, "__load-worker", &plan, &ready.dir.file("worker.log"))
            .await
            .map_err(|source| CommandError::environment("cannot start the load worker", source))?;
    let mut drive = Drive {
        ready,
        log,
        live: Live::new(&ready.prepared.run, ready.prepared.quiet),
        samplers: samplers(ready, worker.pid()),
        clock: Stopwatch::start(),
        began_us: None,
        done: false,
        began,
    };
    let outcome = drive.until_the_end(&mut worker, &mut events, interrupts).await;
    drive.live.finish();
    worker.end().await;
    outcome
        .map_err(|source| CommandError::environment("the evidence cannot be written", source))?;
    Ok(drive.log)
}

fn samplers(ready: &Ready, worker_pid: u32) -> Vec<Sampler> {
    let mut samplers = vec![Sampler::new(Process::Worker, worker_pid)];
    if let Some(processes) = &ready.stage.description.processes {
        samplers.push(Sampler::new(Process::Stage, processes.stage_pid));
        match ready.stage.description.runtime {
            Runtime::Server => samplers
                .extend(processes.backend_pid.map(|pid| Sampler::new(Process::Backend, pid))),
            Runtime::Lambda => {
                samplers.push(Sampler::sandboxes(Process::Backend, processes.stage_pid));
            }
        }
    }
    samplers
}

impl Drive<'_> {
    async fn until_the_end(
        &mut self,
        worker: &mut WorkerProcess,
        events: &mut Option<tokio::sync::watch::Receiver<StageState>>,
        interrupts: &Interrupts,
    ) -> Result<(), RunDirError> {
        let profile = &self.ready.prepared.run.profile;
        let mut within = Duration::from_micros(profile.duration_us())
            + Duration::from_millis(profile.raw().timeout_ms)
            + PATIENCE;
        let silence = tokio::time::sleep_until(self.clock.in_future(within));
        tokio::pin!(silence);
        let mut samples = tokio::time::interval(SAMPLE);
        samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopping = false;
        loop {
            let happened = tokio::select! {
                line = worker.next() => Happened::Said(line),
                state = stand::changed(events) => Happened::Stage(state),
                _at = samples.tick() => Happened::Sample,
                () = interrupts.first().cancelled(), if !stopping => Happened::Interrupt,
                () = &mut silence => Happened::Silence,
            };
            match happened {
                Happened::Said(WorkerLine::Evidence(evidence)) => self.said(evidence)?,
                Happened::Said(WorkerLine::Chatter) => {}
                Happened::Said(WorkerLine::Rubbish(line)) => {
                    let detail = format!("it said something that is no evidence: {line}");
                    self.log.append(Evidence::WorkerLost(Lost { detail }))?;
                    return Ok(());
                }
                Happened::Said(WorkerLine::Ended(how)) => return self.ended(&how),
                Happened::Stage(state) => {
                    worker.stop();
                    within = STOP;
                    silence.as_mut().reset(self.clock.in_future(within));
                    self.stage_ended(state)?;
                }
                Happened::Sample => self.sample()?,
                Happened::Interrupt => {
                    stopping = true;
                    worker.stop();
                    within = STOP;
                    silence.as_mut().reset(self.clock.in_future(within));
                    let at_ms = self.at_ms();
                    self.log.append(Evidence::Interrupted(Interrupted { at_ms }))?;
                    self.live.say("interrupted: stopping the load, keeping what was seen");
                }
                Happened::Silence => {
                    let detail = format!("it did not end within {within:?}");
                    self.log.append(Evidence::WorkerLost(Lost { detail }))?;
                    return Ok(());
                }
            }
        }
    }

    fn said(&mut self, evidence: Evidence) -> Result<(), RunDirError> {
        if let Evidence::Hello(hello) = &evidence {
            self.began_us = Some(self.clock.us());
            if let Some(began) = &self.began {
                began.send_replace(Some(hello.begins_unix_us));
            }
        }
        self.done |= matches!(evidence, Evidence::Done(_) | Evidence::WorkerLost(_));
        self.live.see(&evidence);
        self.log.append(evidence)
    }

    fn ended(&mut self, how: &str) -> Result<(), RunDirError> {
        if self.done {
            return Ok(());
        }
        let tail = std::fs::read_to_string(self.ready.dir.file("worker.log")).unwrap_or_default();
        let tail = tail.lines().rev().take(3).collect::<Vec<_>>();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
        let detail = format!("{how}; its log: {tail}");
        self.log.append(Evidence::WorkerLost(Lost { detail }))
    }

    fn stage_ended(&mut self, state: StageState) -> Result<(), RunDirError> {
        let at_ms = self.at_ms();
        let evidence = match (state.backend_exited, state.lost) {
            (Some(exit), _) => {
                let how = exit.to_string();
                Evidence::BackendDied(BackendDied { at_ms, how, last_lines: exit.last_lines })
            }
            (None, lost) => {
                let detail = lost.map_or("it is gone".to_owned(), |lost| lost.last_line);
                Evidence::StageLost(Lost { detail })
            }
        };
        self.live.see(&evidence);
        self.log.append(evidence)
    }

    fn sample(&mut self) -> Result<(), RunDirError> {
        let Some(began_us) = self.began_us else { return Ok(()) };
        let now_us = self.clock.us();
        let since_us = now_us - began_us;
        let profile = &self.ready.prepared.run.profile;
        let during = since_us <= profile.duration_us();
        let phase = profile.stage_at(since_us).filter(|_| during).map_or("", |stage| &stage.name);
        for sampler in &mut self.samplers {
            // A process that has just ended has no sample; what that means is seen elsewhere.
            if let Ok(Some(sample)) = sampler.sample(since_us / 1_000, now_us, phase) {
                let evidence = Evidence::Resource(sample);
                self.live.see(&evidence);
                self.log.append(evidence)?;
            }
        }
        Ok(())
    }

    fn at_ms(&self) -> u64 {
        self.began_us.map_or(0, |began_us| (self.clock.us() - began_us) / 1_000)
    }
}

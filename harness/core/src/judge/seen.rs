//! Evidence, added up: what the judges look at.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::{
    evidence::{
        BackendDied, Conservation, Done, EVIDENCE_SCHEMA, Evidence, Finding, Resource, Series,
        Tick, Version,
    },
    histogram::LatencyHistogram,
    kind::{AnswerClass, RequestKind},
    run::RunPlan,
};

/// Why evidence cannot be judged at all: the harness did not do its part (exit 4).
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum JudgeError {
    /// A worker ended without saying so.
    #[error("a worker ended without `done`: {detail}")]
    WorkerLost {
        /// What was seen last.
        detail: String,
    },
    /// The stage ended by itself.
    #[error("the stage ended by itself: {detail}")]
    StageLost {
        /// What was seen last.
        detail: String,
    },
    /// No worker ever said hello.
    #[error("the evidence holds no `hello` of a worker")]
    NoHello,
    /// Neither `done` nor an interruption.
    #[error("the evidence ends before the run does: there is neither `done` nor `interrupted`")]
    CutOff,
    /// The worker's account and its ticks differ: something was lost on the way.
    #[error("the worker counted {said} {what}, and its ticks hold {counted}")]
    DoesNotAddUp {
        /// What was counted.
        what: String,
        /// By the worker.
        said: u64,
        /// In the ticks.
        counted: u64,
    },
    /// Requests that were sent and never ended, in a run that nobody cut short.
    #[error("{sent} requests were sent and {ended} ended: the rest is unaccounted for")]
    Unaccounted {
        /// Sent.
        sent: u64,
        /// Ended.
        ended: u64,
    },
    /// Evidence of another format.
    #[error("the evidence is of schema `{found}`, and this build judges `{EVIDENCE_SCHEMA}`")]
    Schema {
        /// Which.
        found: String,
    },
    /// Evidence of another plan.
    #[error("the worker sent schedule {found}, and the plan is schedule {planned}")]
    Schedule {
        /// Digest of the plan.
        planned: String,
        /// Digest of the worker.
        found: String,
    },
}

/// What the run saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// By phase, kind, class.
    pub series: BTreeMap<(String, RequestKind, AnswerClass), Total>,
    /// Schedule lag by phase.
    pub lag: BTreeMap<String, LatencyHistogram>,
    /// Dropped arrivals and due arrivals by phase.
    pub dropped: BTreeMap<String, (u64, u64)>,
    /// Completions by tick (its end in ms), and how many of them had no answer: for a target that vanishes.
    pub answers: Vec<(u64, u64, u64)>,
    /// What ended in each tick, by when it ended: for rates that were achieved, not scheduled.
    pub ended: Vec<Ended>,
    /// Broken promises, in the order in which they were seen.
    pub findings: Vec<Finding>,
    /// Figures that must be equal.
    pub conservations: Vec<Conservation>,
    /// Samples of processes.
    pub resources: Vec<Resource>,
    /// Builds that answered.
    pub versions: Vec<Version>,
    /// The backend's end.
    pub died: Option<BackendDied>,
    /// When the run was interrupted.
    pub interrupted_at_ms: Option<u64>,
    /// What the stage could not do.
    pub missing: Vec<String>,
    /// The worker's own account.
    pub done: Option<Done>,
}

/// What ended in an interval.
#[derive(Debug)]
pub struct Ended {
    /// Its begin, in ms from the start of the load.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
    /// How many, by kind and class.
    pub counts: BTreeMap<(RequestKind, AnswerClass), u64>,
}

/// Requests of one phase, kind and class.
#[derive(Debug, Default)]
pub struct Total {
    /// From the scheduled time.
    pub latency: LatencyHistogram,
    /// From sending.
    pub service: LatencyHistogram,
    /// The backend's own share.
    pub own: LatencyHistogram,
    /// From the cache.
    pub cache_hits: u64,
}

impl Seen {
    /// Adds up `evidence` of `plan`.
    pub fn of(plan: &RunPlan, evidence: &[Evidence]) -> Result<Self, JudgeError> {
        let mut seen = Self::default();
        let mut hello = false;
        for line in evidence {
            match line {
                Evidence::Hello(line) => {
                    if line.schema != EVIDENCE_SCHEMA {
                        return Err(JudgeError::Schema { found: line.schema.clone() });
                    }
                    if line.schedule_sha256 != plan.schedule_sha256 {
                        return Err(JudgeError::Schedule {
                            planned: plan.schedule_sha256.clone(),
                            found: line.schedule_sha256.clone(),
                        });
                    }
                    hello = true;
                }
                Evidence::Tick(tick) => seen.tick(tick),
                Evidence::Finding(finding) => seen.findings.push(finding.clone()),
                Evidence::Conservation(line) => seen.conservations.push(line.clone()),
                Evidence::Resource(sample) => seen.resources.push(sample.clone()),
                Evidence::Version(version) => seen.versions.push(version.clone()),
                Evidence::BackendDied(died) => {
                    seen.died.get_or_insert_with(|| died.clone());
                }
                Evidence::Interrupted(line) => seen.interrupted_at_ms = Some(line.at_ms),
                Evidence::CapabilityMissing(lost) => seen.missing.push(lost.detail.clone()),
                Evidence::Done(done) => seen.done = Some(done.clone()),
                // `judge::whole` looks at it.
                Evidence::Closed(_) => {}
                Evidence::StageLost(lost) => {
                    return Err(JudgeError::StageLost { detail: lost.detail.clone() });
                }
                Evidence::WorkerLost(lost) => {
                    return Err(JudgeError::WorkerLost { detail: lost.detail.clone() });
                }
            }
        }
        let ended = seen.done.is_some() || seen.interrupted_at_ms.is_some() || seen.died.is_some();
        // A run may end before a worker had a chance to greet: by a signal, or with the backend.
        let begun = hello || seen.interrupted_at_ms.is_some() || seen.died.is_some();
        match (begun, ended) {
            (false, _) => Err(JudgeError::NoHello),
            (true, false) => Err(JudgeError::CutOff),
            (true, true) => Ok(seen),
        }
    }

    /// Adds up one tick: also for a live view, which judges nothing.
    pub fn tick(&mut self, tick: &Tick) {
        self.lag.entry(tick.phase.clone()).or_default().add(&tick.lag);
        let dropped = self.dropped.entry(tick.phase.clone()).or_default();
        dropped.0 = dropped.0.saturating_add(tick.dropped);
        dropped.1 = dropped.1.saturating_add(tick.offered);
        let (mut ended, mut unanswered) = (0, 0);
        let mut counts: BTreeMap<(RequestKind, AnswerClass), u64> = BTreeMap::new();
        for series in &tick.series {
            let count = series.latency.count();
            ended += count;
            *counts.entry((series.kind, series.class)).or_default() += count;
            if matches!(series.class, AnswerClass::Transport | AnswerClass::Timeout) {
                unanswered += count;
            }
            self.add(series);
        }
        let from_ms = self.ended.last().map_or(0, |last| last.to_ms);
        self.ended.push(Ended { from_ms, to_ms: tick.at_ms, counts });
        if ended > 0 {
            self.answers.push((tick.at_ms, ended, unanswered));
        }
    }

    fn add(&mut self, series: &Series) {
        let key = (series.phase.clone(), series.kind, series.class);
        let total = self.series.entry(key).or_default();
        total.latency.add(&series.latency);
        total.service.add(&series.service);
        total.own.add(&series.own);
        total.cache_hits = total.cache_hits.saturating_add(series.cache_hits);
    }

    /// Requests that `accept` takes.
    pub fn count(&self, accept: impl Fn(&str, RequestKind, AnswerClass) -> bool) -> u64 {
        let taken =
            self.series.iter().filter(|((phase, kind, class), _)| accept(phase, *kind, *class));
        taken.map(|(_, total)| total.latency.count()).sum()
    }
}

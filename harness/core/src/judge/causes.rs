//! Why a run cannot tell: everything that takes the ground from under a timing objective, or from under all of them.

use crate::{
    domain::{
        evidence::Conservation,
        histogram::LatencyHistogram,
        kind::{AnswerClass, RequestKind},
        objective::{ObjectiveKind, Process},
        rule::Rule,
        run::RunPlan,
        verdict::{Cause, ObjectiveResult, Status},
    },
    judge::{
        seen::Seen,
        timing::{mean, show},
    },
};

/// A generator whose 99th percentile of lag is above this did not keep its schedule, in µs.
pub const LAG_P99_MAX_US: u64 = 10_000;
/// A process group that uses this much of the machine is out of breath, in per mille of all cores.
const SATURATED_PERMILLE: u64 = 950;
/// The worker or the stage alone: per mille of all cores.
const SATURATED_ALONE_PERMILLE: u64 = 850;
/// A target is lost when at least this many requests in a row at the end had no answer, or when none ever had one.
const LOST_AFTER: u64 = 20;

/// All causes, most weighty first. `results` are the timing objectives with the samples that would decide the void ones.
pub fn causes(
    plan: &RunPlan,
    seen: &Seen,
    results: &[(ObjectiveResult, Option<u64>)],
) -> Vec<Cause> {
    let mut causes = Vec::new();
    if let Some(at_ms) = seen.interrupted_at_ms {
        causes.push(Cause::Interrupted { at_ms });
    }
    causes.extend(nothing_selected(seen));
    causes.extend(target_changed(plan, seen));
    causes.extend(target_lost(seen));
    causes.extend(
        seen.missing.iter().map(|detail| Cause::CapabilityMissing { detail: detail.clone() }),
    );
    causes.extend(probes_unanswered(plan, seen));
    if plan.only.is_some() {
        // Part of a run says nothing about timing; its promises are still put to the test.
        return causes;
    }
    causes.extend(generator_lagged(plan, seen));
    let broken = |result: &ObjectiveResult| {
        result.kind == ObjectiveKind::Timing && result.status == Status::Broken
    };
    if results.iter().any(|(result, _)| broken(result)) {
        causes.extend(stage_saturated(plan, seen));
    }
    for (result, wanted) in results.iter().filter(|(result, _)| result.status == Status::Void) {
        causes.push(Cause::TooFewSamples {
            objective: result.name.clone(),
            wanted: wanted.unwrap_or(1),
            got: result.n,
        });
    }
    causes
}

fn nothing_selected(seen: &Seen) -> Option<Cause> {
    let sent = seen.count(|_, _, class| class != AnswerClass::Dropped);
    (sent == 0).then_some(Cause::NothingSelected)
}

/// Probes that the plan has and that put nothing to the test. A race at the quota is one only if more questions were answered,
/// by a 2xx or by a refusal, than the quota takes, and the stores' figures were held against them; of an outage, something
/// must have been answered. A replay of part of a run is asked for the probes that it sent.
fn probes_unanswered(plan: &RunPlan, seen: &Seen) -> Vec<Cause> {
    let probes = &plan.profile.raw().probes;
    let of_kind = |wanted: RequestKind| seen.count(|_, kind, _| kind == wanted);
    let answered =
        |wanted: RequestKind| seen.count(|_, kind, class| kind == wanted && class.is_answered());
    let part = |kind: RequestKind| plan.only.is_some() && of_kind(kind) == 0;
    let mut causes = Vec::new();
    let mut decide = |kind: RequestKind, wanted: u64, got: u64| {
        if got < wanted && !part(kind) {
            causes.push(Cause::TooFewSamples { objective: kind.name().to_owned(), wanted, got });
        }
    };
    if probes.quota_burst.is_some() {
        let quota = plan.limits.daily_quota.min(plan.limits.monthly_quota);
        let is_held_against = |line: &Conservation| line.rule == Rule::QuotaLimit;
        let compared = seen.conservations.iter().any(is_held_against);
        let got = if compared { answered(RequestKind::QuotaBurst) } else { 0 };
        decide(RequestKind::QuotaBurst, quota.saturating_add(1), got);
    }
    if !probes.outages.is_empty() {
        let outages = probes.outages.len() as u64;
        decide(RequestKind::DependencyOut, outages, answered(RequestKind::DependencyOut));
    }
    causes
}

/// A commit stands for another if it is that one, or an abbreviation of at least 7 digits of it.
pub(super) fn same_commit(expected: &str, seen: &str) -> bool {
    expected == seen
        || (expected.len() >= 7
            && !expected.contains('-')
            && seen.starts_with(expected)
            && !seen.contains('-'))
}

fn target_changed(plan: &RunPlan, seen: &Seen) -> Option<Cause> {
    let changed = |expected: &str, seen: &str| Cause::TargetChanged {
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    };
    if let Some(expected) = &plan.expect_commit
        && !same_commit(expected, &plan.sut_commit)
    {
        return Some(changed(expected, &plan.sut_commit));
    }
    let other = seen.versions.iter().find(|version| version.commit != plan.sut_commit)?;
    Some(changed(&plan.sut_commit, &other.commit))
}

fn target_lost(seen: &Seen) -> Option<Cause> {
    if seen.died.is_some() {
        return None;
    }
    let silent = seen.answers.iter().rev().take_while(|(_, ended, unanswered)| ended == unanswered);
    let (since_ms, requests) =
        silent.fold((0, 0), |(_, requests), (at_ms, ended, _)| (*at_ms, requests + ended));
    let all: u64 = seen.answers.iter().map(|(_, ended, _)| ended).sum();
    let lost = requests >= LOST_AFTER || (requests > 0 && requests == all);
    lost.then(|| Cause::TargetLost {
        detail: format!("the last {requests} requests, from {since_ms} ms on, had no answer"),
    })
}

fn generator_lagged(plan: &RunPlan, seen: &Seen) -> Option<Cause> {
    let mut lag = LatencyHistogram::new();
    seen.lag.iter().filter(|(p, _)| plan.profile.is_gated(p)).for_each(|(_, part)| lag.add(part));
    if let Some(p99) = lag.percentile(99, 100).filter(|p99| *p99 > LAG_P99_MAX_US) {
        return Some(Cause::GeneratorLagged {
            detail: format!(
                "p99 of the schedule lag was {}, above {}",
                show(p99, "us"),
                show(LAG_P99_MAX_US, "us")
            ),
        });
    }
    // Arrivals that were neither sent nor dropped are a schedule that was not kept, whatever the lag of the others.
    let cut_short = seen.interrupted_at_ms.is_some() || seen.died.is_some();
    let unsent = seen.done.as_ref().filter(|_| !cut_short).map_or(0, |done| {
        let kept = done.started.saturating_sub(done.unscheduled).saturating_add(done.dropped);
        done.planned.saturating_sub(kept)
    });
    if unsent > 0 {
        return Some(Cause::GeneratorLagged {
            detail: format!("{unsent} arrivals were neither sent nor counted as dropped"),
        });
    }
    let worker = mean_cpu(plan, seen, Process::Worker)?;
    let cores = u64::from(plan.machine.cores.max(1));
    (worker >= SATURATED_ALONE_PERMILLE * cores).then(|| Cause::GeneratorLagged {
        detail: format!("the worker used {} of {cores} cores", show(worker, "permille")),
    })
}

fn stage_saturated(plan: &RunPlan, seen: &Seen) -> Option<Cause> {
    let cores = u64::from(plan.machine.cores.max(1));
    let stage = mean_cpu(plan, seen, Process::Stage)?;
    let backend = mean_cpu(plan, seen, Process::Backend).unwrap_or(0);
    let worker = mean_cpu(plan, seen, Process::Worker).unwrap_or(0);
    let alone = stage >= SATURATED_ALONE_PERMILLE * cores;
    // A backend that burns the machine by itself is not excused by it.
    let together = stage.saturating_add(backend).saturating_add(worker)
        >= SATURATED_PERMILLE * cores
        && stage.saturating_add(worker) > backend;
    (alone || together).then(|| Cause::StageSaturated {
        detail: format!(
            "stage {}, worker {}, backend {} on {cores} cores",
            show(stage, "permille"),
            show(worker, "permille"),
            show(backend, "permille")
        ),
    })
}

fn mean_cpu(plan: &RunPlan, seen: &Seen, process: Process) -> Option<u64> {
    let samples: Vec<u64> = seen
        .resources
        .iter()
        .filter(|sample| sample.process == process && plan.profile.is_gated(&sample.phase))
        .map(|sample| sample.cpu_permille)
        .collect();
    mean(&samples)
}

//! The verdict on a load run.
//!
//! Precedence: what the harness could not do (an error, exit 4), an interruption (130), a broken promise (Fail), a cause
//! (Inconclusive), a broken timing objective (Fail), Pass.

use std::collections::BTreeMap;

use crate::{
    domain::{
        evidence::Evidence,
        non_empty::NonEmpty,
        objective::{Metric, Objective, ObjectiveKind, Process},
        run::RunPlan,
        verdict::{
            Breach, Cause, ObjectiveResult, PromiseResult, Status, VERDICT_SCHEMA, Verdict,
            VerdictFile,
        },
    },
    judge::{
        causes::causes,
        correctness,
        seen::{JudgeError, Seen},
        timing,
    },
};

/// Judges `evidence` of `plan`.
pub fn judge(plan: &RunPlan, evidence: &[Evidence]) -> Result<VerdictFile, JudgeError> {
    let seen = Seen::of(plan, evidence)?;
    let mut results = timing::results(plan, &seen);
    if plan.only.is_some() {
        // Part of a run has no timing of its own.
        for (result, _) in &mut results {
            if result.kind == ObjectiveKind::Timing {
                result.status = Status::Void;
            }
        }
    }
    let promises = correctness::promises(&seen);
    let (judgement, outweighed) = decide(plan, &seen, &results);
    let objectives: Vec<ObjectiveResult> = results.into_iter().map(|(result, _)| result).collect();
    Ok(VerdictFile {
        schema: VERDICT_SCHEMA.to_owned(),
        run_id: plan.run_id.clone(),
        suite: plan.suite.clone(),
        profile: plan.profile_name.clone(),
        seed: plan.seed,
        stage: plan.stage.clone(),
        services: plan.services,
        runtime: plan.runtime,
        behind_edge: plan.behind_edge,
        started_at: plan.started_at.clone(),
        bundle_sha256: plan.bundle_sha256.clone(),
        harness_commit: plan.harness_commit.clone(),
        sut_commit: plan.sut_commit.clone(),
        sut_defects: plan.sut_defects.clone(),
        schedule_sha256: plan.schedule_sha256.clone(),
        headline: headline(plan, &judgement, &promises, &objectives),
        exit_code: judgement.exit_code(),
        judgement,
        outweighed,
        promises,
        coverage: BTreeMap::new(),
        objectives,
        skipped: Vec::new(),
        notes: Vec::new(),
        requests: requests(&seen),
    })
}

/// The verdict, and the causes that it outweighs.
fn decide(
    plan: &RunPlan,
    seen: &Seen,
    results: &[(ObjectiveResult, Option<u64>)],
) -> (Verdict, Vec<Cause>) {
    let broken = |kind: ObjectiveKind| {
        let of_kind =
            move |result: &&ObjectiveResult| result.kind == kind && result.status == Status::Broken;
        results.iter().map(|(result, _)| result).filter(of_kind)
    };
    let mut correctness = correctness::breaches(plan, seen);
    correctness.extend(broken(ObjectiveKind::Correctness).map(|r| timing::breach(plan, r)));
    let (own, of_target): (Vec<_>, Vec<_>) =
        broken(ObjectiveKind::Timing).partition(|result| is_the_harnesses(result));
    let mut causes = causes(plan, seen, results);
    // What the harness itself did not keep is no promise of the backend.
    causes.extend(own.into_iter().map(|result| Cause::GeneratorLagged {
        detail: format!("`{}` was broken: {}", result.name, timing::figures(result)),
    }));
    let timing: Vec<Breach> = of_target.into_iter().map(|r| timing::breach(plan, r)).collect();
    let verdict =
        never_with_defects(&plan.sut_defects, settle(correctness, causes.clone(), timing));
    let outweighed = verdict.outweighed(causes);
    (verdict, outweighed)
}

/// Whether an objective is about the load generator or the stage, not about what is judged.
fn is_the_harnesses(result: &ObjectiveResult) -> bool {
    result.expression.parse::<Objective>().is_ok_and(|objective| {
        matches!(objective.metric, Metric::ScheduleLag | Metric::OfferedError)
            || matches!(objective.selector.process, Some(Process::Worker | Process::Stage))
    })
}

/// A build with seeded defects switched on is judged to see what the checks catch: what it passes counts for nothing.
pub(super) fn never_with_defects(defects: &[String], verdict: Verdict) -> Verdict {
    if verdict != Verdict::Pass || defects.is_empty() {
        return verdict;
    }
    let detail = format!("seeded defects are switched on: {}", defects.join(", "));
    NonEmpty::new(vec![Cause::NotComparable { detail }])
        .map_or(Verdict::Pass, |causes| Verdict::Inconclusive { causes, breaches_seen: Vec::new() })
}

/// The precedence, and nothing else.
pub(super) fn settle(
    mut correctness: Vec<Breach>,
    causes: Vec<Cause>,
    timing: Vec<Breach>,
) -> Verdict {
    let interrupted = causes.iter().any(|cause| matches!(cause, Cause::Interrupted { .. }));
    if !interrupted && !correctness.is_empty() {
        // A cause takes the ground from timing only: with one, timing breaches are no evidence.
        if causes.is_empty() {
            correctness.extend(timing);
        }
        return NonEmpty::new(correctness)
            .map_or(Verdict::Pass, |breaches| Verdict::Fail { breaches });
    }
    if let Some(causes) = NonEmpty::new(causes) {
        correctness.extend(timing);
        return Verdict::Inconclusive { causes, breaches_seen: correctness };
    }
    NonEmpty::new(timing).map_or(Verdict::Pass, |breaches| Verdict::Fail { breaches })
}

fn headline(
    plan: &RunPlan,
    verdict: &Verdict,
    promises: &[PromiseResult],
    objectives: &[ObjectiveResult],
) -> String {
    match verdict {
        Verdict::Pass => {
            let tested: u64 = promises.iter().map(|promise| promise.tested).sum();
            let kinds = promises.iter().filter(|promise| promise.tested > 0).count();
            let held = objectives.iter().filter(|o| o.status == Status::Held).count();
            let part = if plan.only.is_some() {
                " (a replay of part of a run: timing is not judged)"
            } else {
                ""
            };
            format!(
                "{kinds} promises held in {tested} observations, {held} of {} objectives kept{part}.",
                objectives.len()
            )
        }
        Verdict::Fail { breaches } => {
            let first = breaches.as_slice().first();
            let more = breaches.as_slice().len() - 1;
            let more = if more > 0 { format!(" And {more} more.") } else { String::new() };
            first.map_or(String::new(), |b| {
                format!("Broken promise `{}`: {} {}{more}", b.objective, b.promise, b.message)
            })
        }
        Verdict::Inconclusive { causes, .. } => {
            let sentences: Vec<String> = causes.as_slice().iter().map(Cause::sentence).collect();
            format!("The run cannot tell. {}", sentences.join(" "))
        }
    }
}

fn requests(seen: &Seen) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut requests: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((_, kind, class), total) in &seen.series {
        let by_class = requests.entry(kind.name().to_owned()).or_default();
        *by_class.entry(class.name().to_owned()).or_default() += total.latency.count();
    }
    requests
}

#[cfg(test)]
mod tests;

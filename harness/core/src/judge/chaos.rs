//! The verdict on a chaos run, scenario by scenario. There is no ratio in it and no sample size: each request has a fate
//! that the faults decide, and one that has another is a broken promise. A stimulus that did not happen, and a service
//! that was not well before it, is Inconclusive, never a Pass.

use std::collections::BTreeMap;

use crate::{
    domain::{
        chaos::{
            ChaosPlan, RawScenario,
            evidence::{CHAOS_EVIDENCE_SCHEMA, ChaosEvidence},
        },
        verdict::{Breach, Cause, Coverage, PromiseResult, VERDICT_SCHEMA, Verdict, VerdictFile},
    },
    judge::{
        causes::same_commit,
        load::{never_with_defects, settle},
        seen::JudgeError,
    },
};

mod breaches;
pub mod fate;
pub mod fates;
pub mod invariants;
pub mod phases;
mod stimulus;
#[cfg(test)]
mod tests;
pub mod view;

pub use breaches::{CODES, promise_of};

use breaches::Told;
use view::View;

/// Judges whole evidence of `plan`.
///
/// # Errors
/// If the harness could not do its part: evidence that is cut off or does not add up, or a fault that was not taken off.
pub fn judge_chaos(
    plan: &ChaosPlan,
    evidence: &[ChaosEvidence],
) -> Result<VerdictFile, JudgeError> {
    let views: Vec<View<'_>> = plan.scenarios.iter().map(|run| View::of(run, evidence)).collect();
    whole(evidence, &views)?;
    let told: Vec<Told> = views.iter().map(|view| breaches::told(plan, view)).collect();
    let causes = causes(plan, evidence, &views);
    // What became of requests counts only where the ground was firm; what holds in every phase counts wherever it was seen.
    let counts = |view: &View<'_>, breach: &Breach| {
        stimulus::is_firm(view) || (stimulus::is_whole(view) && breaches::always(&breach.objective))
    };
    let breaches: Vec<Breach> = views
        .iter()
        .zip(&told)
        .flat_map(|(view, told)| told.breaches.iter().filter(move |breach| counts(view, breach)))
        .cloned()
        .collect();
    let verdict =
        never_with_defects(&plan.sut_defects, settle(breaches, causes.clone(), Vec::new()));
    Ok(VerdictFile {
        schema: VERDICT_SCHEMA.to_owned(),
        run_id: plan.run_id.clone(),
        suite: plan.suite.clone(),
        profile: plan.tier.map_or("chaos", crate::domain::chaos::Tier::name).to_owned(),
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
        schedule_sha256: plan.scenarios_sha256.clone(),
        headline: headline(plan, &verdict, &views),
        exit_code: verdict.exit_code(),
        outweighed: verdict.outweighed(causes),
        judgement: verdict,
        promises: promises(&told),
        coverage: coverage(plan, &views),
        objectives: Vec::new(),
        skipped: plan.skipped.clone(),
        notes: views.iter().filter_map(breaches::note).collect(),
        requests: views.iter().map(|view| (view.run.name.clone(), fates::counts(view))).collect(),
    })
}

/// Only whole evidence is judged; an interrupted run has what it has.
fn whole(evidence: &[ChaosEvidence], views: &[View<'_>]) -> Result<(), JudgeError> {
    match evidence.first() {
        Some(ChaosEvidence::Hello(hello)) if hello.schema != CHAOS_EVIDENCE_SCHEMA => {
            return Err(JudgeError::Schema { found: hello.schema.clone() });
        }
        Some(ChaosEvidence::Hello(_)) => {}
        Some(_) | None => return Err(JudgeError::NoHello),
    }
    let closed = match evidence.split_last() {
        Some((ChaosEvidence::Closed(closed), before)) => closed.lines == before.len() as u64,
        Some(_) | None => false,
    };
    if !closed {
        return Err(JudgeError::CutOff);
    }
    let interrupted = evidence.iter().any(|line| matches!(line, ChaosEvidence::Interrupted(_)));
    for view in views {
        let Some(ended) = view.ended else {
            let excused = interrupted || !view.lost.is_empty() || !view.missing.is_empty();
            if excused {
                continue;
            }
            return Err(JudgeError::CutOff);
        };
        if let Some(fault) = ended.left_on.first() {
            let detail =
                format!("fault `{fault}` of `{}` was still on when all were off", view.run.name);
            return Err(JudgeError::StageLost { detail });
        }
        let hits: u64 = view.fired.values().map(|hits| hits.len() as u64).sum();
        for (what, said, counted) in
            [("requests", ended.requests, view.requests.len() as u64), ("hits", ended.hits, hits)]
        {
            if said != counted {
                let what = format!("{what} in `{}`", view.run.name);
                return Err(JudgeError::DoesNotAddUp { what, said, counted });
            }
        }
    }
    Ok(())
}

fn causes(plan: &ChaosPlan, evidence: &[ChaosEvidence], views: &[View<'_>]) -> Vec<Cause> {
    let mut causes = Vec::new();
    if plan.scenarios.is_empty() {
        causes.push(Cause::NothingSelected);
    }
    for line in evidence {
        if let ChaosEvidence::Interrupted(line) = line {
            causes.push(Cause::Interrupted { at_ms: line.at_ms });
        }
    }
    let changed = |expected: &str, seen: &str| Cause::TargetChanged {
        expected: expected.to_owned(),
        seen: seen.to_owned(),
    };
    if let Some(expected) = &plan.expect_commit
        && !same_commit(expected, &plan.sut_commit)
    {
        causes.push(changed(expected, &plan.sut_commit));
    }
    let builds = views.iter().flat_map(|view| {
        let began = view.began.map(|began| began.sut_commit.as_str());
        began.into_iter().chain(stimulus::builds(view))
    });
    let other = builds.into_iter().find(|commit| *commit != plan.sut_commit);
    causes.extend(other.map(|seen| changed(&plan.sut_commit, seen)));
    causes.extend(views.iter().flat_map(stimulus::causes));
    causes
}

fn promises(told: &[Told]) -> Vec<PromiseResult> {
    let mut all: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (code, tested, broken) in told.iter().flat_map(|told| &told.promises) {
        let sum = all.entry(code).or_default();
        sum.0 += tested;
        sum.1 += broken;
    }
    let result = |(rule, (tested, broken)): (&str, (u64, u64))| PromiseResult {
        rule: rule.to_owned(),
        tested,
        broken,
    };
    all.into_iter().map(result).collect()
}

/// Scenarios that decided something, by file; and by the service or instrument that failed in them.
fn coverage(plan: &ChaosPlan, views: &[View<'_>]) -> BTreeMap<String, Coverage> {
    let mut coverage: BTreeMap<String, Coverage> = BTreeMap::new();
    let mut count = |key: String, executed: bool| {
        let cell = coverage.entry(key).or_default();
        if executed {
            cell.executed += 1;
        } else {
            cell.skipped += 1;
        }
    };
    for view in views {
        let executed = stimulus::is_firm(view);
        count(file_of(&view.run.name), executed);
        for family in families(&view.run.scenario) {
            count(family, executed);
        }
    }
    for skipped in &plan.skipped {
        count(skipped.id.clone(), false);
    }
    coverage
}

/// The file of a scenario.
pub fn file_of(name: &str) -> String {
    format!("scenarios/chaos/{name}.toml")
}

/// What fails in a scenario: `fault:` and a service by name, `wire`, `process` or `clock`.
pub fn families(scenario: &RawScenario) -> std::collections::BTreeSet<String> {
    let mut families = std::collections::BTreeSet::new();
    for fault in &scenario.faults {
        let service = fault.on.as_deref().and_then(|on| on.split(':').next());
        families.extend(service.map(|service| format!("fault:{service}")));
        families.extend(fault.proxy.as_ref().map(|service| format!("fault:{service}")));
        families.extend(fault.proxy.as_ref().map(|_| "fault:wire".to_owned()));
        families.extend(fault.process.map(|_| "fault:process".to_owned()));
        families.extend(fault.clock_ms.map(|_| "fault:clock".to_owned()));
    }
    families
}

fn headline(plan: &ChaosPlan, verdict: &Verdict, views: &[View<'_>]) -> String {
    let skipped = match plan.skipped.len() {
        0 => String::new(),
        1 => " 1 is skipped on this stage.".to_owned(),
        many => format!(" {many} are skipped on this stage."),
    };
    match verdict {
        Verdict::Pass => {
            let hits: usize = views.iter().flat_map(|view| view.fired.values()).map(Vec::len).sum();
            let requests: usize = views.iter().map(|view| view.requests.len()).sum();
            format!(
                "{} scenarios held: {hits} faults hit calls of {requests} requests, and each request ended as it had to.{skipped}",
                views.len()
            )
        }
        Verdict::Fail { breaches } => {
            let first = breaches.as_slice().first();
            let more = breaches.as_slice().len() - 1;
            let more = if more > 0 { format!(" And {more} more.") } else { String::new() };
            first.map_or(String::new(), |b| format!("{} {}{more}{skipped}", b.promise, b.message))
        }
        Verdict::Inconclusive { causes, .. } => {
            let sentences: Vec<String> = causes.as_slice().iter().map(Cause::sentence).collect();
            format!("The run cannot tell. {}{skipped}", sentences.join(" "))
        }
    }
}

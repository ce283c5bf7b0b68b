//! The verdict on a run of the features.
//!
//! A scenario that did not pass is a broken promise, and so is one that passed only when it was tried again: a promise
//! that is kept now and then is not kept. Where the harness or the stage could not do a step's part, nothing is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        features::{
            EdgeRule, Enforced, FEATURES_EVIDENCE_SCHEMA, FeaturesEvidence, FeaturesPlan,
            ScenarioOutcome, ScenarioPlan, ScenarioSeen, StepBroken,
        },
        objective::ObjectiveKind,
        rule::Rule,
        verdict::{Breach, Cause, PromiseResult, VERDICT_SCHEMA, Verdict, VerdictFile},
    },
    judge::{
        causes::same_commit,
        load::{never_with_defects, settle},
        seen::JudgeError,
    },
};

mod coverage;

/// What became of a scenario over its attempts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fate {
    /// It held.
    Passed,
    /// It held only when it was tried again.
    Flaky,
    /// It did not hold.
    Failed,
    /// It is not known: the harness or the stage could not do its part.
    Lost,
    /// It did not hold, as its `@wip` says.
    Pending,
    /// It held, and its `@wip` says that it does not.
    Unexpected,
    /// It was not run: the run ended before.
    NotRun,
}

impl Fate {
    /// The word for it in verdict.json.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Pending => "pending",
            Self::Unexpected => "passed_though_wip",
            Self::NotRun => "not_run",
        }
    }
}

/// A scenario, its attempts in order, and what became of it.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The scenario.
    pub plan: &'a ScenarioPlan,
    /// Its attempts.
    pub attempts: Vec<&'a ScenarioSeen>,
    /// What became of it.
    pub fate: Fate,
}

impl Told<'_> {
    /// Where its last attempt that did not pass ended.
    pub fn broken(&self) -> Option<&StepBroken> {
        self.attempts.iter().rev().find_map(|seen| match &seen.outcome {
            ScenarioOutcome::Passed => None,
            ScenarioOutcome::Broken(step) | ScenarioOutcome::Lost(step) => Some(step),
        })
    }
}

/// What became of each scenario of `plan`, in the plan's order.
pub fn told<'a>(plan: &'a FeaturesPlan, evidence: &'a [FeaturesEvidence]) -> Vec<Told<'a>> {
    let mut attempts: BTreeMap<&str, Vec<&ScenarioSeen>> = BTreeMap::new();
    for line in evidence {
        if let FeaturesEvidence::Scenario(seen) = line {
            attempts.entry(&seen.id).or_default().push(seen);
        }
    }
    let told = |scenario: &'a ScenarioPlan| {
        let mut attempts = attempts.remove(scenario.id.as_str()).unwrap_or_default();
        attempts.sort_by_key(|seen| seen.attempt);
        Told { plan: scenario, fate: fate(scenario, &attempts), attempts }
    };
    plan.scenarios.iter().map(told).collect()
}

fn fate(scenario: &ScenarioPlan, attempts: &[&ScenarioSeen]) -> Fate {
    let broken = attempts.iter().any(|seen| matches!(seen.outcome, ScenarioOutcome::Broken(_)));
    let last = attempts.last().map(|seen| &seen.outcome);
    match (last, scenario.is_work_in_progress()) {
        (None, _) => Fate::NotRun,
        (Some(ScenarioOutcome::Passed), false) if broken => Fate::Flaky,
        (Some(ScenarioOutcome::Passed), false) => Fate::Passed,
        (Some(ScenarioOutcome::Passed), true) if broken => Fate::Pending,
        (Some(ScenarioOutcome::Passed), true) => Fate::Unexpected,
        (Some(_), true) => Fate::Pending,
        // One attempt saw it broken: that the other could not tell takes nothing from it.
        (Some(_), false) if broken => Fate::Failed,
        (Some(_), false) => Fate::Lost,
    }
}

/// Judges whole evidence of `plan`.
///
/// # Errors
/// If the harness could not do its part: a worker or stage that was lost, or evidence that is cut off or does not add up.
pub fn judge_features(
    plan: &FeaturesPlan,
    evidence: &[FeaturesEvidence],
) -> Result<VerdictFile, JudgeError> {
    whole(evidence)?;
    let told = told(plan, evidence);
    check_all_ran(evidence, &told)?;
    let breaches = breaches(plan, evidence, &told);
    let causes = causes(plan, evidence, &told);
    let verdict =
        never_with_defects(&plan.sut_defects, settle(breaches, causes.clone(), Vec::new()));
    let promises = promises(&told);
    Ok(VerdictFile {
        schema: VERDICT_SCHEMA.to_owned(),
        run_id: plan.run_id.clone(),
        suite: plan.suite.clone(),
        profile: "features".to_owned(),
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
        schedule_sha256: plan.features_sha256.clone(),
        headline: headline(plan, &verdict, &told),
        exit_code: verdict.exit_code(),
        outweighed: verdict.outweighed(causes),
        judgement: verdict,
        promises,
        coverage: coverage::of(plan, &told),
        objectives: Vec::new(),
        skipped: plan.skipped.clone(),
        notes: notes(plan, &told),
        requests: BTreeMap::from([("scenarios".to_owned(), counts(plan, &told))]),
    })
}

/// Only whole evidence is judged; an interrupted run has what it has.
fn whole(evidence: &[FeaturesEvidence]) -> Result<(), JudgeError> {
    let mut hello = false;
    let (mut done, mut attempts, mut interrupted, mut died) = (None, 0, false, false);
    for line in evidence {
        match line {
            FeaturesEvidence::Hello(line) if line.schema != FEATURES_EVIDENCE_SCHEMA => {
                return Err(JudgeError::Schema { found: line.schema.clone() });
            }
            FeaturesEvidence::Hello(_) => hello = true,
            FeaturesEvidence::Scenario(_) => attempts += 1,
            FeaturesEvidence::Interrupted(_) => interrupted = true,
            FeaturesEvidence::BackendDied(_) => died = true,
            FeaturesEvidence::StageLost(lost) => {
                return Err(JudgeError::StageLost { detail: lost.detail.clone() });
            }
            FeaturesEvidence::WorkerLost(lost) => {
                return Err(JudgeError::WorkerLost { detail: lost.detail.clone() });
            }
            FeaturesEvidence::Done(line) => done = Some(line.attempts),
            FeaturesEvidence::Log(_)
            | FeaturesEvidence::Version(_)
            | FeaturesEvidence::Closed(_) => {}
        }
    }
    let closed = match evidence.split_last() {
        Some((FeaturesEvidence::Closed(closed), before)) => closed.lines == before.len() as u64,
        Some(_) | None => false,
    };
    if interrupted {
        return Ok(());
    }
    if !closed {
        return Err(JudgeError::CutOff);
    }
    match done {
        _ if !hello => Err(JudgeError::NoHello),
        None if died => Ok(()),
        None => Err(JudgeError::CutOff),
        Some(said) if said != attempts => Err(JudgeError::DoesNotAddUp {
            what: "attempts at scenarios".to_owned(),
            said,
            counted: attempts,
        }),
        Some(_) => Ok(()),
    }
}

/// A scenario may be missing only where the run was cut short, or ended at its first failure.
fn check_all_ran(evidence: &[FeaturesEvidence], told: &[Told<'_>]) -> Result<(), JudgeError> {
    let cut_short = |line: &FeaturesEvidence| {
        matches!(line, FeaturesEvidence::Interrupted(_) | FeaturesEvidence::BackendDied(_))
    };
    let failed = told.iter().any(|told| matches!(told.fate, Fate::Failed | Fate::Flaky));
    let missing = told.iter().filter(|told| told.fate == Fate::NotRun).count();
    if missing == 0 || failed || evidence.iter().any(cut_short) {
        return Ok(());
    }
    let (said, counted) = (told.len() as u64, (told.len() - missing) as u64);
    Err(JudgeError::DoesNotAddUp { what: "scenarios".to_owned(), said, counted })
}

fn breaches(plan: &FeaturesPlan, evidence: &[FeaturesEvidence], told: &[Told<'_>]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for line in evidence {
        if let FeaturesEvidence::BackendDied(died) = line {
            breaches.push(Breach {
                objective: Rule::BackendDied.code().to_owned(),
                kind: ObjectiveKind::Correctness,
                promise: Rule::BackendDied.promise().to_owned(),
                message: format!("It ended: {}. {}", died.how, died.last_lines.join(" | ")),
                times: 1,
                first_at_ms: Some(died.at_ms),
                request_id: None,
                trace_id: None,
                ordinals: Vec::new(),
                reproduce: reproduce(plan, None),
            });
        }
    }
    let broken = told.iter().filter(|told| matches!(told.fate, Fate::Failed | Fate::Flaky));
    breaches.extend(broken.map(|told| breach(plan, told)));
    breaches
}

fn breach(plan: &FeaturesPlan, told: &Told<'_>) -> Breach {
    let failed =
        told.attempts.iter().rev().find(|seen| matches!(seen.outcome, ScenarioOutcome::Broken(_)));
    let again = if told.fate == Fate::Flaky {
        " It held when it was tried again: it is flaky, and a promise that is kept now and then is not kept."
    } else {
        ""
    };
    let message = told.broken().map_or_else(String::new, |step| {
        format!(
            "At `{}` ({}): expected {}; saw {}.{again}",
            step.step, step.place, step.expected, step.seen
        )
    });
    let last = failed.and_then(|seen| seen.requests.last());
    Breach {
        objective: told.plan.id.clone(),
        kind: ObjectiveKind::Correctness,
        promise: format!("{}: {}.", told.plan.feature, told.plan.name.trim_end_matches('.')),
        message,
        times: told.attempts.iter().filter(|seen| seen.outcome != ScenarioOutcome::Passed).count()
            as u64,
        first_at_ms: failed.map(|seen| seen.at_ms),
        request_id: last.and_then(|request| request.request_id.clone()),
        trace_id: last.and_then(|request| request.trace_id.clone()),
        ordinals: Vec::new(),
        reproduce: reproduce(plan, Some(told.plan)),
    }
}

/// The command that runs one scenario again, or all of them.
pub fn reproduce(plan: &FeaturesPlan, scenario: Option<&ScenarioPlan>) -> String {
    let place = scenario.map(|scenario| format!(" {}", scenario.id)).unwrap_or_default();
    let stage = Some(&plan.stage_arguments).filter(|arguments| !arguments.is_empty());
    let stage = stage.map(|arguments| format!(" {arguments}")).unwrap_or_default();
    format!("cargo run -p harness -- features{place} --seed {}{stage}", plan.seed)
}

fn causes(plan: &FeaturesPlan, evidence: &[FeaturesEvidence], told: &[Told<'_>]) -> Vec<Cause> {
    let mut causes = Vec::new();
    let decided = |told: &&Told<'_>| matches!(told.fate, Fate::Passed | Fate::Flaky | Fate::Failed);
    if !told.iter().any(|told| decided(&told)) && !told.iter().any(|t| t.fate == Fate::Lost) {
        causes.push(Cause::NothingSelected);
    }
    for line in evidence {
        if let FeaturesEvidence::Interrupted(line) = line {
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
    let builds = evidence.iter().filter_map(|line| {
        if let FeaturesEvidence::Version(version) = line { Some(&version.commit) } else { None }
    });
    let other = builds.into_iter().find(|commit| **commit != plan.sut_commit);
    causes.extend(other.map(|seen| changed(&plan.sut_commit, seen)));
    let lost: Vec<&Told<'_>> = told.iter().filter(|told| told.fate == Fate::Lost).collect();
    if let Some(step) = lost.first().and_then(|told| told.broken()) {
        let (many, first) = (lost.len(), &step.place);
        let detail =
            format!("{many} scenarios could not be run; the first at {first}: {}", step.seen);
        causes.push(Cause::TargetLost { detail });
    }
    causes
}

fn promises(told: &[Told<'_>]) -> Vec<PromiseResult> {
    let mut features: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for told in told {
        let (tested, broken) = features.entry(&told.plan.feature).or_default();
        *tested += u64::from(matches!(told.fate, Fate::Passed | Fate::Flaky | Fate::Failed));
        *broken += u64::from(matches!(told.fate, Fate::Flaky | Fate::Failed));
    }
    let result = |(rule, (tested, broken)): (&str, (u64, u64))| PromiseResult {
        rule: rule.to_owned(),
        tested,
        broken,
    };
    features.into_iter().map(result).collect()
}

fn notes(plan: &FeaturesPlan, told: &[Told<'_>]) -> Vec<String> {
    let of_edge = |rule: &EdgeRule| {
        let how = match rule.enforced {
            Enforced::Exact => "as AWS does it",
            Enforced::Approximate => "approximately",
            Enforced::No => "not enforced here",
        };
        format!("firewall rule `{}`: {how} ({})", rule.name, rule.because)
    };
    let mut notes: Vec<String> = plan.edge.iter().map(of_edge).collect();
    for told in told {
        if told.fate == Fate::Unexpected {
            notes.push(format!("{} passes: its tag @wip can go.", told.plan.id));
        }
        if let (Fate::Lost, Some(step)) = (told.fate, told.broken()) {
            notes.push(format!("{} could not be run: {}: {}", told.plan.id, step.place, step.seen));
        }
        if told.fate == Fate::Passed && told.attempts.len() > 1 {
            notes.push(format!("{} could not be run at first, and passed then.", told.plan.id));
        }
    }
    notes
}

fn counts(plan: &FeaturesPlan, told: &[Told<'_>]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for told in told {
        *counts.entry(told.fate.word().to_owned()).or_default() += 1;
    }
    if !plan.skipped.is_empty() {
        counts.insert("skipped".to_owned(), plan.skipped.len() as u64);
    }
    counts
}

fn headline(plan: &FeaturesPlan, verdict: &Verdict, told: &[Told<'_>]) -> String {
    let skipped = match plan.skipped.len() {
        0 => String::new(),
        1 => " 1 is skipped on this stage.".to_owned(),
        many => format!(" {many} are skipped on this stage."),
    };
    match verdict {
        Verdict::Pass => {
            let held = told.iter().filter(|told| told.fate == Fate::Passed).count();
            let features: BTreeSet<&str> =
                told.iter().map(|told| told.plan.feature.as_str()).collect();
            format!("{held} scenarios of {} capabilities held.{skipped}", features.len())
        }
        Verdict::Fail { breaches } => {
            let more = breaches.as_slice().len() - 1;
            let more = if more > 0 { format!(" And {more} more.") } else { String::new() };
            let first = breaches.as_slice().first();
            let first = first.map(|breach| format!("{} {}", breach.promise, breach.message));
            format!("Broken promise: {}{more}{skipped}", first.unwrap_or_default())
        }
        Verdict::Inconclusive { causes, .. } => {
            let sentences: Vec<String> = causes.as_slice().iter().map(Cause::sentence).collect();
            format!("The run cannot tell. {}{skipped}", sentences.join(" "))
        }
    }
}

#[cfg(test)]
mod tests;

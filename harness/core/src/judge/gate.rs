//! A gate's decision. Pure: the same policy, context and runs give the same bytes.
//!
//! Hold outweighs cannot tell, which outweighs promote. A run holds a build only if it is a run of that build, on that
//! stage, and new enough; what is not can neither hold nor promote. A suite that could not tell may be tried again; one
//! that failed is never outvoted by a later attempt.

use crate::{
    domain::{
        decision::{
            DECISION_SCHEMA, DecisionFile, Outcome, Reason, Requirement, RunSeen, SuiteDecision,
        },
        gate::{Policy, RawSuite},
        verdict::{Verdict, VerdictFile},
    },
    judge::gate::{
        breaches::{Breaches, sort_breaches},
        requirements::requirements,
    },
};

mod breaches;
mod provenance;
mod requirements;

pub use provenance::is_promotable;

/// What a decision is about.
#[derive(Clone, Debug)]
pub struct Context {
    /// The build.
    pub commit: String,
    /// The stage.
    pub stage: String,
    /// Name of the policy.
    pub policy: String,
    /// SHA-256 of its file, in hex.
    pub policy_sha256: String,
    /// Build of the harness that decides.
    pub harness_commit: String,
    /// Now, in seconds since 1970.
    pub now_unix_s: i64,
    /// Today, `2026-11-23`, UTC.
    pub today: String,
}

/// What came of one attempt at a suite.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder below the gate's.
    pub folder: String,
    /// What is known of it.
    pub result: RunResult,
}

/// What is known of an attempt.
#[derive(Clone, Debug)]
pub enum RunResult {
    /// A verdict that its own plan and evidence give.
    Judged {
        /// The verdict.
        verdict: Box<VerdictFile>,
        /// When the run began, in seconds since 1970.
        started_unix_s: i64,
    },
    /// No verdict.
    Lost(Reason),
}

/// Whether another attempt may help: nothing is known yet, and nothing was seen broken.
pub fn may_try_again(policy: &Policy, suite: &RawSuite, ctx: &Context, runs: &[Run]) -> bool {
    let decided = decide_suite(policy, suite, ctx, runs, &mut Vec::new());
    let spent = runs.len() >= usize::try_from(suite.attempts).unwrap_or(usize::MAX);
    decided.outcome == Outcome::CannotTell
        && !spent
        && decided.reasons.iter().all(|reason| provenance::is_passing(&reason.code))
}

/// Decides from the runs of each suite, in the order of the policy.
pub fn decide(policy: &Policy, ctx: &Context, runs: &[Vec<Run>]) -> DecisionFile {
    let mut used = Vec::new();
    let none = Vec::new();
    let mut suites: Vec<SuiteDecision> = policy
        .raw()
        .suites
        .iter()
        .enumerate()
        .map(|(i, suite)| decide_suite(policy, suite, ctx, runs.get(i).unwrap_or(&none), &mut used))
        .collect();
    let bundle_sha256 = provenance::one_bundle(runs, &mut suites);
    let outcome = suites
        .iter()
        .map(|suite| weight(suite.outcome))
        .max()
        .map_or(Outcome::CannotTell, |(_, outcome)| outcome);
    let all = || suites.iter().flat_map(|suite| &suite.requirements);
    let (executed, required) =
        (all().filter(|requirement| requirement.met).count() as u64, all().count() as u64);
    let oldest = oldest(runs);
    DecisionFile {
        schema: DECISION_SCHEMA.to_owned(),
        decision: outcome,
        exit_code: outcome.exit_code(),
        commit: ctx.commit.clone(),
        stage: ctx.stage.clone(),
        policy: ctx.policy.clone(),
        policy_sha256: ctx.policy_sha256.clone(),
        bundle_sha256,
        harness_commit: ctx.harness_commit.clone(),
        evidence_from: oldest.as_ref().map(|(_, text)| text.clone()),
        valid_until_unix_s: oldest.map(|(at, _)| at + i64::from(policy.raw().max_age_s)),
        because: because(ctx, &suites, (executed, required), outcome),
        executed,
        required,
        suites,
        findings: breaches::unused_waivers(policy, ctx, &used),
    }
}

/// Hold outweighs cannot tell, which outweighs promote.
fn weight(outcome: Outcome) -> (u8, Outcome) {
    match outcome {
        Outcome::Promote => (0, outcome),
        Outcome::CannotTell => (1, outcome),
        Outcome::Hold => (2, outcome),
    }
}

fn oldest(runs: &[Vec<Run>]) -> Option<(i64, String)> {
    let times = runs.iter().flatten().filter_map(|run| match &run.result {
        RunResult::Judged { verdict, started_unix_s } => {
            Some((*started_unix_s, verdict.started_at.clone()))
        }
        RunResult::Lost(_) => None,
    });
    times.min()
}

fn decide_suite(
    policy: &Policy,
    suite: &RawSuite,
    ctx: &Context,
    runs: &[Run],
    used: &mut Vec<usize>,
) -> SuiteDecision {
    let seen: Vec<RunSeen> = runs.iter().map(seen).collect();
    let mut decision = SuiteDecision {
        name: suite.name.clone(),
        outcome: Outcome::Promote,
        reasons: Vec::new(),
        runs: seen,
        requirements: requirements(policy, suite, None),
        breaches: Vec::new(),
        waived: Vec::new(),
        advisory: Vec::new(),
    };
    // What one attempt saw broken, no other one mends: the first that did decides.
    let mut last: Option<SuiteDecision> = None;
    for run in runs {
        let mut this = decision.clone();
        one_run(policy, suite, (ctx, run), &mut this, used);
        if this.outcome == Outcome::Hold {
            return this;
        }
        last = Some(this);
    }
    last.unwrap_or_else(|| {
        let detail = "the suite did not run".to_owned();
        cannot_tell(&mut decision, Reason { code: "missing".to_owned(), detail });
        decision
    })
}

fn cannot_tell(decision: &mut SuiteDecision, reason: Reason) {
    decision.outcome = Outcome::CannotTell;
    decision.reasons.push(reason);
}

fn one_run(
    policy: &Policy,
    suite: &RawSuite,
    (ctx, run): (&Context, &Run),
    decision: &mut SuiteDecision,
    used: &mut Vec<usize>,
) {
    let (verdict, started) = match &run.result {
        RunResult::Lost(reason) => return cannot_tell(decision, reason.clone()),
        RunResult::Judged { verdict, started_unix_s } => (verdict.as_ref(), *started_unix_s),
    };
    let foreign = provenance::foreign(policy, suite, ctx, (verdict, started));
    if !foreign.is_empty() {
        for reason in foreign {
            cannot_tell(decision, reason);
        }
        return;
    }
    decision.requirements = requirements(policy, suite, Some(verdict));
    let Breaches { holding, waived, mut advisory } =
        sort_breaches(policy, suite, ctx, verdict, used);
    decision.waived = waived;
    if !holding.is_empty() {
        decision.outcome = Outcome::Hold;
        decision.reasons.extend(holding.iter().map(|breach| Reason {
            code: "broken_promise".to_owned(),
            detail: format!("{}: {}", breach.objective, breach.promise),
        }));
        decision.breaches = holding;
        decision.advisory = advisory;
        return;
    }
    // A Fail by timing alone, or by what is waived, holds nobody; such a build must not get by on it.
    let failed = matches!(verdict.judgement, Verdict::Fail { .. });
    if failed && !verdict.sut_defects.is_empty() {
        let detail = format!("seeded defects are switched on: {}", verdict.sut_defects.join(", "));
        cannot_tell(decision, Reason { code: "not_comparable".to_owned(), detail });
    }
    for cause in breaches::undecided(policy, verdict) {
        match cause {
            Ok(reason) => cannot_tell(decision, reason),
            Err(told) => advisory.push(told),
        }
    }
    decision.advisory = advisory;
    let unmet: Vec<&Requirement> = decision.requirements.iter().filter(|r| !r.met).collect();
    if !unmet.is_empty() {
        let told = |r: &&Requirement| format!("{} ({} of {})", r.name, r.seen, r.at_least);
        let detail = unmet.iter().map(told).collect::<Vec<_>>().join(", ");
        let code = "not_executed".to_owned();
        let detail = format!("required and not put to the test: {detail}");
        cannot_tell(decision, Reason { code, detail });
    }
}

fn seen(run: &Run) -> RunSeen {
    match &run.result {
        RunResult::Judged { verdict, .. } => RunSeen {
            folder: run.folder.clone(),
            run_id: Some(verdict.run_id.clone()),
            verdict: verdict.judgement.word().to_owned(),
            headline: verdict.headline.clone(),
        },
        RunResult::Lost(reason) => RunSeen {
            folder: run.folder.clone(),
            run_id: None,
            verdict: "none".to_owned(),
            headline: reason.detail.clone(),
        },
    }
}

/// What was judged, what was put to the test, and what follows.
fn because(
    ctx: &Context,
    suites: &[SuiteDecision],
    (executed, required): (u64, u64),
    outcome: Outcome,
) -> [String; 3] {
    let judged = suites.iter().filter(|s| s.runs.iter().any(|r| r.run_id.is_some())).count();
    let attempts: usize = suites.iter().map(|suite| suite.runs.len()).sum();
    let what = format!(
        "Build {} was judged on stage `{}` by policy `{}`: {judged} of {} suites came to a verdict, in {attempts} runs.",
        ctx.commit,
        ctx.stage,
        ctx.policy,
        suites.len()
    );
    let tested = format!("Of {required} required tests, {executed} were carried out.");
    let waived: usize = suites.iter().map(|suite| suite.waived.len()).sum();
    let advisory: usize = suites.iter().map(|suite| suite.advisory.len()).sum();
    let beside = match (waived, advisory) {
        (0, 0) => String::new(),
        (0, told) => format!(" {told} remarks about timing hold nobody here."),
        (waived, 0) => format!(" {waived} breaches are waived."),
        (waived, told) => {
            format!(
                " {waived} breaches are waived, and {told} remarks about timing hold nobody here."
            )
        }
    };
    let reasons = || suites.iter().flat_map(|s| s.reasons.iter().map(move |r| (&s.name, r)));
    let first = |wanted: Outcome| {
        suites
            .iter()
            .filter(|suite| suite.outcome == wanted)
            .find_map(|suite| suite.reasons.first().map(|reason| (&suite.name, reason)))
    };
    let follows = match outcome {
        Outcome::Promote => format!("Every promise that was tested held.{beside}"),
        Outcome::Hold | Outcome::CannotTell => {
            let more = reasons().count().saturating_sub(1);
            let more = if more > 0 { format!(" And {more} more.") } else { String::new() };
            let (word, told) = match first(outcome) {
                Some((suite, reason)) => (&reason.code, format!("{suite}: {}", reason.detail)),
                None => (&ctx.policy, "the policy names no suite".to_owned()),
            };
            format!("{} ({word}).{more}{beside}", told.trim_end_matches('.'))
        }
    };
    [what, tested, follows]
}

#[cfg(test)]
mod tests;

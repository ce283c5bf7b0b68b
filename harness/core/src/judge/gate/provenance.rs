//! Whether a verdict is about the build, the stage and the time that a decision is about. What is not, decides nothing.

use crate::{
    domain::{
        chaos::Tier,
        decision::{Outcome, Reason, SuiteDecision},
        gate::{Policy, RawSuite, SuiteKind},
        stage::Runtime,
        verdict::VerdictFile,
    },
    judge::{
        causes::same_commit,
        gate::{Context, Run, RunResult},
    },
};

/// A run cannot have begun later than this before now, in seconds: clocks of two machines differ a little.
const FUTURE_S: i64 = 300;

/// Reasons that a further attempt can take away: the machine, not the build or the policy, was in the way.
/// A missing capability is among them, for an outage that ends before its calls came is one.
const PASSING: [&str; 9] = [
    "crashed",
    "capability_missing",
    "generator_lagged",
    "stage_saturated",
    "too_few_samples",
    "baseline_unsteady",
    "target_lost",
    "not_executed",
    "fault_never_fired",
];

pub(super) fn is_passing(code: &str) -> bool {
    PASSING.contains(&code)
}

/// Whether a build with this commit can be promoted at all: it is known which sources it was made of.
pub fn is_promotable(commit: &str) -> bool {
    commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What a verdict of the suite calls its profile.
fn profile_of(suite: &RawSuite) -> &str {
    match suite.kind {
        SuiteKind::Load => suite.profile.as_deref().unwrap_or_default(),
        SuiteKind::Features => "features",
        SuiteKind::Chaos => suite.tier.map_or("chaos", Tier::name),
    }
}

/// Everything by which the verdict is not one on this build, stage and time; empty where it is.
pub(super) fn foreign(
    policy: &Policy,
    suite: &RawSuite,
    ctx: &Context,
    (verdict, started): (&VerdictFile, i64),
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |code: &str, detail: String| {
        reasons.push(Reason { code: code.to_owned(), detail });
    };
    let profile = profile_of(suite);
    if verdict.suite != suite.kind.name() || verdict.profile != profile {
        add(
            "other_suite",
            format!(
                "the verdict is of {} `{}`, and the policy asks for {} `{profile}`",
                verdict.suite,
                verdict.profile,
                suite.kind.name()
            ),
        );
    }
    // A server without a firewall in front says nothing about functions, or about a firewall.
    if suite.runtime == Runtime::Lambda && verdict.runtime != Runtime::Lambda {
        add(
            "other_suite",
            "the policy asks for functions, and the backend was a server".to_owned(),
        );
    }
    if suite.edge && !verdict.behind_edge {
        add("other_suite", "the policy asks for the edge in front, and none was there".to_owned());
    }
    if verdict.stage != ctx.stage {
        add(
            "other_stage",
            format!("the verdict is of stage `{}`, not `{}`", verdict.stage, ctx.stage),
        );
    }
    if !is_promotable(&verdict.sut_commit) {
        add(
            "unknown_build",
            format!(
                "the backend that answered says that it is `{}`: nobody can tell what it was made of",
                verdict.sut_commit
            ),
        );
    } else if !same_commit(&ctx.commit, &verdict.sut_commit) {
        add(
            "other_build",
            format!("{} is to be judged, and {} answered", ctx.commit, verdict.sut_commit),
        );
    }
    let age = ctx.now_unix_s.saturating_sub(started);
    if age > i64::from(policy.raw().max_age_s) {
        add(
            "stale",
            format!(
                "the run began {age} s ago, and the policy takes runs of the last {} s",
                policy.raw().max_age_s
            ),
        );
    } else if age < -FUTURE_S {
        add("clock", format!("the run is dated {} s in the future", -age));
    }
    reasons
}

/// The bundle that ran all suites; where they differ, no suite is sure what judged it.
pub(super) fn one_bundle(runs: &[Vec<Run>], suites: &mut [SuiteDecision]) -> Option<String> {
    let bundles: Vec<Option<&String>> = runs
        .iter()
        .flatten()
        .filter_map(|run| match &run.result {
            RunResult::Judged { verdict, .. } => Some(verdict.bundle_sha256.as_ref()),
            RunResult::Lost(_) => None,
        })
        .collect();
    let first = bundles.first().copied().flatten().cloned();
    if bundles.iter().any(|bundle| *bundle != first.as_ref()) {
        for suite in suites {
            suite.reasons.push(Reason {
                code: "other_bundle".to_owned(),
                detail: "the suites were run by different bundles".to_owned(),
            });
            if suite.outcome == Outcome::Promote {
                suite.outcome = Outcome::CannotTell;
            }
        }
        return None;
    }
    first
}

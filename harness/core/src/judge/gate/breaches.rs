//! Which breaches hold a build, which are waived, which are only told; and which causes leave it open.

use crate::domain::{
    decision::{Reason, Waived},
    gate::{Policy, RawSuite, RawWaiver},
    objective::ObjectiveKind,
    verdict::{Breach, Cause, Verdict, VerdictFile},
};

use super::Context;

/// The breaches of a verdict, sorted by what they do.
#[derive(Debug, Default)]
pub(super) struct Breaches {
    pub(super) holding: Vec<Breach>,
    pub(super) waived: Vec<Waived>,
    pub(super) advisory: Vec<String>,
}

/// Sorts the breaches of `verdict`; waivers that match are noted in `used` by their place in the policy.
pub(super) fn sort_breaches(
    policy: &Policy,
    suite: &RawSuite,
    ctx: &Context,
    verdict: &VerdictFile,
    used: &mut Vec<usize>,
) -> Breaches {
    let timing_holds = policy.timing_holds(verdict.services);
    let mut sorted = Breaches::default();
    for breach in verdict.judgement.breaches() {
        let decided = matches!(verdict.judgement, Verdict::Fail { .. });
        if breach.kind == ObjectiveKind::Timing && !(timing_holds && decided) {
            let told = format!("timing `{}`: {}", breach.objective, breach.message);
            sorted.advisory.push(told);
            continue;
        }
        if !decided {
            // Seen in a run that could not tell, and so no evidence.
            let told = format!("seen and not decided `{}`: {}", breach.objective, breach.message);
            sorted.advisory.push(told);
            continue;
        }
        match waiver(policy, suite, ctx, breach) {
            Some((place, waiver)) => {
                used.push(place);
                sorted.waived.push(Waived {
                    breach: breach.objective.clone(),
                    owner: waiver.owner.clone(),
                    reason: waiver.reason.clone(),
                    expires: waiver.expires.clone(),
                });
            }
            None => sorted.holding.push(breach.clone()),
        }
    }
    sorted
}

fn waiver<'p>(
    policy: &'p Policy,
    suite: &RawSuite,
    ctx: &Context,
    breach: &Breach,
) -> Option<(usize, &'p RawWaiver)> {
    policy.raw().waivers.iter().enumerate().find(|(_, waiver)| {
        waiver.suite == suite.name
            && waiver.breach == breach.objective
            && waiver.stages.contains(&ctx.stage)
            && *waiver.expires >= *ctx.today
    })
}

/// What to tidy up in the policy.
pub(super) fn unused_waivers(policy: &Policy, ctx: &Context, used: &[usize]) -> Vec<String> {
    let waivers = policy.raw().waivers.iter().enumerate();
    waivers
        .filter(|(place, waiver)| !used.contains(place) && waiver.stages.contains(&ctx.stage))
        .map(|(_, waiver)| {
            let RawWaiver { suite, breach, owner, expires, .. } = waiver;
            if **expires < *ctx.today {
                format!("the waiver of `{breach}` in {suite} expired on {expires}; {owner} answers for it")
            } else {
                format!("the waiver of `{breach}` in {suite} matches nothing: take it out, {owner}")
            }
        })
        .collect()
}

/// Each cause for which a run cannot tell: a reason where it leaves the build open, else what is told of it.
///
/// Where timing holds nobody, what only takes the ground from timing leaves nothing open: the promises were watched all the
/// same, and what the policy requires of them is counted by itself.
pub(super) fn undecided(policy: &Policy, verdict: &VerdictFile) -> Vec<Result<Reason, String>> {
    let causes = match &verdict.judgement {
        Verdict::Inconclusive { causes, .. } => causes.as_slice(),
        // Its breaches are told or waived, else this would not be asked; what they outweighed stands again.
        Verdict::Fail { .. } => &verdict.outweighed,
        Verdict::Pass => &[],
    };
    let timing_holds = policy.timing_holds(verdict.services);
    let of = |cause: &Cause| {
        let detail = cause.sentence();
        if !timing_holds && is_about_timing(cause, verdict) {
            Err(format!("timing was not judged: {detail}"))
        } else {
            Ok(Reason { code: cause.code().to_owned(), detail })
        }
    };
    causes.iter().map(of).collect()
}

fn is_about_timing(cause: &Cause, verdict: &VerdictFile) -> bool {
    match cause {
        Cause::GeneratorLagged { .. } | Cause::StageSaturated { .. } => true,
        Cause::TooFewSamples { objective, .. } => verdict
            .objectives
            .iter()
            .any(|known| known.name == *objective && known.kind == ObjectiveKind::Timing),
        Cause::NothingSelected
        | Cause::BaselineUnsteady { .. }
        | Cause::TargetLost { .. }
        | Cause::TargetChanged { .. }
        | Cause::Interrupted { .. }
        | Cause::CapabilityMissing { .. }
        | Cause::FaultNeverFired { .. }
        | Cause::FaultsAstray { .. }
        | Cause::NotComparable { .. } => false,
    }
}

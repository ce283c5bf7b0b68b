//! What a plan must keep to: the quotas and limits of the stage, and enough requests for every percentile. Refuses,
//! with the number that would do; never trims a plan.

use std::collections::VecDeque;

use crate::{
    domain::{
        binomial,
        kind::RequestKind,
        objective::{Metric, Objective, Op, Stat},
        profile::{Profile, RawProfile, Shape, Stage},
        question::QuestionSet,
        stage::{Limits, RateLimit},
    },
    plan::load::{JOURNEY_STEPS, LoadPlan, PlanError, lay_out},
};

/// Numbers of users that are tried for the one that a refusal names.
const TRIES: usize = 12;

/// Questions that one user may ask in a run, which lies within a day.
pub(super) fn quota(limits: &Limits) -> u64 {
    limits.daily_quota.min(limits.monthly_quota)
}

/// Refuses a plan that would run into the stage's quotas and limits.
pub(super) fn keeps(
    profile: &Profile,
    plan: &LoadPlan,
    seed: u64,
    limits: &Limits,
    questions: &QuestionSet,
) -> Result<(), PlanError> {
    keeps_quota(profile, plan, quota(limits))?;
    if let Some(rate_limit) = limits.rate_limit {
        let busiest = busiest_windows(plan, rate_limit);
        let mut kept = keeps_rate_limit(profile, plan, &busiest, rate_limit);
        if let Err(PlanError::RateLimit { needed, .. }) = &mut kept {
            *needed = fitting_users(profile, seed, limits, questions, *needed).unwrap_or(*needed);
        }
        kept?;
    }
    let highest = profile.stages().iter().map(|stage| match stage.shape {
        Shape::Open { from_milli_per_s, to_milli_per_s, .. } => {
            from_milli_per_s.max(to_milli_per_s).div_ceil(1_000)
        }
        Shape::Closed { users, think_ms } => u64::from(users) * 1_000 / think_ms.max(1),
    });
    let rate = highest.max().unwrap_or(0);
    if let Some(limit) = limits.max_rate_per_s.filter(|limit| rate > u64::from(*limit)) {
        return Err(PlanError::Rate { rate, limit });
    }
    let users = plan.users.len() as u64;
    match limits.max_users.filter(|limit| users > u64::from(*limit)) {
        Some(limit) => Err(PlanError::Users { users, limit }),
        None => Ok(()),
    }
}

/// The mix is shared by its users: more of them ask less each. Any other user asks what it asks.
fn keeps_quota(profile: &Profile, plan: &LoadPlan, quota: u64) -> Result<(), PlanError> {
    let declared = profile.raw().users;
    let mix = plan.users.iter().take(declared as usize).map(|user| user.questions);
    let most = mix.clone().max().unwrap_or(0);
    if most > quota {
        let questions: u64 = mix.sum();
        // Dealt like cards, the busiest of n users asks ⌈questions/n⌉.
        let needed = questions.div_ceil(quota.max(1));
        return Err(PlanError::Quota { questions, users: declared.into(), most, quota, needed });
    }
    match plan.users.iter().find(|user| user.questions > quota) {
        Some(user) => {
            Err(PlanError::QuotaOfOne { user: user.name.clone(), questions: user.questions, quota })
        }
        None => Ok(()),
    }
}

fn keeps_rate_limit(
    profile: &Profile,
    plan: &LoadPlan,
    busiest: &[u64],
    rate_limit: RateLimit,
) -> Result<(), PlanError> {
    let (declared, limit) = (profile.raw().users, rate_limit.requests);
    let (window_s, allowed) = (rate_limit.window_s, u64::from(limit));
    let (mix, alone) = busiest.split_at(busiest.len().min(declared as usize));
    let most = mix.iter().copied().max().unwrap_or(0);
    if most > allowed {
        let needed = (u64::from(declared) * most).div_ceil(allowed.max(1));
        return Err(PlanError::RateLimit { most, window_s, limit, needed, users: declared.into() });
    }
    let of_probe = plan.users.iter().skip(mix.len()).zip(alone.iter().copied());
    let of_journey = profile.stages().iter().filter_map(|stage| {
        let most = busiest_journey(stage, window_s)?;
        let first = format!("journey-{}-0", stage.name);
        plan.users.iter().find(|user| user.name == first).map(|user| (user, most))
    });
    match of_probe.chain(of_journey).find(|(_, most)| *most > allowed) {
        Some((user, most)) => {
            Err(PlanError::RateLimitOfOne { user: user.name.clone(), most, window_s, limit })
        }
        None => Ok(()),
    }
}

/// A number of users, from `estimate` up, whose busiest one keeps to the rate limit.
fn fitting_users(
    profile: &Profile,
    seed: u64,
    limits: &Limits,
    questions: &QuestionSet,
    estimate: u64,
) -> Option<u64> {
    let rate_limit = limits.rate_limit.filter(|limit| limit.requests > 0)?;
    let mut users = u32::try_from(estimate).ok()?;
    for _ in 0..TRIES {
        let raw = RawProfile { users, ..profile.raw().clone() };
        let other = Profile::resolve(raw).ok()?;
        let plan = lay_out(&other, seed, limits, questions).ok()?;
        let busiest = busiest_windows(&plan, rate_limit);
        let most = busiest.iter().take(users as usize).copied().max().unwrap_or(0);
        if most <= u64::from(rate_limit.requests) {
            return Some(users.into());
        }
        // A twentieth more at least: the busiest user is a matter of luck near the limit.
        users = users.checked_add((users / 20).max(1))?;
    }
    None
}

/// Most requests of each user in any window; a burst is meant to exceed its quota, not this limit, and counts as well.
fn busiest_windows(plan: &LoadPlan, rate_limit: RateLimit) -> Vec<u64> {
    let window_us = u64::from(rate_limit.window_s) * 1_000_000;
    let mut by_user: Vec<(VecDeque<u64>, u64)> = vec![(VecDeque::default(), 0); plan.users.len()];
    for arrival in &plan.arrivals {
        let Some((recent, most)) = by_user.get_mut(arrival.user as usize) else { continue };
        recent.push_back(arrival.due_us);
        while recent.front().is_some_and(|due| due + window_us <= arrival.due_us) {
            recent.pop_front();
        }
        *most = (*most).max(recent.len() as u64);
    }
    by_user.into_iter().map(|(_, most)| most).collect()
}

/// Most requests of a user on journeys in any window: all steps that fit but the sign-ins, which the backend never sees.
fn busiest_journey(stage: &Stage, window_s: u32) -> Option<u64> {
    let Shape::Closed { think_ms, .. } = stage.shape else { return None };
    let window_us = (u64::from(window_s) * 1_000_000).min(stage.duration_us);
    let steps = window_us.div_ceil(think_ms.max(1) * 1_000);
    Some(steps - steps / JOURNEY_STEPS)
}

/// Refuses percentiles that the planned requests could never show.
pub(super) fn can_decide(profile: &Profile, plan: &LoadPlan) -> Result<(), PlanError> {
    for (name, objective) in profile.objectives() {
        let Stat::Percentile(hundredths) = objective.stat else { continue };
        let needed = samples_needed(objective.op, hundredths);
        let Some(expected) = expected_samples(profile, plan, objective) else { continue };
        if expected < needed {
            return Err(PlanError::TooFewExpected {
                name: name.clone(),
                expression: objective.text.clone(),
                expected,
                needed,
            });
        }
    }
    Ok(())
}

/// Upper limits are shown from above, lower ones from below: p5 ≥ x takes as many samples as p95 ≤ x.
fn samples_needed(op: Op, hundredths: u32) -> u64 {
    let (above, below) = (
        binomial::samples_needed(hundredths),
        binomial::samples_needed(10_000_u32.saturating_sub(hundredths)),
    );
    match op {
        Op::Le | Op::Lt => above,
        Op::Ge | Op::Gt => below,
        Op::Eq => above.max(below),
    }
}

/// Requests that an objective will look at; none where a closed stage adds a number that nobody knows.
fn expected_samples(profile: &Profile, plan: &LoadPlan, objective: &Objective) -> Option<u64> {
    let selector = &objective.selector;
    let looked_at = |stage: &Stage| match &selector.phase {
        Some(phase) => stage.name == *phase,
        None => stage.gated,
    };
    let of_lag = objective.metric == Metric::ScheduleLag;
    let closed = profile
        .stages()
        .iter()
        .any(|stage| looked_at(stage) && matches!(stage.shape, Shape::Closed { .. }));
    if closed && !of_lag {
        return None;
    }
    // The judge leaves the latencies of probes out, unless an objective names them; whatever is sent has a lag.
    let is_kind = |kind: RequestKind| match selector.kind {
        Some(wanted) => wanted == kind,
        None => of_lag || !kind.is_probe(),
    };
    let count = plan.arrivals.iter().filter(|arrival| {
        let stage = profile.stages().get(arrival.stage);
        stage.is_some_and(looked_at) && is_kind(arrival.kind)
    });
    Some(count.count() as u64)
}

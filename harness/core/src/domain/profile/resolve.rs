//! From what a profile file says to what it means: every value checked, every problem reported with its key.

use std::{collections::BTreeSet, str::FromStr as _};

use crate::domain::{
    kind::RequestKind,
    objective::{Objective, ObjectiveKind, parse::nearest},
    profile::{
        Arrivals, Model, PROFILE_SCHEMA, Profile, ProfileError, RawProfile, RawStage, Shape, Stage,
    },
};

/// Highest rate that a schedule is made for, in requests per second.
const MAX_RATE_PER_S: f64 = 100_000.0;
/// Longest stage, in milliseconds: a day.
const MAX_STAGE_MS: u64 = 86_400_000;
/// Most arrivals that are materialised in one schedule.
const MAX_ARRIVALS: u64 = 20_000_000;
/// Most users of a mix.
const MAX_USERS: u32 = 1_000_000;
/// Most questions of a burst beyond the quota.
const MAX_OVER: u32 = 1_000;

pub(super) fn resolve(raw: RawProfile) -> Result<Profile, Vec<ProfileError>> {
    let mut errors = Errors(Vec::new());
    header(&raw, &mut errors);
    let stages = stages(&raw, &mut errors);
    let mix = mix(&raw, &mut errors);
    let objectives = objectives(&raw, &stages, &mix, &mut errors);
    probes(&raw, &stages, &mut errors);
    if errors.0.is_empty() { Ok(Profile { raw, stages, mix, objectives }) } else { Err(errors.0) }
}

struct Errors(Vec<ProfileError>);

impl Errors {
    fn add(&mut self, key: &str, problem: impl Into<String>) {
        let key = key.split('/').map(str::to_owned).collect();
        self.0.push(ProfileError { key, within: None, problem: problem.into() });
    }
}

fn header(raw: &RawProfile, errors: &mut Errors) {
    if raw.schema != PROFILE_SCHEMA {
        errors.add("schema", format!("expected \"{PROFILE_SCHEMA}\", found \"{}\"", raw.schema));
    }
    if !(1..=MAX_USERS).contains(&raw.users) {
        errors.add("users", format!("expected 1 to {MAX_USERS}"));
    }
    if raw.manuals.is_empty() {
        errors.add(
            "manuals",
            "expected at least one fixture manual: without, no question has an answer",
        );
    }
    if raw.max_in_flight == 0 {
        errors.add("max_in_flight", "expected at least 1");
    }
    if !(100..=600_000).contains(&raw.timeout_ms) {
        errors.add("timeout_ms", "expected 100 to 600000");
    }
    if raw
        .model_latency
        .is_some_and(|latency| latency.p95_ms < latency.median_ms || latency.p95_ms > 60_000)
    {
        errors.add("model_latency", "expected median_ms ≤ p95_ms ≤ 60000");
    }
    if raw.cache_hits.min_permille > raw.cache_hits.max_permille
        || raw.cache_hits.max_permille > 1_000
    {
        errors.add("cache_hits", "expected 0 ≤ min_permille ≤ max_permille ≤ 1000");
    }
}

fn stages(raw: &RawProfile, errors: &mut Errors) -> Vec<Stage> {
    let (mut start_us, mut arrivals) = (0_u64, 0_u64);
    let (mut names, mut resolved) = (BTreeSet::new(), Vec::new());
    if raw.stages.is_empty() {
        errors.add("stages", "expected at least one stage");
    }
    for (i, stage) in raw.stages.iter().enumerate() {
        let key = |name: &str| format!("stages/{i}/{name}");
        if !names.insert(stage.name.clone()) {
            errors.add(&key("name"), "expected a name that no other stage has");
        }
        if !is_name(&stage.name) {
            let problem =
                "expected 1 to 64 letters, digits, `_`, `-` or `.`, as `phase=` takes them";
            errors.add(&key("name"), problem);
        }
        if stage.duration_ms == 0 || stage.duration_ms > MAX_STAGE_MS {
            errors.add(&key("duration_ms"), format!("expected 1 to {MAX_STAGE_MS}"));
            continue;
        }
        let Some(shape) = shape(i, stage, errors) else { continue };
        if let Shape::Open { from_milli_per_s, to_milli_per_s, .. } = &shape {
            arrivals += (from_milli_per_s + to_milli_per_s) / 2 * stage.duration_ms / 1_000_000;
        }
        let duration_us = stage.duration_ms * 1_000;
        resolved.push(Stage {
            name: stage.name.clone(),
            start_us,
            duration_us,
            shape,
            gated: stage.gated,
        });
        start_us += duration_us;
    }
    if arrivals > MAX_ARRIVALS {
        errors.add(
            "stages",
            format!("{arrivals} arrivals are more than the {MAX_ARRIVALS} of one schedule"),
        );
    }
    if !resolved.is_empty() && !resolved.iter().any(|stage| stage.gated) {
        errors.add("stages", "no stage is gated: the profile would judge no timing at all");
    }
    resolved
}

/// What an objective can name and a user can be named after.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn shape(i: usize, stage: &RawStage, errors: &mut Errors) -> Option<Shape> {
    let key = |name: &str| format!("stages/{i}/{name}");
    let absent = |present: bool, name: &str, errors: &mut Errors| {
        if present {
            errors.add(&key(name), format!("has no meaning in a stage of model {:?}", stage.model));
        }
    };
    match stage.model {
        Model::Open => {
            absent(stage.users.is_some(), "users", errors);
            absent(stage.think_ms.is_some(), "think_ms", errors);
            let Some(from) = stage.rate_per_s else {
                errors.add(&format!("stages/{i}"), "an open stage needs `rate_per_s`");
                return None;
            };
            let to = stage.to_rate_per_s.unwrap_or(from);
            let from = rate(from, &key("rate_per_s"), errors)?;
            let to = rate(to, &key("to_rate_per_s"), errors)?;
            let arrivals = stage.arrivals.unwrap_or(Arrivals::Poisson);
            Some(Shape::Open { from_milli_per_s: from, to_milli_per_s: to, arrivals })
        }
        Model::Closed => {
            absent(stage.rate_per_s.is_some(), "rate_per_s", errors);
            absent(stage.to_rate_per_s.is_some(), "to_rate_per_s", errors);
            absent(stage.arrivals.is_some(), "arrivals", errors);
            let users = stage.users.unwrap_or(0);
            if !(1..=5_000).contains(&users) {
                errors.add(&format!("stages/{i}"), "a closed stage needs `users`, 1 to 5000");
                return None;
            }
            let think_ms = stage.think_ms.unwrap_or(0);
            if think_ms > MAX_STAGE_MS {
                errors.add(&key("think_ms"), format!("expected 0 to {MAX_STAGE_MS}"));
                return None;
            }
            Some(Shape::Closed { users, think_ms })
        }
    }
}

/// Thousandths of a request per second.
fn rate(per_s: f64, key: &str, errors: &mut Errors) -> Option<u64> {
    if !(0.001..=MAX_RATE_PER_S).contains(&per_s) {
        errors.add(key, format!("expected 0.001 to {MAX_RATE_PER_S} requests per second"));
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "range checked above"
    )]
    let milli = (per_s * 1_000.0).round() as u64;
    Some(milli)
}

fn mix(raw: &RawProfile, errors: &mut Errors) -> Vec<(RequestKind, u32)> {
    let names = || RequestKind::ALL.into_iter().filter(|k| k.is_mixable()).map(RequestKind::name);
    let mut mix = Vec::new();
    for (name, weight) in &raw.mix {
        match RequestKind::from_str(name) {
            Ok(kind) if kind.is_mixable() => mix.push((kind, *weight)),
            Ok(_) | Err(()) => {
                let near = nearest(name, names()).map(|n| format!("; did you mean `{n}`?"));
                let all = names().collect::<Vec<_>>().join(", ");
                let near = near.unwrap_or_default();
                let problem = format!("no kind of request{near} Expected one of: {all}");
                let key = vec!["mix".to_owned(), name.clone()];
                errors.0.push(ProfileError { key, within: None, problem });
            }
        }
    }
    mix.sort_unstable();
    let open = raw.stages.iter().any(|stage| stage.model == Model::Open);
    if open && mix.iter().map(|(_, w)| u64::from(*w)).sum::<u64>() == 0 {
        errors.add("mix", "expected at least one weight above 0");
    }
    mix
}

fn objectives(
    raw: &RawProfile,
    stages: &[Stage],
    mix: &[(RequestKind, u32)],
    errors: &mut Errors,
) -> Vec<(String, Objective)> {
    let mut objectives = Vec::new();
    for (name, text) in &raw.objectives {
        let key = vec!["objectives".to_owned(), name.clone()];
        match Objective::from_str(text) {
            Ok(objective) => {
                if let Some(problem) = selects_nothing(&objective, raw, stages, mix) {
                    errors.0.push(ProfileError { key, within: None, problem });
                }
                objectives.push((name.clone(), objective));
            }
            Err(error) => errors.0.push(ProfileError {
                key,
                within: Some((error.at, error.len)),
                problem: error.problem,
            }),
        }
    }
    if objectives.is_empty() && raw.objectives.is_empty() {
        errors.add(
            "objectives",
            "expected at least one: a profile without objectives judges no timing",
        );
    }
    objectives
}

/// An objective over something that the profile never makes would be judged on no data.
fn selects_nothing(
    objective: &Objective,
    raw: &RawProfile,
    stages: &[Stage],
    mix: &[(RequestKind, u32)],
) -> Option<String> {
    if let Some(phase) = &objective.selector.phase
        && !stages.iter().any(|stage| stage.name == *phase)
    {
        let near = nearest(phase, stages.iter().map(|stage| stage.name.as_str()));
        let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        return Some(format!("`{phase}` is no stage of this profile{hint}"));
    }
    let kind = objective.selector.kind?;
    let looked_at = |stage: &&Stage| match (&objective.selector.phase, objective.kind()) {
        (Some(phase), _) => stage.name == *phase,
        (None, ObjectiveKind::Correctness) => true,
        (None, ObjectiveKind::Timing) => stage.gated,
    };
    let is_open = |stage: &Stage| matches!(stage.shape, Shape::Open { .. });
    let open = stages.iter().filter(looked_at).any(is_open);
    let closed = stages.iter().filter(looked_at).any(|stage| !is_open(stage));
    let made = (open && mix.iter().any(|(k, weight)| *k == kind && *weight > 0))
        || (kind == RequestKind::QuotaBurst && raw.probes.quota_burst.is_some())
        || (kind == RequestKind::DependencyOut && !raw.probes.outages.is_empty())
        || (closed && is_journey_step(kind));
    let names: Vec<&str> = RequestKind::ALL
        .into_iter()
        .filter(|k| {
            (open && mix.iter().any(|(m, w)| m == k && *w > 0)) || (closed && is_journey_step(*k))
        })
        .map(RequestKind::name)
        .collect();
    (!made).then(|| format!("this objective never sees a `{kind}`: it sees {}", names.join(", ")))
}

/// The steps of a closed journey.
fn is_journey_step(kind: RequestKind) -> bool {
    matches!(
        kind,
        RequestKind::SignIn
            | RequestKind::Upload
            | RequestKind::Query
            | RequestKind::ListManuals
            | RequestKind::Delete
    )
}

fn probes(raw: &RawProfile, stages: &[Stage], errors: &mut Errors) {
    let end_ms = stages.iter().map(|stage| stage.duration_us).sum::<u64>() / 1_000;
    if let Some(burst) = &raw.probes.quota_burst {
        if burst.at_ms >= end_ms {
            errors.add("probes/quota_burst/at_ms", format!("the load ends at {end_ms} ms"));
        }
        if !(1..=MAX_OVER).contains(&burst.over) {
            let problem = format!("expected 1 to {MAX_OVER}: with none, nothing is refused");
            errors.add("probes/quota_burst/over", problem);
        }
    }
    for (i, outage) in raw.probes.outages.iter().enumerate() {
        let key = |name: &str| format!("probes/outages/{i}/{name}");
        if outage.at_ms.saturating_add(u64::from(outage.requests) * 250) >= end_ms {
            errors.add(
                &key("at_ms"),
                format!("its last question is asked after the load ends, at {end_ms} ms"),
            );
        }
        if !(1..=40).contains(&outage.requests) {
            errors.add(&key("requests"), "expected 1 to 40");
        }
        if !(400..=599).contains(&outage.status) {
            errors.add(&key("status"), "expected an HTTP status from 400 to 599");
        }
        if outage.expect_status.is_empty() {
            errors.add(&key("expect_status"), "expected at least one status");
        }
    }
}

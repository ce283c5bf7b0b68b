//! Whether a scenario makes sense by itself: every problem at once, each with its key. What only the catalogue of AWS
//! errors or a stage can tell is not looked at here.

use std::{collections::BTreeSet, str::FromStr as _};

use thiserror::Error;

use crate::domain::{
    chaos::{Outcome, PHASES, ProcessFault, RawFault, RawScenario, SCENARIO_SCHEMA},
    kind::RequestKind,
    objective::parse::nearest,
    profile::{
        Arrivals, CacheHits, Model, ModelLatency, PROFILE_SCHEMA, Profile, QuotaBurst, RawProbes,
        RawProfile, RawStage,
    },
    stage::Runtime,
};

/// Shortest and longest phase, in milliseconds.
const PHASE_MS: std::ops::RangeInclusive<u64> = 500..=600_000;
/// Highest rate of a scenario, per second: it is about what becomes of requests, not about how many.
const RATE_MAX: f64 = 500.0;
/// Most users.
const USERS_MAX: u32 = 1_000;
/// Longest wait of the generator for an answer, in milliseconds; longer than the gateway's own.
const TIMEOUT_MS: u64 = 30_000;
/// The dependencies that have a breaker, by the names of `/health/deep`.
const BREAKERS: [&str; 11] = [
    "store",
    "files",
    "search",
    "model",
    "index",
    "secrets",
    "identity",
    "reader",
    "transcriber",
    "queue",
    "alerts",
];

/// What is wrong with a scenario.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{}: {problem}", key.join("."))]
pub struct ScenarioError {
    /// The key, as a path: `faults.0.at_least`.
    pub key: Vec<String>,
    /// What is wrong and what was expected.
    pub problem: String,
}

struct Errors(Vec<ScenarioError>);

impl Errors {
    fn add(&mut self, key: &str, problem: impl Into<String>) {
        let key = key.split('/').map(str::to_owned).collect();
        self.0.push(ScenarioError { key, problem: problem.into() });
    }
}

/// Checks a scenario.
///
/// # Errors
/// All that is wrong with it.
pub fn check(raw: &RawScenario) -> Result<(), Vec<ScenarioError>> {
    let mut errors = Errors(Vec::new());
    if raw.schema != SCENARIO_SCHEMA {
        let found = &raw.schema;
        errors.add("schema", format!("expected \"{SCENARIO_SCHEMA}\", found \"{found}\""));
    }
    if raw.title.trim().is_empty() {
        errors.add("title", "expected a sentence: what holds although something fails");
    }
    if raw.tiers.is_empty() {
        errors.add("tiers", "expected at least one of smoke, canary, nightly: else it never runs");
    }
    if raw.stage.function_timeout_ms.is_some() && raw.stage.runtime != Runtime::Lambda {
        let problem = "has a meaning only beside `runtime = \"lambda\"`";
        errors.add("stage/function_timeout_ms", problem);
    }
    load(raw, &mut errors);
    if raw.faults.is_empty() {
        errors.add("faults", "expected at least one: a scenario without a fault shows nothing");
    }
    let mut names = BTreeSet::new();
    for (i, fault) in raw.faults.iter().enumerate() {
        if !names.insert(&fault.name) {
            errors.add(&format!("faults/{i}/name"), "expected a name that no other fault has");
        }
        faulty(raw, i, fault, &mut errors);
    }
    expectations(raw, &mut errors);
    if errors.0.is_empty() {
        return match resolved(raw) {
            Ok(_) => Ok(()),
            Err(problems) => Err(problems
                .into_iter()
                .map(|problem| {
                    let mut key = vec!["load".to_owned()];
                    key.extend(problem.key);
                    ScenarioError { key, problem: problem.problem }
                })
                .collect()),
        };
    }
    Err(errors.0)
}

fn load(raw: &RawScenario, errors: &mut Errors) {
    let load = &raw.load;
    if !(1..=USERS_MAX).contains(&load.users) {
        errors.add("load/users", format!("expected 1 to {USERS_MAX}"));
    }
    if !(load.rate_per_s > 0.0 && load.rate_per_s <= RATE_MAX) {
        errors.add("load/rate_per_s", format!("expected more than 0 and at most {RATE_MAX}"));
    }
    for (name, ms) in [
        ("steady_ms", load.steady_ms),
        ("fault_ms", load.fault_ms),
        ("recovery_ms", load.recovery_ms),
    ] {
        if !PHASE_MS.contains(&ms) {
            let problem = format!("expected {} to {}", PHASE_MS.start(), PHASE_MS.end());
            errors.add(&format!("load/{name}"), problem);
        }
    }
    for (name, weight) in &load.mix {
        if let Some(problem) = unknown_kind(name) {
            errors.add(&format!("load/mix/{name}"), problem);
        } else if *weight == 0 {
            errors.add(&format!("load/mix/{name}"), "expected a weight above 0, or no such line");
        }
    }
    if load.mix.is_empty() {
        errors.add("load/mix", "expected at least one kind of request");
    }
}

fn unknown_kind(name: &str) -> Option<String> {
    let kinds = || RequestKind::ALL.into_iter().filter(|k| k.is_mixable()).map(RequestKind::name);
    if RequestKind::from_str(name).is_ok_and(RequestKind::is_mixable) {
        return None;
    }
    let near = nearest(name, kinds()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Some(format!(
        "no kind of request{near} expected one of: {}",
        kinds().collect::<Vec<_>>().join(", ")
    ))
}

fn faulty(raw: &RawScenario, i: usize, fault: &RawFault, errors: &mut Errors) {
    let key = |name: &str| format!("faults/{i}/{name}");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if fault.name.is_empty() || fault.name.len() > 40 || !fault.name.chars().all(plain) {
        errors.add(&key("name"), "expected 1 to 40 letters, digits, - or _");
    }
    let instruments = [
        fault.on.is_some(),
        fault.proxy.is_some(),
        fault.process.is_some(),
        fault.clock_ms.is_some(),
    ];
    if instruments.iter().filter(|given| **given).count() != 1 {
        let problem =
            "expected exactly one of `on` (AWS's words), `proxy` (the wire), `process`, `clock_ms`";
        errors.add(&format!("faults/{i}"), problem);
        return;
    }
    let mut only_with = |given: bool, name: &str, with: &str, is: bool| {
        if given && !is {
            errors.add(&key(name), format!("has a meaning only beside `{with}`"));
        }
    };
    let (on, proxy) = (fault.on.is_some(), fault.proxy.is_some());
    only_with(fault.verb.is_some(), "do", "on", on);
    only_with(!fault.only.is_empty(), "if", "on", on);
    only_with(!fault.when.is_empty(), "when", "on", on);
    only_with(fault.attempts.is_some(), "attempts", "on", on);
    only_with(fault.toxic.is_some(), "toxic", "proxy", proxy);
    only_with(!fault.attributes.is_empty(), "attributes", "proxy", proxy);
    only_with(fault.stream.is_some(), "stream", "proxy", proxy);
    only_with(fault.after_ms.is_some(), "after_ms", "process", fault.process.is_some());
    only_with(fault.when_hit.is_some(), "when_hit", "process", fault.process.is_some());
    let stops = fault.process == Some(ProcessFault::Stop);
    only_with(fault.for_ms.is_some(), "for_ms", "process = \"stop\"", stops);
    if on && fault.verb.is_none() {
        errors.add(&key("on"), "needs `do`, such as `error ThrottlingException`");
    }
    if proxy && fault.toxic.is_none() {
        errors.add(
            &key("proxy"),
            "needs `toxic`: latency, timeout, reset_peer, bandwidth …, or down",
        );
    }
    if fault.stream.as_deref().is_some_and(|stream| stream != "downstream" && stream != "upstream")
    {
        errors.add(&key("stream"), "expected `downstream` (answers) or `upstream` (requests)");
    }
    processes(raw, i, fault, errors);
    outcomes(raw, i, fault, errors);
}

fn processes(raw: &RawScenario, i: usize, fault: &RawFault, errors: &mut Errors) {
    let key = |name: &str| format!("faults/{i}/{name}");
    let Some(process) = fault.process else { return };
    match (&fault.when_hit, fault.after_ms) {
        (Some(_), Some(_)) => errors.add(&key("after_ms"), "and `when_hit` exclude each other"),
        (Some(other), None) => {
            let names = || raw.faults.iter().filter(|f| f.on.is_some()).map(|f| f.name.as_str());
            if !names().any(|name| name == other) {
                let near = nearest(other, names()).map(|n| format!("; did you mean `{n}`?"));
                let near = near.unwrap_or_default();
                errors.add(&key("when_hit"), format!("no fault of calls is named `{other}`{near}"));
            }
        }
        (None, after) => {
            if after.unwrap_or(0) >= raw.load.fault_ms {
                errors.add(
                    &key("after_ms"),
                    format!("the phase ends after {} ms", raw.load.fault_ms),
                );
            }
        }
    }
    if process == ProcessFault::Stop {
        let last = fault.after_ms.unwrap_or(0).saturating_add(fault.for_ms.unwrap_or(0));
        if fault.for_ms.is_none_or(|ms| ms == 0) {
            errors.add(&format!("faults/{i}"), "`process = \"stop\"` needs `for_ms`");
        } else if last > raw.load.fault_ms {
            errors.add(&key("for_ms"), format!("the phase ends after {} ms", raw.load.fault_ms));
        }
    }
    let lambda = raw.stage.runtime == Runtime::Lambda;
    if (process == ProcessFault::Evict) != lambda {
        let problem = "`evict` is for `runtime = \"lambda\"`, `kill` and `stop` for a server";
        errors.add(&key("process"), problem);
    }
}

fn outcomes(raw: &RawScenario, i: usize, fault: &RawFault, errors: &mut Errors) {
    let key = |name: &str| format!("faults/{i}/{name}");
    if fault.at_least == 0 {
        errors.add(
            &key("at_least"),
            "expected at least 1: a fault that need not happen shows nothing",
        );
    }
    for (n, kind) in fault.affects.iter().enumerate() {
        let burst = kind == "quota_burst" && raw.load.burst_over.is_some();
        if !(burst || raw.load.mix.contains_key(kind)) {
            let near = nearest(kind, raw.load.mix.keys().map(String::as_str));
            let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            errors.add(
                &key(&format!("affects/{n}")),
                format!("the load never makes a `{kind}`{near}"),
            );
        }
    }
    for (n, answer) in fault.answers.iter().enumerate() {
        let status = answer.split_once(' ').and_then(|(status, _)| status.parse::<u16>().ok());
        if !status.is_some_and(|status| (400..=599).contains(&status)) {
            let problem = "expected a status and a code, such as `429 model_throttled`";
            errors.add(&key(&format!("answers/{n}")), problem);
        }
    }
    let refuses = matches!(fault.outcome, Outcome::Refused | Outcome::MayRefuse | Outcome::During);
    if refuses && fault.answers.is_empty() {
        errors.add(&key("outcome"), "needs `answers`: which refusals are right");
    }
    if fault.outcome == Outcome::Absorbed && !fault.answers.is_empty() {
        errors.add(&key("answers"), "and `outcome = \"absorbed\"` exclude each other");
    }
    if fault.outcome == Outcome::Exact && fault.on.is_none() {
        let problem =
            "needs a fault of calls (`on`): expected refused, absorbed, may_refuse or cut";
        errors.add(&format!("faults/{i}"), format!("`outcome = \"exact\"` {problem}"));
    }
    if fault.outcome != Outcome::MayRefuse && fault.affects.is_empty() && fault.clock_ms.is_none() {
        let problem = "needs `affects`: which kinds of request it can reach";
        errors.add(&format!("faults/{i}"), problem);
    }
}

fn expectations(raw: &RawScenario, errors: &mut Errors) {
    for (n, name) in raw.expect.breakers.iter().enumerate() {
        if !BREAKERS.contains(&name.as_str()) {
            let near = nearest(name, BREAKERS.into_iter());
            let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            let problem = format!("no dependency{near} expected one of: {}", BREAKERS.join(", "));
            errors.add(&format!("expect/breakers/{n}"), problem);
        }
    }
    for (n, kind) in raw.expect.unaffected.iter().enumerate() {
        if !raw.load.mix.contains_key(kind) {
            let near = nearest(kind, raw.load.mix.keys().map(String::as_str));
            let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            let problem = format!("the load never makes a `{kind}`{near}");
            errors.add(&format!("expect/unaffected/{n}"), problem);
        }
        if raw.faults.iter().any(|fault| fault.affects.contains(kind)) {
            let problem = format!("a fault affects `{kind}`: it cannot notice nothing");
            errors.add(&format!("expect/unaffected/{n}"), problem);
        }
    }
    if raw.expect.recovery_within_ms >= raw.load.recovery_ms {
        let problem = format!(
            "expected less than `load.recovery_ms` ({}): a recovery after the end is never seen",
            raw.load.recovery_ms
        );
        errors.add("expect/recovery_within_ms", problem);
    }
    if raw.expect.answer_within_ms == 0 || raw.expect.answer_within_ms > TIMEOUT_MS {
        errors.add("expect/answer_within_ms", format!("expected 1 to {TIMEOUT_MS}"));
    }
}

/// The load of a scenario, as the load generator takes it; only of one that was checked.
///
/// # Errors
/// What the load generator does not accept.
pub fn profile(raw: &RawScenario) -> Result<Profile, String> {
    resolved(raw).map_err(|errors| {
        let lines = errors.iter().map(|e| format!("{}: {}", e.key.join("."), e.problem));
        lines.collect::<Vec<_>>().join("; ")
    })
}

fn resolved(raw: &RawScenario) -> Result<Profile, Vec<crate::domain::profile::ProfileError>> {
    let load = &raw.load;
    let spans = [load.steady_ms, load.fault_ms, load.recovery_ms];
    let stage = |(name, duration_ms): (&str, u64)| RawStage {
        name: name.to_owned(),
        model: Model::Open,
        duration_ms,
        rate_per_s: Some(load.rate_per_s),
        to_rate_per_s: None,
        arrivals: Some(Arrivals::Uniform),
        users: None,
        think_ms: None,
        gated: true,
    };
    let quota_burst =
        load.burst_over.map(|over| QuotaBurst { at_ms: load.steady_ms + load.fault_ms / 2, over });
    Profile::resolve(RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: raw.title.clone(),
        users: load.users,
        manuals: load.manuals.clone(),
        max_in_flight: 2_000,
        timeout_ms: TIMEOUT_MS,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        model_latency: raw.stage.model_ms.map(|ms| ModelLatency {
            median_ms: ms,
            p95_ms: ms,
            ms_per_1000_output_tokens: 0,
        }),
        mix: load.mix.clone(),
        stages: PHASES.into_iter().zip(spans).map(stage).collect(),
        probes: RawProbes { quota_burst, outages: Vec::new() },
        // The load generator asks for one; what a scenario promises is judged elsewhere.
        objectives: [("schedule lag".to_owned(), "p95 schedule_lag <= 100ms".to_owned())].into(),
    })
}

#[cfg(test)]
mod tests;

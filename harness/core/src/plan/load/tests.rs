//! Plans by their properties: what is dealt to whom, and what is refused with which number.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    profile::{
        Arrivals, CacheHits, Model, PROFILE_SCHEMA, QuotaBurst, RawProbes, RawProfile, RawStage,
    },
    question::Question,
    stage::RateLimit,
};

mod dealt;
mod properties;
mod refused;

/// A profile of one open stage, uniform, of `rate` a second for `seconds`, and questions only.
fn raw(users: u32, rate: f64, seconds: u64) -> RawProfile {
    RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: "test".to_owned(),
        users,
        manuals: vec!["router".to_owned()],
        max_in_flight: 100,
        timeout_ms: 30_000,
        model_latency: None,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        mix: BTreeMap::from([("query".to_owned(), 1)]),
        stages: vec![open("steady", rate, seconds)],
        probes: RawProbes::default(),
        objectives: objectives(&["max latency <= 1s"]),
    }
}

fn open(name: &str, rate: f64, seconds: u64) -> RawStage {
    RawStage {
        name: name.to_owned(),
        model: Model::Open,
        duration_ms: seconds * 1_000,
        rate_per_s: Some(rate),
        to_rate_per_s: None,
        arrivals: Some(Arrivals::Uniform),
        users: None,
        think_ms: None,
        gated: true,
    }
}

fn closed(name: &str, users: u32, think_ms: u64, seconds: u64) -> RawStage {
    RawStage {
        model: Model::Closed,
        rate_per_s: None,
        arrivals: None,
        users: Some(users),
        think_ms: Some(think_ms),
        ..open(name, 1.0, seconds)
    }
}

fn mix(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
    weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

fn objectives(texts: &[&str]) -> BTreeMap<String, String> {
    texts.iter().enumerate().map(|(i, text)| (format!("o{i}"), (*text).to_owned())).collect()
}

fn limits() -> Limits {
    Limits {
        daily_quota: 50,
        monthly_quota: 1_000,
        rate_limit: None,
        max_rate_per_s: None,
        max_users: None,
        max_cost_cents: None,
        chaos: false,
    }
}

fn rate_limited(requests: u32, window_s: u32) -> Limits {
    Limits { rate_limit: Some(RateLimit { requests, window_s }), ..limits() }
}

fn questions() -> QuestionSet {
    let question = |i: usize, manual: Option<&str>| Question {
        id: format!("q{i}"),
        question: format!("Question {i}?"),
        manual: manual.map(str::to_owned),
        page: manual.map(|_| 1),
        phrase: manual.map(|_| "words".to_owned()),
        answered_by: None,
    };
    let manuals = [Some("router"), Some("router"), Some("solar"), None, Some("router"), None];
    QuestionSet { questions: manuals.iter().enumerate().map(|(i, m)| question(i, *m)).collect() }
}

fn planned(raw: RawProfile, limits: &Limits) -> Result<LoadPlan, PlanError> {
    plan(&Profile::resolve(raw).unwrap(), 7, limits, &questions())
}

fn of_kind(plan: &LoadPlan, kind: RequestKind) -> Vec<&Arrival> {
    plan.arrivals.iter().filter(|arrival| arrival.kind == kind).collect()
}

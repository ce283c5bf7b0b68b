//! `/_localstack/chaos/faults` and `/effects` with LocalStack's semantics, so that scripts written for it run here.
//!
//! Source: the LocalStack documentation "Chaos API" (docs.localstack.cloud, 2025-07). `POST` replaces the rules,
//! `PATCH` appends, `DELETE` takes away those that are exactly equal; the first rule that matches decides, and its
//! `probability` is drawn for each call. Members have these defaults: probability 1, `statusCode` 503, `code`
//! `ServiceUnavailable`; a member that is absent matches everything.
//!
//! LocalStack's rules stay until somebody removes them. Here they are a lease too, of [`LEASE`], which each call of
//! this API renews: a script that died leaves nothing behind for good.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, ErrorShape, hint};
use crate::rule::BadField;

/// How long the rules stay without any call of this API.
pub(crate) const LEASE: Duration = Duration::from_mins(15);
/// The longest latency that `effects` takes.
const MAX_LATENCY_MS: u64 = 15 * 60 * 1000;

/// One rule as LocalStack writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// By the signature's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The endpoint's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Of the service's model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Of being hit; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FaultError>,
}

/// The answer of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultError {
    /// 503 if absent.
    #[serde(rename = "statusCode", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `ServiceUnavailable` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The global effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// Added to each call, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u64>,
}

/// What this API holds.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    on: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Fault>,
    effects: Effects,
    ends: Duration,
}

/// A call that one of these rules hit.
#[derive(Debug)]
pub(crate) struct Struck {
    pub(crate) error: ErrorShape,
}

impl Faults {
    pub(crate) fn are_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    pub(crate) fn clear(&self) {
        *self.state() = State::default();
        self.on.store(false, Ordering::Release);
    }

    /// The rules, after `change` was made to them.
    pub(crate) fn change(&self, now: Duration, change: impl FnOnce(&mut Vec<Fault>)) -> Vec<Fault> {
        let mut state = self.current(now);
        change(&mut state.rules);
        self.settle(&mut state, now);
        state.rules.clone()
    }

    /// The effects, after `new` replaced them, if it is given.
    pub(crate) fn effects(&self, now: Duration, new: Option<Effects>) -> Effects {
        let mut state = self.current(now);
        if let Some(new) = new {
            state.effects = new;
        }
        self.settle(&mut state, now);
        state.effects
    }

    /// The delay of every call.
    pub(crate) fn latency(&self, now: Duration) -> Duration {
        Duration::from_millis(self.current(now).effects.latency.unwrap_or(0))
    }

    /// The first rule that matches decides.
    pub(crate) fn strike(
        &self,
        (service, operation, region): (&str, &str, Option<&str>),
        now: Duration,
    ) -> Option<Struck> {
        let is = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        let state = self.current(now);
        let rule = state.rules.iter().find(|rule| {
            is(&rule.region, region)
                && is(&rule.service, Some(service))
                && is(&rule.operation, Some(operation))
        })?;
        let rule = rule.clone();
        drop(state);
        let probability = rule.probability.unwrap_or(1.0);
        if probability < 1.0 && rand::rng().random::<f64>() >= probability {
            return None;
        }
        let told = rule.error.as_ref();
        let code = told.and_then(|error| error.code.as_deref()).unwrap_or("ServiceUnavailable");
        let status = told.and_then(|error| error.status).unwrap_or(503);
        let message = format!("Service '{service}' not accessible due to an outage");
        let error = ErrorShape::bare(code, status, &message);
        Some(Struck { error })
    }

    fn settle(&self, state: &mut State, now: Duration) {
        state.ends = now + LEASE;
        let on = !state.rules.is_empty() || state.effects.latency.is_some_and(|ms| ms > 0);
        self.on.store(on, Ordering::Release);
    }

    fn current(&self, now: Duration) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if now >= state.ends && self.are_on() {
            *state = State::default();
            self.on.store(false, Ordering::Release);
        }
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks rules before any of them is taken.
pub(crate) fn check(rules: &[Fault], catalogue: &Catalogue) -> Result<(), BadField> {
    for (index, rule) in rules.iter().enumerate() {
        let named =
            |field: &str, reason: String| BadField::new(format!("[{index}].{field}"), reason);
        if let Some(service) = &rule.service
            && catalogue.service(service).is_none()
        {
            let near = hint(catalogue.nearest_service(service));
            return Err(named("service", format!("names no service `{service}`{near}")));
        }
        if let (Some(service), Some(operation)) = (&rule.service, &rule.operation)
            && let Some(service) = catalogue.service(service)
            && !service.operations.contains(operation)
        {
            let near = hint(service.nearest_operation(operation));
            return Err(named("operation", format!("names no operation `{operation}`{near}")));
        }
        if let Some(p) = rule.probability
            && !(p.is_finite() && (0.0..=1.0).contains(&p))
        {
            return Err(named("probability", format!("is {p}; expected 0 to 1")));
        }
        if let Some(status) = rule.error.as_ref().and_then(|error| error.status)
            && !(400..=599).contains(&status)
        {
            let reason = format!("is {status}; expected 400 to 599");
            return Err(named("error.statusCode", reason));
        }
    }
    Ok(())
}

/// Checks effects.
pub(crate) fn check_effects(effects: Effects) -> Result<(), BadField> {
    match effects.latency {
        Some(ms) if ms > MAX_LATENCY_MS => {
            let reason = format!("is {ms}; at most {MAX_LATENCY_MS} ms");
            Err(BadField::new("latency", reason))
        }
        _ => Ok(()),
    }
}

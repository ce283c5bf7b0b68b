//! Which of the matching calls a rule hits.
//!
//! `rate` is drawn by key and attempt, so it is the same however calls arrive; `calls` and `once_per` count within
//! one trace, where the backend's own order decides. `per = "run"` and `every` count arrivals over all callers:
//! concurrent runs differ, and the ledger's hash leaves such injections out.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rule::{BadField, amounts};

/// As it is written; every member narrows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenSpec {
    /// The share of attempts, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// `1..2`: these attempts of each trace, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<String>,
    /// `trace` (default) or `run`: within what `calls` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Every n-th attempt of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// `request`: the first attempt of each trace, no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once_per: Option<OncePer>,
    /// `5s..20s` after the rule began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The rate at the window's begin and at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<[f64; 2]>,
}

/// Within what attempts are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Each trace by itself.
    #[default]
    Trace,
    /// All attempts since the rule began.
    Run,
}

/// Once for each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OncePer {
    /// A request to the backend: a trace.
    Request,
}

/// Which attempts are meant by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// All.
    Any,
    /// From and to, both included, within a trace.
    OfTrace(u64, u64),
    /// From and to, both included, over all.
    OfRun(u64, u64),
    /// Every n-th over all.
    Every(u64),
}

/// The condition, checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct When {
    rate: (f64, f64),
    window: Option<(Duration, Duration)>,
    /// Which attempts by number.
    pub count: Count,
}

impl When {
    /// Checks what was written.
    pub(crate) fn read(spec: Option<&WhenSpec>) -> Result<Self, BadField> {
        let Some(spec) = spec else {
            return Ok(Self { rate: (1.0, 1.0), window: None, count: Count::Any });
        };
        let named = |field: &'static str| move |why: String| BadField::new(field, why);
        let window = spec.window.as_deref().map(amounts::window).transpose();
        let window = window.map_err(named("when.window"))?;
        let rate = match (spec.rate, spec.ramp) {
            (Some(_), Some(_)) => {
                return Err(BadField::new("when.ramp", "and `when.rate` exclude each other"));
            }
            (Some(rate), None) => {
                let rate = amounts::share(rate).map_err(named("when.rate"))?;
                (rate, rate)
            }
            (None, Some([from, to])) => {
                if window.is_none() {
                    return Err(BadField::new(
                        "when.ramp",
                        "needs `when.window`, over which it goes",
                    ));
                }
                let share = |value| amounts::share(value).map_err(named("when.ramp"));
                (share(from)?, share(to)?)
            }
            (None, None) => (1.0, 1.0),
        };
        Ok(Self { rate, window, count: count(spec)? })
    }

    /// The rate at `age`, the time since the rule began; 0 outside the window.
    pub fn rate_at(&self, age: Duration) -> f64 {
        let Some((from, until)) = self.window else { return self.rate.0 };
        if age < from || age >= until {
            return 0.0;
        }
        let gone =
            (age.as_secs_f64() - from.as_secs_f64()) / (until.as_secs_f64() - from.as_secs_f64());
        self.rate.0 + (self.rate.1 - self.rate.0) * gone
    }

    /// Whether the decision depends on nothing but seed, rule, key and attempt: not on time, not on who came first.
    pub fn is_keyed(&self) -> bool {
        self.window.is_none() && matches!(self.count, Count::Any | Count::OfTrace(..))
    }
}

fn count(spec: &WhenSpec) -> Result<Count, BadField> {
    let given = [spec.calls.is_some(), spec.every.is_some(), spec.once_per.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let reason = "is one of `calls`, `every` and `once_per`, which exclude each other";
        return Err(BadField::new("when.calls", reason));
    }
    let per = spec.per.unwrap_or_default();
    if let Some(calls) = &spec.calls {
        let (from, to) = amounts::calls(calls).map_err(|why| BadField::new("when.calls", why))?;
        return Ok(match per {
            Per::Trace => Count::OfTrace(from, to),
            Per::Run => Count::OfRun(from, to),
        });
    }
    if spec.per.is_some() {
        return Err(BadField::new(
            "when.per",
            "says within what `when.calls` counts; there is none",
        ));
    }
    match (spec.every, spec.once_per) {
        (Some(0), _) => Err(BadField::new("when.every", "is 0; expected a number from 1")),
        (Some(n), _) => Ok(Count::Every(n)),
        (None, Some(OncePer::Request)) => Ok(Count::OfTrace(1, 1)),
        (None, None) => Ok(Count::Any),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Count, When, WhenSpec};

    fn read(json: &str) -> Result<When, String> {
        let spec: WhenSpec = serde_json::from_str(json).map_err(|error| error.to_string())?;
        When::read(Some(&spec)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_ramp_goes_over_its_window_and_is_nothing_outside() {
        let when = read(r#"{"window": "10s..20s", "ramp": [0.0, 0.5]}"#).unwrap();
        for (at, rate) in [(9_999, 0.0), (10_000, 0.0), (15_000, 0.25), (20_000, 0.0)] {
            assert!((when.rate_at(Duration::from_millis(at)) - rate).abs() < 1e-9, "{at}");
        }
    }

    #[test]
    fn counts_are_read() {
        assert_eq!(read(r#"{"calls": "1..2"}"#).unwrap().count, Count::OfTrace(1, 2));
        assert_eq!(read(r#"{"calls": "3", "per": "run"}"#).unwrap().count, Count::OfRun(3, 3));
        assert_eq!(read(r#"{"every": 4}"#).unwrap().count, Count::Every(4));
        assert_eq!(read(r#"{"once_per": "request"}"#).unwrap().count, Count::OfTrace(1, 1));
    }

    #[test]
    fn mistakes_name_their_field() {
        for (json, says) in [
            (r#"{"rate": 1.5}"#, "`when.rate` is 1.5"),
            (r#"{"rate": -1}"#, "`when.rate` is -1"),
            (r#"{"ramp": [0, 1]}"#, "`when.ramp` needs `when.window`"),
            (r#"{"rate": 0.1, "ramp": [0, 1]}"#, "`when.ramp` and `when.rate`"),
            (r#"{"window": "5s"}"#, "`when.window` is `5s`"),
            (r#"{"calls": "0"}"#, "`when.calls` is `0`"),
            (r#"{"every": 0}"#, "`when.every` is 0"),
            (r#"{"per": "run"}"#, "`when.per`"),
            (r#"{"calls": "1", "every": 2}"#, "`when.calls`"),
            (r#"{"rat": 0.1}"#, "unknown field `rat`"),
        ] {
            let told = read(json).unwrap_err();
            assert!(told.contains(says), "{json}: {told}");
        }
    }
}

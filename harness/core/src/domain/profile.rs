//! A load profile, resolved: the shape of the load, who makes it, what is asked, and what must hold.
//!
//! Every value is valid by construction: rates and durations are never zero, weights add up to something, and an
//! objective parses. What a file says is read by the harness and given to [`Profile::resolve`] as a [`RawProfile`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{kind::RequestKind, objective::Objective};

mod resolve;

/// The profile schema that this build reads.
pub const PROFILE_SCHEMA: &str = "manuel-load/1";

/// What a profile file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProfile {
    /// Always [`PROFILE_SCHEMA`].
    pub schema: String,
    /// One sentence: what the profile shows.
    pub title: String,
    /// Users that send the open stages' arrivals; each binds its own source address where the stage allows it.
    pub users: u32,
    /// Fixture manuals that each of these users owns.
    pub manuals: Vec<String>,
    /// Most requests in flight; an arrival beyond is dropped and counted.
    pub max_in_flight: u32,
    /// Longest wait for an answer, in milliseconds; longer than the backend's own deadline.
    pub timeout_ms: u64,
    /// Share of answers that come from the cache, which the verdict verifies.
    pub cache_hits: CacheHits,
    /// How long the model takes on a stage of the run's own; at once where absent. A stage that stands has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_latency: Option<ModelLatency>,
    /// Weights of the kinds of request of open stages.
    pub mix: BTreeMap<String, u32>,
    /// The shape of the load, in order.
    pub stages: Vec<RawStage>,
    /// Correctness under pressure, beside the mix.
    #[serde(default)]
    pub probes: RawProbes,
    /// What must hold: name → objective.
    pub objectives: BTreeMap<String, String>,
}

/// Which part of the answers comes from the cache, in per mille of answered questions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheHits {
    /// At least.
    pub min_permille: u32,
    /// At most.
    pub max_permille: u32,
}

/// How long an emulated model takes: log-normal, drawn by seed and content, and more for longer answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelLatency {
    /// Half of the calls take less, in milliseconds.
    pub median_ms: u32,
    /// 95 % of the calls take less, in milliseconds; not below the median.
    pub p95_ms: u32,
    /// Milliseconds for each 1 000 output tokens, in addition.
    pub ms_per_1000_output_tokens: u32,
}

/// A stretch of the load, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStage {
    /// Unique in the profile; `phase=` in objectives.
    pub name: String,
    /// `open` (arrivals by schedule) or `closed` (users on journeys).
    pub model: Model,
    /// How long, in milliseconds.
    pub duration_ms: u64,
    /// Arrivals per second at the start (open).
    #[serde(default)]
    pub rate_per_s: Option<f64>,
    /// Arrivals per second at the end (open); the rate moves linearly. As at the start where absent.
    #[serde(default)]
    pub to_rate_per_s: Option<f64>,
    /// `poisson` or `uniform` (open).
    #[serde(default)]
    pub arrivals: Option<Arrivals>,
    /// Users on journeys (closed).
    #[serde(default)]
    pub users: Option<u32>,
    /// Pause between the steps of a journey, in milliseconds (closed).
    #[serde(default)]
    pub think_ms: Option<u64>,
    /// Whether timing objectives look at it; warm-up and cool-down say false.
    #[serde(default = "gated_by_default")]
    pub gated: bool,
}

fn gated_by_default() -> bool {
    true
}

/// Probes, as written.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawProbes {
    /// Simultaneous questions of one user with fewer left.
    #[serde(default)]
    pub quota_burst: Option<QuotaBurst>,
    /// Questions while a dependency is out for their user.
    #[serde(default)]
    pub outages: Vec<Outage>,
}

/// More simultaneous questions than the daily quota has left.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaBurst {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// How many questions beyond the daily quota.
    pub over: u32,
}

/// A dependency that is out for one user: an emulator's outage, seen by nobody else.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// AWS service, as in the stage's `endpoints`.
    pub service: String,
    /// Operation; every one of the service where absent.
    #[serde(default)]
    pub operation: Option<String>,
    /// Error code of the service's model.
    pub error: String,
    /// HTTP status of that error.
    pub status: u16,
    /// Message in AWS's words; it may hold what must not leak.
    pub message: String,
    /// When the first question is asked, in milliseconds from the start.
    pub at_ms: u64,
    /// How many questions are asked, 250 ms apart.
    pub requests: u32,
    /// The statuses that answer them rightly.
    pub expect_status: Vec<u16>,
}

/// Who decides when the next request is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// The schedule does, whatever the target does.
    Open,
    /// The user does, after the answer and a pause.
    Closed,
}

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Independent of each other, as people are.
    Poisson,
    /// Evenly.
    Uniform,
}

/// A profile that can be planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "RawProfile", into = "RawProfile")]
pub struct Profile {
    raw: RawProfile,
    /// Stages, in order.
    stages: Vec<Stage>,
    mix: Vec<(RequestKind, u32)>,
    objectives: Vec<(String, Objective)>,
}

/// A stretch of the load.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stage {
    /// Unique in the profile.
    pub name: String,
    /// From the start of the run, in µs.
    pub start_us: u64,
    /// How long, in µs; never 0.
    pub duration_us: u64,
    /// What makes the load.
    pub shape: Shape,
    /// Whether timing objectives look at it.
    pub gated: bool,
}

/// What makes the load of a stage.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape {
    /// A schedule; rates in thousandths of a request per second, never both 0.
    Open {
        /// At the start.
        from_milli_per_s: u64,
        /// At the end.
        to_milli_per_s: u64,
        /// How arrivals are spread.
        arrivals: Arrivals,
    },
    /// Users.
    Closed {
        /// How many, never 0.
        users: u32,
        /// Pause between steps, in ms.
        think_ms: u64,
    },
}

/// Why a profile cannot be used: which key, and what was expected.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct ProfileError {
    /// The key, as a path: `stages.1.rate_per_s`.
    pub key: Vec<String>,
    /// Where in the key's text value the problem is, in bytes, if it is inside.
    pub within: Option<(usize, usize)>,
    /// What is wrong and what was expected.
    pub problem: String,
}

impl Profile {
    /// Checks a profile; all problems at once.
    pub fn resolve(raw: RawProfile) -> Result<Self, Vec<ProfileError>> {
        resolve::resolve(raw)
    }

    /// The profile as written.
    pub fn raw(&self) -> &RawProfile {
        &self.raw
    }

    /// Its stages, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Weights of the kinds of request, in the order of the kinds.
    pub fn mix(&self) -> &[(RequestKind, u32)] {
        &self.mix
    }

    /// Name and objective, by name.
    pub fn objectives(&self) -> &[(String, Objective)] {
        &self.objectives
    }

    /// Length of the load, in µs.
    pub fn duration_us(&self) -> u64 {
        self.stages.iter().map(|stage| stage.duration_us).sum()
    }

    /// The stage at `us` from the start; the last one after the end.
    pub fn stage_at(&self, us: u64) -> Option<&Stage> {
        self.stages.iter().rev().find(|stage| stage.start_us <= us)
    }

    /// Whether timing objectives look at the stage of this name.
    pub fn is_gated(&self, phase: &str) -> bool {
        self.stages.iter().any(|stage| stage.name == phase && stage.gated)
    }
}

impl TryFrom<RawProfile> for Profile {
    type Error = String;

    fn try_from(raw: RawProfile) -> Result<Self, String> {
        Self::resolve(raw).map_err(|errors| {
            let lines = errors.iter().map(|e| format!("{}: {}", e.key.join("."), e.problem));
            lines.collect::<Vec<_>>().join("; ")
        })
    }
}

impl From<Profile> for RawProfile {
    fn from(profile: Profile) -> Self {
        profile.raw
    }
}

//! A baseline: what a run measured, kept to compare later ones with; and what such a comparison says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{histogram::LatencyHistogram, run::Machine};

/// The baseline schema that this build writes and the only one it reads.
pub const BASELINE_SCHEMA: &str = "manuel-baseline/1";

/// A baseline's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Always [`BASELINE_SCHEMA`].
    pub schema: String,
    /// The run.
    pub run_id: String,
    /// Build that was measured.
    pub sut_commit: String,
    /// What must be the same for a comparison.
    pub conditions: Conditions,
    /// Kind of request → latencies of its answers in gated phases, from the scheduled time.
    pub latencies: BTreeMap<String, LatencyHistogram>,
}

/// What timings depend on beside the build. Where one of these differs, nothing can be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Name of the profile.
    pub profile_name: String,
    /// SHA-256 of the profile, in hex.
    pub profile_sha256: String,
    /// Name of the stage.
    pub stage: String,
    /// The machine.
    pub machine: Machine,
    /// `dev` or `release`.
    pub build_profile: String,
    /// Version of the compiler.
    pub rustc: String,
}

/// What a comparison says of one kind of request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The kind.
    pub kind: String,
    /// What it says.
    pub change: Change,
    /// Answers of the baseline.
    pub baseline_n: u64,
    /// Answers of the run.
    pub run_n: u64,
    /// Medians, in µs: the baseline's and the run's.
    pub median_us: (u64, u64),
    /// 95th percentiles, in µs: the baseline's and the run's.
    pub p95_us: (u64, u64),
    /// How often an answer of the run is slower than one of the baseline, ties halved, in ppm: 500 000 is no difference.
    pub slower_ppm: u64,
}

/// Whether timings changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Neither chance nor the practical threshold is exceeded by a difference.
    Same,
    /// Faster, beyond chance and by more than the threshold.
    Faster,
    /// Slower, beyond chance and by more than the threshold.
    Slower,
    /// The baseline itself has too few answers: nothing is known of this kind, and never was.
    TooFew,
    /// The baseline has enough answers, and the run too few or none: what was measured then is not measured now.
    Vanished,
}

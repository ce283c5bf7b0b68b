//! A run: who ran what on which build with which seed. Written before the first request, it is all that a replay and a
//! judgement need beside the evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    profile::Profile,
    stage::{Limits, Runtime, Services},
};

/// The run schema that this build writes and the only one it reads.
pub const RUN_SCHEMA: &str = "manuel-run/1";

/// `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunPlan {
    /// Always [`RUN_SCHEMA`].
    pub schema: String,
    /// Names the run and its folder.
    pub run_id: String,
    /// Which suite: `load`.
    pub suite: String,
    /// Name of the profile.
    pub profile_name: String,
    /// The profile, resolved.
    pub profile: Profile,
    /// Everything drawn is drawn from this.
    pub seed: u64,
    /// Only these arrivals of the schedule are sent (a replay); all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<u32>>,
    /// SHA-256 of the materialised schedule, in hex.
    pub schedule_sha256: String,
    /// Arrivals that will be sent.
    pub arrivals: u64,
    /// Commit that the harness was built from, with `-dirty`.
    pub harness_commit: String,
    /// Commit that the backend reported before the run.
    pub sut_commit: String,
    /// Commit that the caller demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_commit: Option<String>,
    /// Seeded defects that are switched on.
    pub sut_defects: Vec<String>,
    /// Name of the stage.
    pub stage: String,
    /// Whether the services behind the backend are AWS's own.
    #[serde(default)]
    pub services: Services,
    /// What the backend ran as.
    #[serde(default)]
    pub runtime: Runtime,
    /// Whether the deployment's firewall and gateway stood in front.
    #[serde(default)]
    pub behind_edge: bool,
    /// SHA-256 of the bundle that ran it, in hex; none where it ran from the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_sha256: Option<String>,
    /// Its limits.
    pub limits: Limits,
    /// Whether answers are expected exactly.
    pub exact_answers: bool,
    /// Which machine made the load.
    pub machine: Machine,
    /// Versions of the tools: `harness`, `rustc`, `goose`, `profile` (dev or release).
    pub tools: std::collections::BTreeMap<String, String>,
    /// When, RFC 3339, UTC.
    pub started_at: String,
}

/// A machine, as far as timings depend on it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Usable cores.
    pub cores: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Processor model.
    pub cpu: String,
    /// Operating system.
    pub os: String,
}

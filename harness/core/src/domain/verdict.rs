//! What the evidence proves: Pass, Fail with breaches, or Inconclusive with causes.
//!
//! `Fail` says that the backend broke a promise; `Inconclusive` says that the run cannot tell. A harness that could not
//! work is an error and none of these. They never turn into each other.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    features::SkippedScenario,
    non_empty::NonEmpty,
    objective::ObjectiveKind,
    stage::{Runtime, Services},
};

/// The verdict schema that this build writes.
pub const VERDICT_SCHEMA: &str = "manuel-verdict/2";

/// The judgement of a run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Every promise was put to the test and held.
    Pass,
    /// The backend broke at least one.
    Fail {
        /// Which.
        breaches: NonEmpty<Breach>,
    },
    /// The run cannot tell.
    Inconclusive {
        /// Why not.
        causes: NonEmpty<Cause>,
        /// Timing objectives that looked broken, for what it is worth.
        breaches_seen: Vec<Breach>,
    },
}

/// A broken promise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breach {
    /// Code of the rule, or name of the objective.
    pub objective: String,
    /// Being right, or being fast.
    pub kind: ObjectiveKind,
    /// The promise, as a sentence.
    pub promise: String,
    /// What happened instead: by how much, to whom, when.
    pub message: String,
    /// How often.
    pub times: u64,
    /// First time, in ms from the start of the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at_ms: Option<u64>,
    /// The backend's request id of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Trace id of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Arrivals that show it again; empty where only the whole run does.
    pub ordinals: Vec<u32>,
    /// The command that shows it again.
    pub reproduce: String,
}

/// Why a run cannot tell.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "cause", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cause {
    /// Nothing was put to the test.
    NothingSelected,
    /// The generator could not keep its own schedule.
    GeneratorLagged {
        /// What showed it.
        detail: String,
    },
    /// The emulators, not the backend, were out of breath while timing objectives broke.
    StageSaturated {
        /// What showed it.
        detail: String,
    },
    /// Too little data for an objective.
    TooFewSamples {
        /// Which.
        objective: String,
        /// Samples that would decide it.
        wanted: u64,
        /// Samples there were.
        got: u64,
    },
    /// The steady state was never reached.
    BaselineUnsteady {
        /// What showed it.
        detail: String,
    },
    /// The target vanished, and nobody saw why.
    TargetLost {
        /// What was seen last.
        detail: String,
    },
    /// Another build answered than the one that is judged.
    TargetChanged {
        /// The build that is judged.
        expected: String,
        /// The build that answered.
        seen: String,
    },
    /// Ctrl-C.
    Interrupted {
        /// In ms from the start of the load.
        at_ms: u64,
    },
    /// The stage lacks what the plan needs.
    CapabilityMissing {
        /// What.
        detail: String,
    },
    /// A stimulus that the scenario is about did not happen often enough: what was seen says nothing about it.
    FaultNeverFired {
        /// Scenario and fault.
        fault: String,
        /// How often it had to happen.
        wanted: u64,
        /// How often it did.
        got: u64,
    },
    /// Faults hit otherwise than their seed says: the instrument, not the backend, is at fault.
    FaultsAstray {
        /// What showed it.
        detail: String,
    },
    /// What was measured cannot stand for what is judged: another baseline, or a build with seeded defects.
    NotComparable {
        /// Why not.
        detail: String,
    },
}

/// What became of one objective.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveResult {
    /// Its name.
    pub name: String,
    /// As it was written.
    pub expression: String,
    /// Being right, or being fast.
    pub kind: ObjectiveKind,
    /// Held, broken, or not to be told.
    pub status: Status,
    /// What was measured, in `unit`; none without data.
    pub observed: Option<u64>,
    /// The limit, in `unit`.
    pub limit: u64,
    /// Unit of the figures: `us`, `count`, `ppm`, `milli_per_s`, `kib`, `permille`.
    pub unit: String,
    /// Exact 90 % interval of a percentile (95 % to either side), in `unit`.
    pub interval: Option<(u64, u64)>,
    /// Samples it rests on.
    pub n: u64,
}

/// What became of an objective.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The limit was kept, beyond what chance explains.
    Held,
    /// The limit was broken, beyond what chance explains.
    Broken,
    /// The data do not decide.
    Void,
}

/// `verdict.json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerdictFile {
    /// Always [`VERDICT_SCHEMA`].
    pub schema: String,
    /// The run.
    pub run_id: String,
    /// Its suite.
    pub suite: String,
    /// Its profile.
    pub profile: String,
    /// Its seed.
    pub seed: u64,
    /// Its stage.
    pub stage: String,
    /// Whether the services behind the backend were AWS's own; timings of emulated ones are no evidence about these.
    pub services: Services,
    /// What the backend ran as.
    pub runtime: Runtime,
    /// Whether the deployment's firewall and gateway stood in front.
    pub behind_edge: bool,
    /// When the run began, RFC 3339, UTC.
    pub started_at: String,
    /// SHA-256 of the bundle that ran it, in hex; none where it ran from the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_sha256: Option<String>,
    /// Build of the harness.
    pub harness_commit: String,
    /// Build that was judged.
    pub sut_commit: String,
    /// Seeded defects in it.
    pub sut_defects: Vec<String>,
    /// SHA-256 of the schedule.
    pub schedule_sha256: String,
    /// The judgement.
    pub judgement: Verdict,
    /// Why the run could not tell everything, where a broken promise outweighed that: empty but for a Fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outweighed: Vec<Cause>,
    /// One sentence.
    pub headline: String,
    /// Exit code that goes with it.
    pub exit_code: u8,
    /// Promises that were put to the test, with how many observations each.
    pub promises: Vec<PromiseResult>,
    /// Of the features: how many scenarios were put to the test, by file (`features/quota.feature`) and by tag (`@stores`);
    /// empty for a load.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coverage: BTreeMap<String, Coverage>,
    /// Every objective of the profile.
    pub objectives: Vec<ObjectiveResult>,
    /// What the stage could not run, by name; empty for a load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedScenario>,
    /// What is worth knowing and decides nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Requests by kind and class; of the features, scenarios by outcome.
    pub requests: BTreeMap<String, BTreeMap<String, u64>>,
}

/// How much of a file or tag was put to the test.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Scenarios that held or did not.
    pub executed: u64,
    /// Scenarios that the stage could not run.
    pub skipped: u64,
}

/// A promise and how often it was put to the test.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromiseResult {
    /// Code of the rule.
    pub rule: String,
    /// Observations that could have broken it.
    pub tested: u64,
    /// Observations that did.
    pub broken: u64,
}

impl Verdict {
    /// Of all `causes` for which a run could not tell, those that this verdict does not carry itself.
    pub fn outweighed(&self, causes: Vec<Cause>) -> Vec<Cause> {
        match self {
            Self::Fail { .. } => causes,
            Self::Pass | Self::Inconclusive { .. } => Vec::new(),
        }
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }

    /// All breaches, whether they decided or not.
    pub fn breaches(&self) -> &[Breach] {
        match self {
            Self::Pass => &[],
            Self::Fail { breaches } => breaches.as_slice(),
            Self::Inconclusive { breaches_seen, .. } => breaches_seen,
        }
    }

    /// Exit code: 130 where the run was interrupted, else 0, 1 or 3.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail { .. } => 1,
            Self::Inconclusive { causes, .. } => {
                let interrupted = |cause: &Cause| matches!(cause, Cause::Interrupted { .. });
                if causes.as_slice().iter().any(interrupted) { 130 } else { 3 }
            }
        }
    }
}

impl Cause {
    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingSelected => "nothing_selected",
            Self::GeneratorLagged { .. } => "generator_lagged",
            Self::StageSaturated { .. } => "stage_saturated",
            Self::TooFewSamples { .. } => "too_few_samples",
            Self::BaselineUnsteady { .. } => "baseline_unsteady",
            Self::TargetLost { .. } => "target_lost",
            Self::TargetChanged { .. } => "target_changed",
            Self::Interrupted { .. } => "interrupted",
            Self::CapabilityMissing { .. } => "capability_missing",
            Self::FaultNeverFired { .. } => "fault_never_fired",
            Self::FaultsAstray { .. } => "faults_astray",
            Self::NotComparable { .. } => "not_comparable",
        }
    }

    /// What it means here, as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::NothingSelected => "Nothing was put to the test.".to_owned(),
            Self::GeneratorLagged { detail } => {
                format!("The load generator did not keep its own schedule: {detail}.")
            }
            Self::StageSaturated { detail } => {
                format!("The stage, not the backend, was out of breath: {detail}.")
            }
            Self::TooFewSamples { objective, wanted, got } => format!(
                "`{objective}` is not decided by {got} samples; about {wanted} would decide it."
            ),
            Self::BaselineUnsteady { detail } => format!("There was no steady state: {detail}."),
            Self::TargetLost { detail } => format!("The target vanished: {detail}."),
            Self::TargetChanged { expected, seen } => {
                format!("{expected} is judged, but {seen} answered.")
            }
            Self::Interrupted { at_ms } => {
                format!("The run was interrupted {} s after the load began.", at_ms / 1_000)
            }
            Self::CapabilityMissing { detail } => format!("The stage cannot do this: {detail}."),
            Self::FaultNeverFired { fault, wanted, got } => {
                format!("`{fault}` happened {got} times, and fewer than {wanted} show nothing.")
            }
            Self::FaultsAstray { detail } => {
                format!("Faults did not do what was foretold: {detail}.")
            }
            Self::NotComparable { detail } => {
                format!("This cannot stand for a build that is judged: {detail}.")
            }
        }
    }
}

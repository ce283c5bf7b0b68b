//! A gate policy: which suites must run, what of them must have been put to the test, and which breaches somebody has
//! taken upon them for a while.
//!
//! Every value is valid by construction. What a file says is read by the harness and given to [`Policy::resolve`] as a
//! [`RawPolicy`]; that what it names exists in the project is checked there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{
    chaos::Tier,
    stage::{Runtime, Services},
};

mod resolve;

/// The policy schema that this build reads.
pub const POLICY_SCHEMA: &str = "manuel-gate/1";

/// What a policy file says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPolicy {
    /// Always [`POLICY_SCHEMA`].
    pub schema: String,
    /// One sentence: what a promotion by this policy means.
    pub title: String,
    /// Stages that this policy decides for; a verdict from another one decides nothing.
    pub stages: Vec<String>,
    /// Longest time for all suites together, in seconds.
    pub budget_s: u32,
    /// Oldest run that a decision may rest on, in seconds from its start.
    pub max_age_s: u32,
    /// When broken timing holds a build.
    #[serde(default)]
    pub timing: Timing,
    /// The suites, in the order in which they run.
    pub suites: Vec<RawSuite>,
    /// Breaches that hold nobody back for a while.
    #[serde(default)]
    pub waivers: Vec<RawWaiver>,
}

/// When broken timing holds a build.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Where the services are AWS's own. Where they are emulated, by the machine that also makes the load, broken timing
    /// is told and holds nobody: such milliseconds say nothing about AWS, and a busy machine would hold good builds.
    #[default]
    WhereReal,
    /// Everywhere.
    Always,
    /// Nowhere: it is told only.
    Never,
}

/// A suite, as written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSuite {
    /// Unique in the policy; names its folder.
    pub name: String,
    /// What runs.
    pub kind: SuiteKind,
    /// Everything drawn is drawn from this; a further attempt adds one.
    pub seed: u64,
    /// Longest time for one attempt, in seconds.
    pub timeout_s: u32,
    /// Attempts at most. Only a run that could not tell is tried again, never one that failed.
    #[serde(default = "one")]
    pub attempts: u32,
    /// Profile in scenarios/load/ (load).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Tier of scenarios in scenarios/chaos/ (chaos).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Only scenarios whose tags fit (features).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Files, folders or `FILE:LINE` (features); all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// What the backend of an embedded stage runs as.
    #[serde(default, skip_serializing_if = "is_server")]
    pub runtime: Runtime,
    /// Whether the deployment's firewall and gateway stand in front of an embedded stage (features).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edge: bool,
    /// What must have been put to the test; without it, the gate cannot tell.
    pub require: Require,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_server(runtime: &Runtime) -> bool {
    *runtime == Runtime::Server
}

/// A kind of suite.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuiteKind {
    /// `harness features`.
    Features,
    /// `harness load`.
    Load,
    /// `harness chaos`.
    Chaos,
}

impl SuiteKind {
    /// The subcommand, and `suite` in verdict.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Load => "load",
            Self::Chaos => "chaos",
        }
    }
}

/// What must have been put to the test: name → how often at least.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// Promises (`isolation`), with the observations that could have broken each (load).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub promises: BTreeMap<String, u64>,
    /// Kinds of request (`dependency_out` and `quota_burst` are faults), with how many must have ended (load).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, u64>,
    /// Objectives of the profile that must be decided, held or broken (load). One about time is required only where
    /// timing holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<String>,
    /// Files (`features/quota.feature`), with their scenarios (features).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, u64>,
    /// Tags (`@stores`), with their scenarios (features).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, u64>,
    /// What must have failed (`bedrock-runtime`, `dynamodb`, `wire`, `process`), with the scenarios in which it did (chaos).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<String, u64>,
    /// Scenarios in all (features, chaos).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<u64>,
}

impl Require {
    /// How many things are required.
    pub fn count(&self) -> usize {
        self.promises.len()
            + self.requests.len()
            + self.objectives.len()
            + self.features.len()
            + self.tags.len()
            + self.faults.len()
            + usize::from(self.scenarios.is_some())
    }
}

/// A breach that holds nobody back, as written.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWaiver {
    /// The suite.
    pub suite: String,
    /// The promise, objective or scenario, as the breach names it.
    pub breach: String,
    /// Stages on which it holds nobody back.
    pub stages: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Last day on which it counts, `2026-12-31`, UTC.
    pub expires: String,
}

/// A policy that can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    raw: RawPolicy,
}

/// A value that cannot be used, with its place in the file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{}: {problem}", key.join("."))]
pub struct PolicyError {
    /// The key, as a path of names and places in lists.
    pub key: Vec<String>,
    /// What is wrong and what was expected.
    pub problem: String,
}

impl Policy {
    /// What `raw` means, or everything that is wrong in it.
    ///
    /// # Errors
    /// One for each value that cannot be used, and for what contradicts itself.
    pub fn resolve(raw: RawPolicy) -> Result<Self, Vec<PolicyError>> {
        resolve::resolve(&raw)?;
        Ok(Self { raw })
    }

    /// What the file says.
    pub fn raw(&self) -> &RawPolicy {
        &self.raw
    }

    /// Whether broken timing holds a build that was judged where the services are `services`.
    pub fn timing_holds(&self, services: Services) -> bool {
        match self.raw.timing {
            Timing::Always => true,
            Timing::Never => false,
            Timing::WhereReal => services == Services::Real,
        }
    }
}

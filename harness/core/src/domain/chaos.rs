//! A chaos scenario: a steady load, faults in the middle of it, and what must become of each request.
//!
//! What a file says is a [`RawScenario`]; what a run does is a [`ScenarioRun`], which knows beside it what each fault can
//! do to a call. What was seen is in [`evidence`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    features::SkippedScenario,
    run::Machine,
    stage::{Runtime, Services},
};

pub mod evidence;
mod resolve;

pub use resolve::{ScenarioError, check, profile};

/// The scenario schema that this build reads.
pub const SCENARIO_SCHEMA: &str = "manuel-chaos/1";
/// The schema of a chaos run that this build writes and the only one it reads.
pub const CHAOS_RUN_SCHEMA: &str = "manuel-chaos-run/1";
/// The phases of every scenario, in order; their names are those of the load's stages.
pub const PHASES: [&str; 3] = ["steady", "fault", "recovery"];

/// What a scenario file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawScenario {
    /// Always [`SCENARIO_SCHEMA`].
    pub schema: String,
    /// One sentence: what holds although something fails.
    pub title: String,
    /// In which tiers it runs.
    pub tiers: Vec<Tier>,
    /// What its stage differs in.
    #[serde(default)]
    pub stage: RawChaosStage,
    /// The load, unchanged from the first phase to the last.
    pub load: RawChaosLoad,
    /// What fails, from the begin of the second phase to its end.
    pub faults: Vec<RawFault>,
    /// What must hold beside the fate of each request.
    #[serde(default)]
    pub expect: RawExpect,
}

/// How much time a run may take.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// All of it within 120 s.
    Smoke,
    /// Within 12 min: before a canary.
    Canary,
    /// Within 60 min.
    Nightly,
}

impl Tier {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Canary => "canary",
            Self::Nightly => "nightly",
        }
    }
}

/// What a scenario's own stage differs in.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawChaosStage {
    /// Variables of the backend: short deadlines, no cache of answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the backend runs as.
    #[serde(default)]
    pub runtime: Runtime,
    /// How long the emulated model takes, in milliseconds; at once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_ms: Option<u32>,
    /// Time-out of every function, in milliseconds (`runtime = "lambda"`); each function's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_timeout_ms: Option<u64>,
}

/// The load of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawChaosLoad {
    /// Users, each with a quota of its own.
    pub users: u32,
    /// Fixture manuals that each of them owns.
    pub manuals: Vec<String>,
    /// Arrivals per second, evenly spread.
    pub rate_per_s: f64,
    /// Weights of the kinds of request.
    pub mix: BTreeMap<String, u32>,
    /// Length of the phase before the faults, in milliseconds.
    pub steady_ms: u64,
    /// Length of the phase with the faults, in milliseconds.
    pub fault_ms: u64,
    /// Length of the phase after them, in milliseconds.
    pub recovery_ms: u64,
    /// Simultaneous questions of one user beyond the day's quota, in the middle of the second phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst_over: Option<u32>,
}

/// One fault, by exactly one of `on` (AWS's words), `proxy` (the wire), `process`, `clock`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFault {
    /// By which ledger and report know it; unique in the scenario.
    pub name: String,
    /// `service:operation`, the operation a pattern: `bedrock-runtime:Converse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Narrower: `resource`, `tenant`, `header.NAME`, each a pattern.
    #[serde(rename = "if", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, String>,
    /// Which of these calls: `rate`, `calls`, `once_per`, `every`, `window`; all where absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub when: BTreeMap<String, serde_json::Value>,
    /// The verb: `error ThrottlingException`, `delay 4s`, `lose-reply`.
    #[serde(rename = "do", default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// A service whose connections are disturbed: `dynamodb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// A toxic of Toxiproxy (`latency`, `timeout`, `reset_peer`, `bandwidth`, …), or `down`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxic: Option<String>,
    /// Its attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, u64>,
    /// `downstream` (answers) or `upstream` (requests).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What happens to the backend itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessFault>,
    /// The stage's clock is moved by this many milliseconds, and back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<i64>,
    /// Milliseconds from the begin of the phase (`process`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// How long, in milliseconds (`process = "stop"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// As soon as this other fault has hit a call, instead of at a time (`process`): between two side effects of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_hit: Option<String>,
    /// Fewer hits than this prove nothing.
    #[serde(default = "one")]
    pub at_least: u64,
    /// Kinds of request that it can reach; each of these surely makes such a call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affects: Vec<String>,
    /// What must become of them.
    #[serde(default)]
    pub outcome: Outcome,
    /// Right refusals of a request that it broke: `429 model_throttled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Attempts that the SDK makes at a call which always meets it; as the catalogue says where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

fn one() -> u64 {
    1
}

/// What happens to the backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessFault {
    /// SIGKILL; the stage starts it again.
    Kill,
    /// SIGSTOP, and SIGCONT after `for_ms`.
    Stop,
    /// Every sandbox of every function is thrown away (`runtime = "lambda"`).
    Evict,
}

/// What must become of the requests that a fault can reach.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Known for each request from the attempts that were hit: one clean attempt, and it succeeds; none, and it is refused
    /// with one of `answers`.
    #[default]
    Exact,
    /// Every one that is sent while the fault is on is refused with one of `answers`.
    Refused,
    /// Every one succeeds as if nothing were.
    Absorbed,
    /// One that was hit may be refused with one of `answers`, or succeed.
    MayRefuse,
    /// Every one that is sent while the fault is on, or while the backend remembers it, may be refused with one of
    /// `answers`, or succeed.
    During,
    /// One that was under way may get no answer at all; a later one succeeds or is refused with one of `answers`.
    Cut,
}

/// What must hold beside the fate of each request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExpect {
    /// Dependencies whose breaker may open (`model`, `search`, `store`, `files`, …): the only intervals in which a request
    /// that no fault met may be refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakers: Vec<String>,
    /// Kinds of request that notice nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaffected: Vec<String>,
    /// From the last fault to a service that is as before, in milliseconds.
    #[serde(default = "recovery_default")]
    pub recovery_within_ms: u64,
    /// Longest wait for an answer, in milliseconds.
    #[serde(default = "answer_default")]
    pub answer_within_ms: u64,
    /// Most hits of one fault in one request: the backend's own retries do not multiply the SDK's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits_per_request: Option<u64>,
}

/// chaos.md §6.1, G8.
fn recovery_default() -> u64 {
    15_000
}

/// chaos.md §6.1, G3: the gateway gives up after 29 s.
fn answer_default() -> u64 {
    28_000
}

/// A scenario as a run plays it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioRun {
    /// Name of its file.
    pub name: String,
    /// What the file says.
    pub scenario: RawScenario,
    /// What each fault can do, in the file's order.
    pub faults: Vec<FaultFacts>,
    /// Everything drawn for it is drawn from this.
    pub seed: u64,
}

/// What a fault can do to a call; from the catalogue of AWS errors.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultFacts {
    /// Its name.
    pub name: String,
    /// Calls that it can hit, `service:operation`; empty for the wire, processes and the clock.
    pub operations: Vec<String>,
    /// Attempts that the SDK makes at a call which always meets it.
    pub attempts: u32,
    /// Whether an attempt that it hits fails (a delay only takes time).
    pub fails: bool,
    /// Whether seed, request and attempt alone decide what it hits.
    pub keyed: bool,
}

/// `plan.json` of a chaos run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaosPlan {
    /// Always [`CHAOS_RUN_SCHEMA`].
    pub schema: String,
    /// Names the run and its folder.
    pub run_id: String,
    /// Always `chaos`.
    pub suite: String,
    /// The tier that was asked for; none where scenarios were named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The seed that the scenarios' seeds come from.
    pub seed: u64,
    /// Faults are left out: a run that must not pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faults_off: bool,
    /// What runs, in order.
    pub scenarios: Vec<ScenarioRun>,
    /// What does not, and why.
    pub skipped: Vec<SkippedScenario>,
    /// SHA-256 over the scenarios' texts, in hex.
    pub scenarios_sha256: String,
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
    /// What the backend ran as, where the scenario does not say.
    #[serde(default)]
    pub runtime: Runtime,
    /// Whether the deployment's firewall and gateway stood in front.
    #[serde(default)]
    pub behind_edge: bool,
    /// SHA-256 of the bundle that ran it, in hex; none where it ran from the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_sha256: Option<String>,
    /// Arguments that put up the same stage again.
    pub stage_arguments: String,
    /// Which machine ran it.
    pub machine: Machine,
    /// Versions of the tools.
    pub tools: BTreeMap<String, String>,
    /// When, RFC 3339, UTC.
    pub started_at: String,
}

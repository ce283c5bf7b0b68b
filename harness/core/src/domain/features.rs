//! A run of the features: what was selected, and what was seen of each scenario.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    evidence::{BackendDied, Closed, Interrupted, Lost, Version},
    run::Machine,
    stage::{Limits, Runtime, Services},
};

/// The schema of a features run that this build writes and the only one it reads.
pub const FEATURES_RUN_SCHEMA: &str = "manuel-features-run/1";
/// The schema of its evidence: the first line says it.
pub const FEATURES_EVIDENCE_SCHEMA: &str = "manuel-features-evidence/1";

/// `plan.json` of a features run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesPlan {
    /// Always [`FEATURES_RUN_SCHEMA`].
    pub schema: String,
    /// Names the run and its folder.
    pub run_id: String,
    /// Always `features`.
    pub suite: String,
    /// Orders the scenarios and draws what they generate.
    pub seed: u64,
    /// What was asked for.
    pub selection: Selection,
    /// SHA-256 over the texts of the feature files, in hex.
    pub features_sha256: String,
    /// What runs, in the order of its start.
    pub scenarios: Vec<ScenarioPlan>,
    /// What does not, and why.
    pub skipped: Vec<SkippedScenario>,
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
    /// Rules of the firewall in front that are not enforced as AWS would; empty where none stands there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edge: Vec<EdgeRule>,
    /// Arguments that put up the same stage again: what a command for a replay ends with.
    pub stage_arguments: String,
    /// Which machine ran it.
    pub machine: Machine,
    /// Versions of the tools.
    pub tools: BTreeMap<String, String>,
    /// When, RFC 3339, UTC.
    pub started_at: String,
}

/// A rule of a firewall, as a stage stands in for it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeRule {
    /// Its name in the template.
    pub name: String,
    /// How true to AWS it is.
    pub enforced: Enforced,
    /// Why not exactly.
    pub because: String,
}

/// How true to AWS something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enforced {
    /// As AWS does it.
    Exact,
    /// By something else that decides much alike.
    Approximate,
    /// Not at all.
    No,
}

/// What a caller asked for; everything where nothing is given.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// A tag expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// A regular expression over names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Files, folders, or `FILE:LINE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
}

/// One scenario, an outline's row being one of its own.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioPlan {
    /// `features/quota.feature:12`: the line of the scenario, or of the row.
    pub id: String,
    /// The capability that its file describes.
    pub feature: String,
    /// Its name.
    pub name: String,
    /// Its tags and those of its feature, without `@`.
    pub tags: Vec<String>,
    /// Its steps, the background's first, as a reader sees them.
    pub steps: Vec<String>,
}

impl ScenarioPlan {
    /// Whether the promise is not kept yet, as everybody knows.
    pub fn is_work_in_progress(&self) -> bool {
        self.tags.iter().any(|tag| tag == "wip")
    }
}

/// A scenario that this stage cannot run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkippedScenario {
    /// As in [`ScenarioPlan`].
    pub id: String,
    /// The capability that its file describes.
    pub feature: String,
    /// Its name.
    pub name: String,
    /// Its tags and those of its feature, without `@`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the stage lacks.
    pub why: String,
}

/// One line of evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeaturesEvidence {
    /// The worker is ready.
    Hello(FeaturesHello),
    /// A scenario ended.
    Scenario(Box<ScenarioSeen>),
    /// What the backend logged for the requests of a scenario that did not pass.
    Log(ScenarioLog),
    /// A build that answered.
    Version(Version),
    /// The backend ended by itself.
    BackendDied(BackendDied),
    /// The stage ended by itself.
    StageLost(Lost),
    /// The run was interrupted.
    Interrupted(Interrupted),
    /// The worker ran all it had to.
    Done(FeaturesDone),
    /// The worker ended without saying so.
    WorkerLost(Lost),
    /// The runner has seen all there was to see: always the last line.
    Closed(Closed),
}

/// The first line of a worker.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesHello {
    /// Always [`FEATURES_EVIDENCE_SCHEMA`].
    pub schema: String,
    /// The worker's process id.
    pub pid: u32,
}

/// The last line of a worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesDone {
    /// Attempts at scenarios that ended.
    pub attempts: u64,
}

/// One attempt at a scenario.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioSeen {
    /// Which.
    pub id: String,
    /// 1, or 2 where the first attempt did not pass.
    pub attempt: u32,
    /// What became of it.
    pub outcome: ScenarioOutcome,
    /// When it ended, in ms from the start of the worker.
    pub at_ms: u64,
    /// How long it took, in ms.
    pub took_ms: u64,
    /// How long each step took that was begun, in ms.
    pub steps_ms: Vec<u64>,
    /// Requests that it sent, oldest first; at most the last 50.
    pub requests: Vec<RequestSeen>,
}

/// What became of an attempt.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScenarioOutcome {
    /// Every step held.
    Passed,
    /// A step saw something else than it was promised.
    Broken(StepBroken),
    /// The harness or the stage could not do a step's part: nothing is known about the promise.
    Lost(StepBroken),
}

/// The step at which an attempt ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepBroken {
    /// The step as it is written.
    pub step: String,
    /// Where: `features/quota.feature:15`.
    pub place: String,
    /// What was promised.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

/// One request of a scenario.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSeen {
    /// Method and path.
    pub request: String,
    /// HTTP status; none where no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The backend's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace id that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Lines of the backend's log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioLog {
    /// Which scenario.
    pub id: String,
    /// At most 20 lines, oldest first.
    pub lines: Vec<String>,
}

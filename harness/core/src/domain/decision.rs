//! What a gate decides from the verdicts of its suites: promote, hold, or cannot tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::verdict::Breach;

/// The decision schema that this build writes.
pub const DECISION_SCHEMA: &str = "manuel-decision/1";

/// What becomes of a build.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that the policy requires was put to the test and held.
    Promote,
    /// A promise was broken.
    Hold,
    /// Nothing that counts was seen broken, and not everything required was seen to hold.
    CannotTell,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Hold => "hold",
            Self::CannotTell => "cannot tell",
        }
    }

    /// The exit code that goes with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Promote => 0,
            Self::Hold => 1,
            Self::CannotTell => 3,
        }
    }
}

/// `decision.json`. It holds no time of its own: how old it is, is how old its evidence is, and the same evidence gives
/// the same bytes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionFile {
    /// Always [`DECISION_SCHEMA`].
    pub schema: String,
    /// What becomes of the build.
    pub decision: Outcome,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// The build.
    pub commit: String,
    /// The stage.
    pub stage: String,
    /// Name of the policy.
    pub policy: String,
    /// SHA-256 of the policy's file, in hex.
    pub policy_sha256: String,
    /// SHA-256 of the bundle that ran the suites, in hex; none where they ran from the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_sha256: Option<String>,
    /// Build of the harness that decided.
    pub harness_commit: String,
    /// When the oldest run began that it rests on, RFC 3339, UTC; none without any.
    pub evidence_from: Option<String>,
    /// Until when it may be acted upon, in seconds since 1970: the oldest run's start and the policy's `max_age_s`.
    pub valid_until_unix_s: Option<i64>,
    /// Three sentences: what was judged, what was put to the test, and what follows.
    pub because: [String; 3],
    /// Requirements that were met.
    pub executed: u64,
    /// Requirements of the policy.
    pub required: u64,
    /// Each suite.
    pub suites: Vec<SuiteDecision>,
    /// What is wrong with the policy itself, such as a waiver that matches nothing; it decides nothing.
    pub findings: Vec<String>,
}

/// What a suite contributes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteDecision {
    /// Its name in the policy.
    pub name: String,
    /// What it says about the build.
    pub outcome: Outcome,
    /// Why not promote; empty where it does.
    pub reasons: Vec<Reason>,
    /// The runs, in order.
    pub runs: Vec<RunSeen>,
    /// What the policy requires of it.
    pub requirements: Vec<Requirement>,
    /// Broken promises that hold the build.
    pub breaches: Vec<Breach>,
    /// Broken promises that somebody has taken upon them.
    pub waived: Vec<Waived>,
    /// What looked wrong and holds nobody: timing on emulated services, and why a run of them was not sure of it.
    pub advisory: Vec<String>,
}

/// A run of a suite.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSeen {
    /// Its folder below the gate's.
    pub folder: String,
    /// Its run id; none where nothing came of it.
    pub run_id: Option<String>,
    /// `pass`, `fail`, `inconclusive`, or `none`.
    pub verdict: String,
    /// Its one sentence.
    pub headline: String,
}

/// Why a suite does not promote.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// `broken_promise`, `missing`, `crashed`, `over_time`, … `harness explain CODE` says more.
    pub code: String,
    /// What it means here.
    pub detail: String,
}

/// Something that must have been put to the test.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `promise isolation`, `tag @stores`, `objective query p95`.
    pub name: String,
    /// How often it was, and had to be; for an objective, whether it was decided.
    pub seen: u64,
    /// At least.
    pub at_least: u64,
    /// Whether that is enough.
    pub met: bool,
}

/// A breach and who has taken it upon them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// What was broken.
    pub breach: String,
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires: String,
}

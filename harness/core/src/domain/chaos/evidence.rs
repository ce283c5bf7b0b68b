//! What was seen of a chaos run: one JSON object a line, scenario by scenario. Times are µs from the begin of the
//! scenario's load, by the load generator's clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    evidence::{Closed, Evidence, Interrupted},
    ledger::LedgerEntry,
};

/// The schema of a chaos run's evidence: the first line says it.
pub const CHAOS_EVIDENCE_SCHEMA: &str = "manuel-chaos-evidence/1";

/// One line of evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChaosEvidence {
    /// The first line.
    Hello(Hello),
    /// A scenario begins: its stage answers, nothing was sent yet.
    Began(Began),
    /// What the faults will do to a request, known before it is sent.
    Foretold(Foretold),
    /// A fault was put on.
    Applied(Mark),
    /// A fault was taken off.
    Reverted(Mark),
    /// Something was done to the backend itself.
    Process(ProcessEvent),
    /// A request, as it ended.
    Request(RequestLine),
    /// A fault hit an attempt at a call.
    Hit(Hit),
    /// A breaker of the backend changed.
    Breaker(BreakerChange),
    /// What the load run saw beside its requests: findings, conservation, builds, deaths.
    Load(LoadLine),
    /// A scenario is over, and everything of it is above.
    Ended(Ended),
    /// The stage cannot do what a scenario needs.
    CapabilityMissing(Missing),
    /// The harness or the stage could not do its part; nothing is known of the scenario.
    Lost(Missing),
    /// The run was interrupted.
    Interrupted(Interrupted),
    /// Always the last line.
    Closed(Closed),
}

/// The first line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Always [`CHAOS_EVIDENCE_SCHEMA`].
    pub schema: String,
}

/// A scenario begins.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Began {
    /// Which.
    pub scenario: String,
    /// Commit that its backend reported.
    pub sut_commit: String,
    /// Requests that will be sent.
    pub arrivals: u64,
    /// SHA-256 of their schedule, in hex.
    pub schedule_sha256: String,
    /// Questions that a user may be charged.
    pub quota: u64,
}

/// What a fault will do to the calls of one operation of one request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Foretold {
    /// Which scenario.
    pub scenario: String,
    /// Index of the request in the schedule.
    pub ordinal: u32,
    /// Name of the fault.
    pub fault: String,
    /// `service:operation`.
    pub operation: String,
    /// The how-manieth call of it, from 1.
    pub call: u32,
    /// The first attempt that it leaves alone, from 1; none where it hits them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean_attempt: Option<u32>,
}

/// A fault was put on or taken off.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Which scenario.
    pub scenario: String,
    /// Name of the fault.
    pub fault: String,
    /// When it was asked for: it may be in force from here on (or may be gone).
    pub asked_us: u64,
    /// When it was confirmed: it is in force from here on (or is gone).
    pub done_us: u64,
}

/// Something was done to the backend itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessEvent {
    /// Which scenario.
    pub scenario: String,
    /// Name of the fault.
    pub fault: String,
    /// When.
    pub at_us: u64,
    /// What.
    pub what: ProcessStep,
}

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessStep {
    /// SIGKILL was sent.
    Killed,
    /// It answers again.
    Restarted,
    /// SIGSTOP was sent.
    Stopped,
    /// SIGCONT was sent.
    Continued,
    /// Every sandbox was thrown away.
    Evicted,
}

/// A request, as it ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// Which scenario.
    pub scenario: String,
    /// The generator's line.
    pub entry: LedgerEntry,
}

/// A fault hit an attempt at a call.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// Which scenario.
    pub scenario: String,
    /// Name of the fault.
    pub fault: String,
    /// When; before the load's begin it is 0.
    pub at_us: u64,
    /// `service:operation`.
    pub operation: String,
    /// Trace of the request; none for what no request asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The how-manieth call of the operation in the request, from 1; 0 without a request.
    pub call: u32,
    /// The how-manieth attempt at the call, from 1.
    pub attempt: u32,
    /// Whether the call had its effect nevertheless.
    pub effect: bool,
    /// What the caller got: `answered`, `cut`, `delayed`, `hung-up`.
    pub fate: String,
}

/// A breaker of the backend changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerChange {
    /// Which scenario.
    pub scenario: String,
    /// `model`, `search`, `store` …
    pub dependency: String,
    /// `open`, `half_open`, `closed`.
    pub state: String,
    /// When.
    pub at_us: u64,
}

/// A line of the load run's evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadLine {
    /// Which scenario.
    pub scenario: String,
    /// The line.
    pub line: Box<Evidence>,
}

/// A scenario is over.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Which.
    pub scenario: String,
    /// Requests above.
    pub requests: u64,
    /// Hits above.
    pub hits: u64,
    /// Faults that were still on when all had been taken off.
    pub left_on: Vec<String>,
}

/// What could not be done.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// Which scenario.
    pub scenario: String,
    /// What, and why.
    pub detail: String,
}

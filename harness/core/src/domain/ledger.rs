//! The request ledger: one line for each request that was sent, written as it ends. What must add up afterwards is added
//! up from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::kind::{AnswerClass, RequestKind};

/// One request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerEntry {
    /// Index in the schedule; from 2³¹ on for steps of journeys, which no schedule asked for.
    pub ordinal: u32,
    /// Name of the user in the plan.
    pub user: String,
    /// What was asked.
    pub kind: RequestKind,
    /// Stage of the profile that it was scheduled in.
    pub phase: String,
    /// When it was due, in µs from the start of the load.
    pub due_us: u64,
    /// When it was sent.
    pub sent_us: u64,
    /// When its answer was complete, or was given up.
    pub done_us: u64,
    /// HTTP status; 0 where there was no complete answer.
    pub status: u16,
    /// What became of it.
    pub class: AnswerClass,
    /// The code in the body of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The backend's own time, where it said so, in µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_us: Option<u64>,
    /// The backend's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Trace id that it was sent with.
    pub trace_id: String,
    /// The manual that it stored or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual_id: Option<String>,
    /// Why there was no complete answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl LedgerEntry {
    /// Whether it was answered with a success.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether nobody knows what became of it: it may have taken effect or not.
    pub fn is_indeterminate(&self) -> bool {
        self.status == 0
    }
}

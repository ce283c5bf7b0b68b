//! What was seen: one JSON object a line, in `evidence.jsonl` and on the wire between worker and runner.
//!
//! Evidence states facts and judges nothing but the class of an answer. All figures are integers: µs, counts,
//! thousandths.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::domain::{
    histogram::LatencyHistogram,
    kind::{AnswerClass, RequestKind},
    objective::Process,
    rule::Rule,
};

/// The version of this format: the first line says it, and another is refused.
pub const EVIDENCE_SCHEMA: &str = "manuel-evidence/1";

/// One line of evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// A worker is ready.
    Hello(Hello),
    /// What happened since the last tick.
    Tick(Box<Tick>),
    /// A promise that was seen broken.
    Finding(Finding),
    /// Two figures that must be equal.
    Conservation(Conservation),
    /// A sample of a process.
    Resource(Resource),
    /// A build that answered.
    Version(Version),
    /// The backend ended by itself.
    BackendDied(BackendDied),
    /// The stage ended by itself.
    StageLost(Lost),
    /// Something that the plan asked for could not be done on this stage.
    CapabilityMissing(Lost),
    /// The run was interrupted.
    Interrupted(Interrupted),
    /// A worker sent all it had to, and says how exactly.
    Done(Done),
    /// A worker ended without saying so.
    WorkerLost(Lost),
    /// The runner has seen all there was to see: always the last line.
    Closed(Closed),
}

/// The first line of a worker.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Always [`EVIDENCE_SCHEMA`].
    pub schema: String,
    /// The worker's process id.
    pub pid: u32,
    /// SHA-256 of the schedule that the worker materialised; it must be the plan's.
    pub schedule_sha256: String,
    /// Arrivals that it will send.
    pub arrivals: u64,
    /// When the load begins: µs of the Unix epoch, by this machine's clock.
    #[serde(default)]
    pub begins_unix_us: u64,
}

/// Everything that ended in an interval.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// End of the interval, in ms from the start of the load.
    pub at_ms: u64,
    /// Stage of the profile at that time.
    pub phase: String,
    /// Arrivals that were due in it.
    pub offered: u64,
    /// Requests that were sent in it.
    pub started: u64,
    /// Arrivals that were dropped in it.
    pub dropped: u64,
    /// Requests in flight at its end.
    pub in_flight: u64,
    /// How late requests were sent.
    pub lag: LatencyHistogram,
    /// What ended, by phase of its schedule, kind and class.
    pub series: Vec<Series>,
}

/// Requests of one phase, kind and class.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Stage of the profile that the request was scheduled in.
    pub phase: String,
    /// What was asked.
    pub kind: RequestKind,
    /// What became of it.
    pub class: AnswerClass,
    /// From the scheduled time to the last byte.
    pub latency: LatencyHistogram,
    /// From sending to the last byte.
    pub service: LatencyHistogram,
    /// The backend's own share, where it said so.
    pub own: LatencyHistogram,
    /// Answers from the cache.
    pub cache_hits: u64,
    /// HTTP status → how many; 0 where there was none.
    #[serde(deserialize_with = "statuses")]
    pub statuses: BTreeMap<u16, u64>,
}

/// One request that broke a promise, with the way back to it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which promise.
    pub rule: Rule,
    /// When the answer came, in ms from the start of the load.
    pub at_ms: u64,
    /// Index in the schedule.
    pub ordinal: u32,
    /// What was asked.
    pub kind: RequestKind,
    /// Who asked.
    pub user: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub seen: String,
    /// HTTP status; 0 where there was none.
    pub status: u16,
    /// The backend's request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Trace id that the request was sent with.
    pub trace_id: String,
}

/// Two figures that must be equal once everything has come to rest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conservation {
    /// The promise that says so.
    pub rule: Rule,
    /// What was compared: `charged against answered`.
    pub what: String,
    /// Whose.
    pub user: String,
    /// Least that is right.
    pub expected_min: u64,
    /// Most that is right: above the least only by requests whose fate nobody knows.
    pub expected_max: u64,
    /// What was found.
    pub seen: u64,
    /// Arrivals of this user that bear on it, for the replay.
    pub ordinals: Vec<u32>,
}

/// A sample of a process.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// When, in ms from the start of the load.
    pub at_ms: u64,
    /// Stage of the profile at that time; empty outside the load.
    pub phase: String,
    /// Whose.
    pub process: Process,
    /// Processor use since the last sample, in thousandths of a core.
    pub cpu_permille: u64,
    /// Resident memory, in KiB.
    pub rss_kib: u64,
    /// Open descriptors.
    pub fds: u64,
    /// Threads.
    pub threads: u64,
}

/// A build, by what it says in `X-Manuel-Version`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The commit.
    pub commit: String,
    /// When it was first seen, in ms from the start of the load.
    pub at_ms: u64,
    /// The arrival whose answer said so first.
    pub ordinal: u32,
}

/// The backend ended by itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendDied {
    /// When, in ms from the start of the load.
    pub at_ms: u64,
    /// `exit code 101`, `signal 9`, or `panicked` for one that went on.
    pub how: String,
    /// The last lines of its log.
    pub last_lines: Vec<String>,
}

/// Something that is gone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// What was seen last.
    pub detail: String,
}

/// When the run was interrupted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interrupted {
    /// In ms from the start of the load.
    pub at_ms: u64,
}

/// How exactly the schedule was kept.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Arrivals of the plan.
    pub planned: u64,
    /// Requests that were sent.
    pub started: u64,
    /// Requests that ended, in whatever class.
    pub completed: u64,
    /// Arrivals that were not sent.
    pub dropped: u64,
    /// From the first scheduled time to the last, in µs, over open stages.
    pub scheduled_span_us: u64,
    /// From the first sending to the last, in µs.
    pub sent_span_us: u64,
    /// Requests that no schedule asked for: steps of closed journeys.
    pub unscheduled: u64,
    /// SHA-256 of the request ledger, in hex.
    pub ledger_sha256: String,
}

/// Keys of a JSON object are text, and inside a tagged enum `serde` does not turn them back into numbers by itself.
fn statuses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u16, u64>, D::Error> {
    let by_text = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let parsed = by_text.into_iter().map(|(status, count)| {
        let number = status.parse::<u16>();
        Ok((
            number.map_err(|error| D::Error::custom(format!("status `{status}`: {error}")))?,
            count,
        ))
    });
    parsed.collect()
}

/// The end of the evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Lines before this one.
    pub lines: u64,
}

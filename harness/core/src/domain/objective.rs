//! The one grammar for objectives, in profiles and wherever else a limit is set.
//!
//! ```text
//! objective := stat metric [ "{" label "=" value { "," label "=" value } "}" ] op limit
//! stat      := p50 … p99.99 | min | max | avg | count | share | rate
//! op        := "<=" | "<" | ">=" | ">"  | "=="
//! limit     := integer [ unit ]          unit: us ms s · % permille ppm · /s · KiB MiB GiB · cpu% · (none)
//! ```
//!
//! `p95 latency{kind=query,class=ok} <= 1500ms`, `share requests{class=timeout} <= 0.1%`, `max rss{process=backend}
//! <= 128MiB`. Latency counts from the scheduled time; a failed request's latency is in no percentile unless its class
//! is asked for. Everything is an integer inside: µs, ppm, KiB, per mille of a core.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::kind::{AnswerClass, RequestKind};

use parse::parse;

pub mod parse;

/// A limit on something measured.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Objective {
    /// What is computed.
    pub stat: Stat,
    /// Of what.
    pub metric: Metric,
    /// Over which part of it.
    pub selector: Selector,
    /// Compared how.
    pub op: Op,
    /// With what, in the base unit of the metric and stat.
    pub limit: u64,
    /// As it was written.
    pub text: String,
}

/// What is computed of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stat {
    /// A percentile, in hundredths of a percent: 9 500 is p95.
    Percentile(u32),
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Mean.
    Avg,
    /// How many.
    Count,
    /// Which part of all, in ppm.
    Share,
    /// How many per second, in thousandths.
    Rate,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Metric {
    /// From the scheduled time to the last byte.
    Latency,
    /// From sending to the last byte.
    ServiceTime,
    /// The backend's own share, from `Server-Timing`.
    OwnTime,
    /// How late the generator sent.
    ScheduleLag,
    /// Requests that ended.
    Requests,
    /// Arrivals that were never sent.
    Dropped,
    /// How far the offered rate was off the schedule, in ppm.
    OfferedError,
    /// Answers from the cache.
    CacheHits,
    /// Resident memory, in KiB.
    Rss,
    /// Processor use, in thousandths of a core.
    Cpu,
    /// Open descriptors.
    Fds,
    /// Threads.
    Threads,
}

/// A comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// At most.
    Le,
    /// Less than.
    Lt,
    /// At least.
    Ge,
    /// More than.
    Gt,
    /// Exactly.
    Eq,
}

/// Which part of a metric.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selector {
    /// Only this kind.
    pub kind: Option<RequestKind>,
    /// Only this class.
    pub class: Option<AnswerClass>,
    /// Only this stage of the profile.
    pub phase: Option<String>,
    /// Of this process.
    pub process: Option<Process>,
}

/// A process whose resources are sampled.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// The system under test.
    Backend,
    /// The process that holds the emulators.
    Stage,
    /// The load generator.
    Worker,
}

/// Whether an objective is about being right or about being fast.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ObjectiveKind {
    /// Fails in every phase and outlives any cause.
    Correctness,
    /// Needs data and a generator and stage that kept up.
    Timing,
}

/// Why a text is no objective.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{problem}")]
pub struct ObjectiveError {
    /// What is wrong, and what was expected.
    pub problem: String,
    /// Where in the text, in bytes.
    pub at: usize,
    /// How many bytes are meant.
    pub len: usize,
}

impl Metric {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Latency, "latency"),
        (Self::ServiceTime, "service_time"),
        (Self::OwnTime, "own_time"),
        (Self::ScheduleLag, "schedule_lag"),
        (Self::Requests, "requests"),
        (Self::Dropped, "dropped"),
        (Self::OfferedError, "offered_error"),
        (Self::CacheHits, "cache_hits"),
        (Self::Rss, "rss"),
        (Self::Cpu, "cpu"),
        (Self::Fds, "fds"),
        (Self::Threads, "threads"),
    ];

    /// Whether it is a distribution of times.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Latency | Self::ServiceTime | Self::OwnTime | Self::ScheduleLag)
    }

    /// Whether it is sampled from a process.
    pub fn is_resource(self) -> bool {
        matches!(self, Self::Rss | Self::Cpu | Self::Fds | Self::Threads)
    }
}

impl Process {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Backend, "backend"), (Self::Stage, "stage"), (Self::Worker, "worker")];

    /// Its name in objectives and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Stage => "stage",
            Self::Worker => "worker",
        }
    }
}

impl Objective {
    /// Counts and shares of wrong answers and unexplained errors are about being right; all else is timing.
    pub fn kind(&self) -> ObjectiveKind {
        let about_being_right =
            matches!(self.selector.class, Some(AnswerClass::WrongAnswer | AnswerClass::HttpError))
                && matches!(self.stat, Stat::Count | Stat::Share);
        if about_being_right { ObjectiveKind::Correctness } else { ObjectiveKind::Timing }
    }

    /// Whether `value`, in the base unit, keeps the objective.
    pub fn holds(&self, value: u64) -> bool {
        match self.op {
            Op::Le => value <= self.limit,
            Op::Lt => value < self.limit,
            Op::Ge => value >= self.limit,
            Op::Gt => value > self.limit,
            Op::Eq => value == self.limit,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        parse(text)
    }
}

impl TryFrom<String> for Objective {
    type Error = ObjectiveError;

    fn try_from(text: String) -> Result<Self, ObjectiveError> {
        parse(&text)
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.text
    }
}

//! What is asked, and what became of it.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of one arrival.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A question that one of the user's own manuals answers.
    Query,
    /// A question that only another user's manual answers: the right answer is that the manuals do not say.
    QueryForeign,
    /// A question that no manual answers.
    QueryUnanswerable,
    /// The list of the user's manuals.
    ListManuals,
    /// Usage by day.
    Usage,
    /// What is left of the quota.
    Quota,
    /// Liveness.
    Health,
    /// A signed upload of a small manual.
    Upload,
    /// A signed deletion of a manual uploaded earlier in the run.
    Delete,
    /// The same upload once more, with the idempotency key of the first: it is the same manual.
    UploadAgain,
    /// An upload without a good signature (none, an altered one, another body's, a stale one, a used one): it must be
    /// refused.
    UnsignedUpload,
    /// A question after the quota without a good token (none, an altered one, one that nobody signed): it must be refused.
    BadToken,
    /// Reading or deleting a manual of another user: it is not there.
    ForeignManual,
    /// One of many simultaneous questions of a user who has fewer left: exactly the quota may be answered.
    QuotaBurst,
    /// A question while a dependency is out for its user: a mapped answer, nothing charged.
    DependencyOut,
    /// A sign-in (closed journeys).
    SignIn,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Query,
        Self::QueryForeign,
        Self::QueryUnanswerable,
        Self::ListManuals,
        Self::Usage,
        Self::Quota,
        Self::Health,
        Self::Upload,
        Self::Delete,
        Self::UploadAgain,
        Self::UnsignedUpload,
        Self::BadToken,
        Self::ForeignManual,
        Self::QuotaBurst,
        Self::DependencyOut,
        Self::SignIn,
    ];

    /// The name in profiles, objectives and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::QueryForeign => "query_foreign",
            Self::QueryUnanswerable => "query_unanswerable",
            Self::ListManuals => "list_manuals",
            Self::Usage => "usage",
            Self::Quota => "quota",
            Self::Health => "health",
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::UploadAgain => "upload_again",
            Self::UnsignedUpload => "unsigned_upload",
            Self::BadToken => "bad_token",
            Self::ForeignManual => "foreign_manual",
            Self::QuotaBurst => "quota_burst",
            Self::DependencyOut => "dependency_out",
            Self::SignIn => "sign_in",
        }
    }

    /// Whether a 2xx answer of this kind is charged against the quota.
    pub fn is_charged(self) -> bool {
        matches!(
            self,
            Self::Query
                | Self::QueryForeign
                | Self::QueryUnanswerable
                | Self::QuotaBurst
                | Self::DependencyOut
        )
    }

    /// Whether it is sent by a probe, whose latencies are of its own making.
    pub fn is_probe(self) -> bool {
        matches!(self, Self::QuotaBurst | Self::DependencyOut)
    }

    /// Whether a profile may give this kind a weight in its mix (the others are probes or steps of a journey).
    pub fn is_mixable(self) -> bool {
        !self.is_probe() && self != Self::SignIn
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RequestKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// What became of one arrival.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// The right answer.
    Ok,
    /// A refusal that is right here: an exhausted quota, a missing signature, a dependency that is out.
    ExpectedReject,
    /// An answer that breaks a promise about its content.
    WrongAnswer,
    /// A status that nothing in the plan explains.
    HttpError,
    /// No complete answer: refused, reset, cut off.
    Transport,
    /// No complete answer in time.
    Timeout,
    /// Never sent: the generator had no room for it.
    Dropped,
}

impl AnswerClass {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ExpectedReject,
        Self::WrongAnswer,
        Self::HttpError,
        Self::Transport,
        Self::Timeout,
        Self::Dropped,
    ];

    /// The name in objectives and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ExpectedReject => "expected_reject",
            Self::WrongAnswer => "wrong_answer",
            Self::HttpError => "http_error",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Dropped => "dropped",
        }
    }

    /// Whether there was a complete answer.
    pub fn is_answered(self) -> bool {
        !matches!(self, Self::Transport | Self::Timeout | Self::Dropped)
    }

    /// Whether the class says that something went wrong.
    pub fn is_error(self) -> bool {
        !matches!(self, Self::Ok | Self::ExpectedReject)
    }
}

impl fmt::Display for AnswerClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AnswerClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|class| class.name() == text).ok_or(())
    }
}

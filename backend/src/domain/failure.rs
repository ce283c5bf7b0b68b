//! What failed for good: nobody's request will try it again, so it goes to the dead-letter queue. Severity and the hash
//! that makes equal failures one are pure functions of the record; it holds no text but our own.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::domain::user::UserId;

/// The longest text that is taken from a message: ours are shorter.
const TEXT_CHARS_MAX: usize = 200;

/// How long the record of an error is kept after it was last seen: 30 days.
pub const KEPT_FOR_S: i64 = 30 * 24 * 60 * 60;

/// How often people are told of errors with one hash, at most.
pub const NOTICE_WINDOW_S: i64 = 60 * 60;

/// How long a claim to tell them holds: longer than telling takes, shorter than the queue hides a message.
pub const CLAIM_S: i64 = 30;

/// A failure as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed.
    pub kind: FailureKind,
    /// Which step, in our words or as the service names its call.
    pub operation: String,
    /// The hash of the user, if it was one user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_hash: Option<String>,
    /// The request or task it happened in.
    pub request_id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub occurred_at: OffsetDateTime,
    /// A short text of ours that is the same for equal failures: never the SDK's, never a user's.
    pub detail: String,
}

/// What can fail for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A manual did not get into the index.
    IngestionFailed,
    /// A reservation could not be given back; it heals by expiry.
    ReservationLeft,
    /// A call that was not answered may have been booked, and could not be taken back; nothing heals it.
    ChargeLeft,
    /// A recording could not be deleted.
    AudioLeft,
    /// A transcription job could not be deleted.
    TranscriptionLeft,
    /// The sweep found what a crash had left.
    SweepFinding,
    /// Retrieval returned passages of another user.
    ForeignPassages,
    /// A message in the queue that is not ours.
    Unreadable,
}

/// How much a failure matters; the order is that of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Heals by itself.
    Low,
    /// Worth a look.
    Medium,
    /// A promise to a user needs a person.
    High,
    /// Isolation is at stake.
    Critical,
}

/// What is known of all failures with one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    /// [`Failure::hash`]
    pub hash: String,
    /// Of the failures.
    pub kind: FailureKind,
    /// Of the failures.
    pub operation: String,
    /// Of the failures.
    pub detail: String,
    /// How many.
    pub count: u64,
    /// Unix seconds of the earliest.
    pub first_seen: i64,
    /// Unix seconds of the latest.
    pub last_seen: i64,
    /// The request of one of them, to look for in the log.
    pub sample_request_id: String,
}

impl Failure {
    /// A failure without user and request; whoever reports it adds them from the request it happened in.
    pub fn new(
        kind: FailureKind,
        operation: &'static str,
        detail: &'static str,
        occurred_at: OffsetDateTime,
    ) -> Self {
        Self {
            kind,
            operation: operation.to_owned(),
            user_hash: None,
            request_id: String::new(),
            occurred_at,
            detail: detail.to_owned(),
        }
    }

    /// The same failure, this user's.
    #[must_use]
    pub fn of_user(mut self, user: &UserId) -> Self {
        self.user_hash = Some(user.hash());
        self
    }

    /// The record in a message; none if the message is not ours.
    pub fn parse(message: &str) -> Option<Self> {
        let failure: Self = serde_json::from_str(message).ok()?;
        let short = |text: &str| text.chars().count() <= TEXT_CHARS_MAX;
        let texts = [&failure.operation, &failure.request_id, &failure.detail];
        let user_fits = failure.user_hash.as_deref().is_none_or(short);
        (user_fits && texts.into_iter().all(|text| short(text))).then_some(failure)
    }

    /// What stands for a message that is not ours. Nothing of the message is kept: it could be anybody's.
    pub fn unreadable(message_id: &str, received_at: OffsetDateTime) -> Self {
        let request_id = message_id.chars().take(TEXT_CHARS_MAX).collect();
        let detail = "a message that is not ours";
        Self { request_id, ..Self::new(FailureKind::Unreadable, "receive", detail, received_at) }
    }

    /// Equal for failures that are the same to whoever repairs them: kind, operation and detail.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.kind.as_str(), &self.operation, &self.detail] {
            hash.update(part.as_bytes());
            // No text of ours holds it, so no two records run into each other.
            hash.update([0]);
        }
        let mut hash = hex::encode(hash.finalize());
        hash.truncate(32);
        hash
    }

    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::IngestionFailed,
        Self::ReservationLeft,
        Self::ChargeLeft,
        Self::AudioLeft,
        Self::TranscriptionLeft,
        Self::SweepFinding,
        Self::ForeignPassages,
        Self::Unreadable,
    ];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IngestionFailed => "ingestion_failed",
            Self::ReservationLeft => "reservation_left",
            Self::ChargeLeft => "charge_left",
            Self::AudioLeft => "audio_left",
            Self::TranscriptionLeft => "transcription_left",
            Self::SweepFinding => "sweep_finding",
            Self::ForeignPassages => "foreign_passages",
            Self::Unreadable => "unreadable",
        }
    }

    /// The table of severities. A recording that stays is a user's voice that we promised to delete.
    pub const fn severity(self) -> Severity {
        match self {
            Self::ForeignPassages => Severity::Critical,
            Self::AudioLeft | Self::TranscriptionLeft => Severity::High,
            Self::IngestionFailed | Self::ChargeLeft | Self::Unreadable => Severity::Medium,
            Self::ReservationLeft | Self::SweepFinding => Severity::Low,
        }
    }
}

impl Severity {
    /// The word in the errors table and in notifications.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Whether a person is told at once.
    pub const fn notifies(self) -> bool {
        matches!(self, Self::Critical | Self::High)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "DeleteObject", "not deleted", datetime!(2026-11-15 12:00 UTC))
    }

    #[test]
    fn a_record_survives_its_message() {
        for kind in FailureKind::ALL {
            let sent = failure(kind).of_user(&UserId::parse("abc").unwrap());
            let message = serde_json::to_string(&sent).unwrap();
            assert!(message.contains(&format!("\"kind\":\"{}\"", kind.as_str())), "{message}");
            assert_eq!(Failure::parse(&message), Some(sent));
        }
    }

    #[test]
    fn what_is_not_ours_is_no_record() {
        let long = serde_json::to_string(&Failure {
            detail: "x".repeat(TEXT_CHARS_MAX + 1),
            ..failure(FailureKind::AudioLeft)
        });
        for message in ["", "{}", "[1]", r#"{"kind":"other"}"#, &long.unwrap()] {
            assert_eq!(Failure::parse(message), None, "{message}");
        }
        let stands_for = Failure::unreadable(&"m".repeat(500), datetime!(2026-11-15 12:00 UTC));
        assert_eq!(stands_for.severity(), Severity::Medium);
        assert_eq!(stands_for.request_id.len(), TEXT_CHARS_MAX);
    }

    #[test]
    fn the_hash_is_of_kind_operation_and_detail_only() {
        let one = failure(FailureKind::AudioLeft);
        let other = Failure {
            request_id: "r-2".into(),
            user_hash: Some("u".into()),
            occurred_at: datetime!(2027-01-01 00:00 UTC),
            ..one.clone()
        };
        assert_eq!(one.hash(), other.hash());
        assert_eq!(one.hash().len(), 32);
        assert_ne!(one.hash(), failure(FailureKind::TranscriptionLeft).hash());
        let shifted = Failure {
            operation: "DeleteObjectnot".into(),
            detail: " deleted".into(),
            ..one.clone()
        };
        assert_ne!(one.hash(), shifted.hash());
    }

    #[test]
    fn critical_and_high_notify_and_only_isolation_is_critical() {
        let with =
            |severity| FailureKind::ALL.into_iter().filter(move |kind| kind.severity() == severity);
        assert_eq!(with(Severity::Critical).collect::<Vec<_>>(), [FailureKind::ForeignPassages]);
        assert_eq!(with(Severity::High).count(), 2);
        for kind in FailureKind::ALL {
            assert_eq!(kind.severity().notifies(), kind.severity() >= Severity::High);
        }
    }
}

//! The bodies of answers, as api.md names their fields. A field we do not know is passed over; one that is missing is an
//! error with its name.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::amount::Amount;

/// `GET /health`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct HealthAnswer {
    /// Always `ok`.
    pub status: String,
    pub version: String,
    pub stage: String,
}

/// `GET /health/deep`, with 200 and with 503.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DeepHealthAnswer {
    pub status: Health,
    pub checks: Vec<DependencyCheck>,
    /// Hooks for tests that are in use; none on a deployed stage.
    pub test_hooks: Option<TestHooks>,
}

/// How the whole is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Ok,
    Degraded,
    Down,
}

/// One dependency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DependencyCheck {
    /// What it is for, no name of a resource.
    pub name: String,
    /// `ok` or `down`.
    pub status: String,
    pub latency_ms: u64,
    /// `closed`, `half_open` or `open`: whether calls pass.
    pub breaker: String,
}

/// What a test may have changed about a backend.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct TestHooks {
    /// How far its clock is ahead, in ms.
    pub clock_offset_ms: Option<i64>,
    /// Whether its outgoing connections end at a listener of the test's.
    pub egress_pinned: bool,
}

/// `GET /version`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct VersionAnswer {
    pub version: String,
    pub git_commit: String,
    /// Always `v1`.
    pub api: String,
    /// Seeded defects of a test build; a build that may be promoted has none.
    #[serde(default)]
    pub defects: Vec<String>,
}

/// `POST /api/query`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct QueryAnswer {
    pub answer: String,
    pub question: String,
    pub sources: Vec<Source>,
    pub context_used: bool,
    pub context_found: bool,
    pub cache_status: CacheStatus,
    pub usage: UsageFigures,
    pub cost: Cost,
    pub request_id: String,
    pub timestamp: String,
    pub response_time_ms: u64,
}

/// A citation.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Source {
    pub manual_id: String,
    pub manual_name: String,
    /// None where the manual has no pages.
    pub page_number: Option<u32>,
    pub chunk_text: String,
    pub score: f64,
}

/// Whether an answer came from the cache.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum CacheStatus {
    Hit,
    Miss,
}

/// Both quota counters and their limits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct UsageFigures {
    pub daily_used: u64,
    pub daily_limit: u64,
    pub monthly_used: u64,
    pub monthly_limit: u64,
}

/// What a request cost.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Cost {
    pub request_id: String,
    pub operation: String,
    pub total_cost: Amount,
    /// Always `USD`.
    pub currency: String,
    pub cost_breakdown: Vec<CostPart>,
    pub timestamp: String,
}

/// One service's part of a cost.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct CostPart {
    pub service: String,
    pub operation: String,
    pub cost: Amount,
    pub unit: String,
    pub quantity: Amount,
}

/// `POST /api/transcribe`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct TranscribeAnswer {
    pub transcription: String,
    pub usage: UsageFigures,
    pub cost: Cost,
    pub request_id: String,
}

/// `POST /api/manuals/upload`, `…/{id}/complete` and `…/download`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct UploadAnswer {
    pub manual_id: String,
    pub name: String,
    pub size: u64,
    pub sha256: String,
    pub status: String,
    /// Null where the upload joins an ingestion that has no job yet.
    #[serde(deserialize_with = "nullable")]
    pub ingestion_job_id: Option<String>,
}

/// `POST /api/manuals/upload-url`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct AnnounceAnswer {
    /// The id that the manual will have.
    pub manual_id: String,
    /// Presigned, takes one PUT of the announced file.
    pub upload_url: String,
    /// When the URL ends, RFC 3339.
    pub expires_at: String,
    /// What the PUT must send as it is: it is part of what was signed.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// `GET /api/manuals`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ManualsAnswer {
    pub manuals: Vec<ManualRow>,
    pub count: u64,
    /// None on the last page.
    pub next_cursor: Option<String>,
}

/// A manual in a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ManualRow {
    pub id: String,
    pub name: String,
    pub upload_date: String,
    pub size: u64,
    /// Null until it is known, and for text without pages.
    #[serde(deserialize_with = "nullable")]
    pub pages: Option<u64>,
    pub status: String,
}

/// `GET /api/manuals/{id}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ManualAnswer {
    #[serde(flatten)]
    pub row: ManualRow,
    /// Presigned, 15 minutes.
    pub download_url: String,
}

/// `GET /api/user/usage`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct UsageAnswer {
    #[serde(flatten)]
    pub figures: UsageFigures,
    pub days: Vec<UsageDay>,
}

/// One day's use, UTC.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct UsageDay {
    pub date: String,
    pub queries: u64,
    pub transcriptions: u64,
    pub cost: Amount,
}

/// `GET /api/user/quota`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct QuotaAnswer {
    pub daily_limit: u64,
    pub monthly_limit: u64,
    pub daily_remaining: u64,
    pub monthly_remaining: u64,
    pub resets_at: String,
}

/// `GET /api/ingestion/status`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct IngestionStatusAnswer {
    pub jobs: Vec<IngestionJobAnswer>,
}

/// `GET /api/ingestion/job/{id}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct IngestionJobAnswer {
    /// The id that the upload gave out.
    #[serde(alias = "id", alias = "ingestion_job_id")]
    pub job_id: String,
    /// What is indexed, where the answer says it.
    pub manual_id: Option<String>,
    #[serde(alias = "state")]
    pub status: JobState,
    /// Why, where it failed.
    pub reason: Option<String>,
}

/// How far an ingestion job is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Queued,
    Running,
    Complete,
    Failed,
}

/// Every refusal and failure.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct ErrorAnswer {
    /// A sentence for a person.
    pub error: String,
    /// Stable, `snake_case`.
    pub code: String,
    pub request_id: String,
    pub retryable: bool,
    /// Seconds; the same as the header.
    pub retry_after: Option<u64>,
}

/// A field that must be there and may be null (a plain `Option` may also be absent).
fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_field_is_named() {
        let row = r#"{"id":"m","name":"n","upload_date":"d","size":1,"status":"s"}"#;
        let error = serde_json::from_str::<ManualRow>(row).unwrap_err().to_string();
        assert!(error.contains("missing field `pages`"), "{error}");
        let flat = format!("{},\"pages\":3}}", row.trim_end_matches('}'));
        let error = serde_json::from_str::<ManualAnswer>(&flat).unwrap_err().to_string();
        assert!(error.contains("missing field `download_url`"), "{error}");
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        let json = r#"{"daily_limit":50,"monthly_limit":1000,"daily_remaining":49,
            "monthly_remaining":999,"resets_at":"2026-01-01T00:00:00Z","new":{"x":[1]}}"#;
        assert_eq!(serde_json::from_str::<QuotaAnswer>(json).unwrap().daily_remaining, 49);
    }

    #[test]
    fn job_states() {
        let json = r#"{"job_id":"j","status":"failed","reason":"unreadable"}"#;
        let job: IngestionJobAnswer = serde_json::from_str(json).unwrap();
        assert_eq!((job.status, job.reason.as_deref()), (JobState::Failed, Some("unreadable")));
        assert!(
            serde_json::from_str::<IngestionJobAnswer>(r#"{"job_id":"j","status":"x"}"#).is_err()
        );
    }
}

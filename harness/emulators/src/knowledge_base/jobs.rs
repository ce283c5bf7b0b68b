//! The ingestion jobs of a data source: their states, statistics and idempotency. Pure: time is an
//! argument, and what a job does is in `ingest`.
use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Jobs that are remembered; the oldest is forgotten first.
const JOBS_MAX: usize = 1000;
/// Letters and digits of a job's id.
const ID_LENGTH: usize = 10;

/// AWS's names of the states that occur here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Complete,
    Failed,
    InProgress,
    Starting,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::InProgress => "IN_PROGRESS",
            Self::Complete => "COMPLETE",
            Self::Failed => "FAILED",
        }
    }
}

/// What a job counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the service's names")]
pub(super) struct Statistics {
    pub(super) number_of_documents_scanned: u64,
    pub(super) number_of_metadata_documents_scanned: u64,
    pub(super) number_of_new_documents_indexed: u64,
    pub(super) number_of_modified_documents_indexed: u64,
    pub(super) number_of_metadata_documents_modified: u64,
    pub(super) number_of_documents_deleted: u64,
    pub(super) number_of_documents_failed: u64,
}

/// One ingestion job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) ordinal: u64,
    pub(super) status: Status,
    pub(super) statistics: Statistics,
    pub(super) started_at: OffsetDateTime,
    updated_at: OffsetDateTime,
    failure_reasons: Vec<String>,
    description: Option<String>,
    client_token: Option<String>,
}

impl Job {
    /// The members of `IngestionJobSummary`.
    pub(super) fn summary(&self, knowledge_base_id: &str, data_source_id: &str) -> Value {
        let mut summary = json!({
            "knowledgeBaseId": knowledge_base_id,
            "dataSourceId": data_source_id,
            "ingestionJobId": self.id,
            "status": self.status.name(),
            "statistics": self.statistics,
            "startedAt": date_time(self.started_at),
            "updatedAt": date_time(self.updated_at),
        });
        if let Some(description) = &self.description {
            summary["description"] = json!(description);
        }
        summary
    }

    /// The members of `IngestionJob`: the summary, and why documents failed.
    pub(super) fn details(&self, knowledge_base_id: &str, data_source_id: &str) -> Value {
        let mut details = self.summary(knowledge_base_id, data_source_id);
        if !self.failure_reasons.is_empty() {
            details["failureReasons"] = json!(self.failure_reasons);
        }
        details
    }
}

fn date_time(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// Why a job was not started: the id of the one that runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ongoing(pub(super) String);

/// What a start came to.
#[derive(Debug)]
pub(super) enum Started {
    /// A new job, to be run.
    New(Job),
    /// The job that the same client token started before.
    Known(Job),
}

/// The jobs by ordinal, oldest first.
#[derive(Debug)]
pub(super) struct Jobs {
    by_ordinal: BTreeMap<u64, Job>,
    next: u64,
}

impl Jobs {
    pub(super) fn new() -> Self {
        Self { by_ordinal: BTreeMap::new(), next: 0 }
    }

    /// Starts a job unless one runs. A client token that was seen before starts nothing.
    pub(super) fn start(
        &mut self,
        client_token: Option<String>,
        description: Option<String>,
        now: OffsetDateTime,
    ) -> Result<Started, Ongoing> {
        let known = self
            .by_ordinal
            .values()
            .find(|job| client_token.is_some() && job.client_token == client_token);
        if let Some(job) = known {
            return Ok(Started::Known(job.clone()));
        }
        let running = |job: &&Job| matches!(job.status, Status::Starting | Status::InProgress);
        if let Some(job) = self.by_ordinal.values().find(running) {
            return Err(Ongoing(job.id.clone()));
        }
        let job = Job {
            id: job_id(self.next),
            ordinal: self.next,
            status: Status::Starting,
            statistics: Statistics::default(),
            started_at: now,
            updated_at: now,
            failure_reasons: Vec::new(),
            description,
            client_token,
        };
        self.by_ordinal.insert(self.next, job.clone());
        self.next += 1;
        if self.by_ordinal.len() > JOBS_MAX {
            self.by_ordinal.pop_first();
        }
        Ok(Started::New(job))
    }

    /// Moves a job on; `reasons` say which documents failed, or why the job did.
    pub(super) fn update(
        &mut self,
        ordinal: u64,
        status: Status,
        outcome: (Statistics, Vec<String>),
        now: OffsetDateTime,
    ) {
        if let Some(job) = self.by_ordinal.get_mut(&ordinal) {
            job.status = status;
            (job.statistics, job.failure_reasons) = outcome;
            job.updated_at = now;
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Job> {
        self.by_ordinal.values().find(|job| job.id == id)
    }

    /// All jobs, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.by_ordinal.values()
    }
}

/// Ten upper-case letters and digits, different for each ordinal in practice: 50 bits of a hash.
fn job_id(ordinal: u64) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha256::digest(ordinal.to_le_bytes());
    hash.iter().take(ID_LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::{Jobs, Ongoing, Started, Statistics, Status};

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn new(started: Result<Started, Ongoing>) -> super::Job {
        let Ok(Started::New(job)) = started else { panic!("not new: {started:?}") };
        job
    }

    #[test]
    fn one_job_at_a_time() {
        let mut jobs = Jobs::new();
        let first = new(jobs.start(None, None, NOW));
        for status in [Status::Starting, Status::InProgress] {
            jobs.update(first.ordinal, status, (Statistics::default(), vec![]), NOW);
            assert_eq!(jobs.start(None, None, NOW).unwrap_err(), Ongoing(first.id.clone()));
        }
        for status in [Status::Complete, Status::Failed] {
            jobs.update(first.ordinal, status, (Statistics::default(), vec![]), NOW);
        }
        assert_ne!(new(jobs.start(None, None, NOW)).id, first.id);
    }

    #[test]
    fn a_client_token_starts_one_job_even_while_it_runs() {
        let mut jobs = Jobs::new();
        let token = || Some("t".repeat(33));
        let first = new(jobs.start(token(), None, NOW));
        let Ok(Started::Known(again)) = jobs.start(token(), None, NOW) else { panic!("not known") };
        assert_eq!(again.id, first.id);
    }
}

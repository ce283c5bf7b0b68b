//! The work for the index. The knowledge base runs one job at a time, so requests for one are collected as work items;
//! a job that is started covers all items that were waiting before it was started.

use crate::domain::user::UserId;

/// The user's view of the ingestion of one manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// A UUID of ours, not the knowledge base's id.
    pub id: String,
    /// What is indexed.
    pub manual_id: String,
    /// How far it is.
    pub state: JobState,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
}

/// `queued → running → complete | failed`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for a job of the knowledge base.
    Queued,
    /// Covered by a job that runs.
    Running,
    /// In the index.
    Complete,
    /// Not in the index, and why: a sentence for a person.
    Failed {
        /// Says nothing about our resources.
        reason: String,
    },
}

impl JobState {
    /// The word used in answers and in the item.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed { .. })
    }
}

/// How a piece of work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The index has what the bucket has.
    Complete,
    /// It has not, and why.
    Failed {
        /// Says nothing about our resources.
        reason: String,
    },
}

impl From<&Outcome> for JobState {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::Complete,
            Outcome::Failed { reason } => Self::Failed { reason: reason.clone() },
        }
    }
}

/// One thing the index must catch up with: the durable marker that a job is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The job's id; a removal has one too, though nobody sees it.
    pub id: String,
    /// Whose manual.
    pub user: UserId,
    /// Which manual.
    pub manual_id: String,
    /// What has to happen.
    pub kind: WorkKind,
    /// The knowledge base's job that covers it; none while it waits.
    pub covered_by: Option<String>,
}

/// What the index has to do with a manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkKind {
    /// Take it in.
    Index,
    /// Forget it.
    Remove,
}

impl WorkKind {
    /// The word in the item.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Remove => "remove",
        }
    }

    /// The kind for a word of [`WorkKind::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Index, Self::Remove].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What the knowledge base says of one of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexRun {
    /// Starting, running or stopping.
    Active,
    /// Done; the texts of what it could not take in, to look for manuals in, never to show.
    Complete {
        /// The knowledge base's own words.
        failure_texts: Vec<String>,
    },
    /// It failed or was stopped as a whole.
    Failed,
    /// Nobody knows it any more.
    Unknown,
}

/// What becomes of a work item when its run is seen in a state; `None` means it waits again or still.
pub fn outcome_of(work: &Work, run: &IndexRun) -> Option<Outcome> {
    match (run, work.kind) {
        (IndexRun::Active | IndexRun::Unknown, _) | (IndexRun::Failed, WorkKind::Remove) => None,
        (IndexRun::Complete { failure_texts }, WorkKind::Index) => {
            let failed = failure_texts.iter().any(|text| text.contains(&work.manual_id));
            let reason = || "the manual could not be read by the index".to_owned();
            Some(if failed { Outcome::Failed { reason: reason() } } else { Outcome::Complete })
        }
        (IndexRun::Complete { .. }, WorkKind::Remove) => Some(Outcome::Complete),
        (IndexRun::Failed, WorkKind::Index) => {
            Some(Outcome::Failed { reason: "the index could not be updated".to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(kind: WorkKind) -> Work {
        Work {
            id: "w".into(),
            user: UserId::parse("u").unwrap(),
            manual_id: "m-1".into(),
            kind,
            covered_by: Some("run".into()),
        }
    }

    #[test]
    fn a_run_decides_each_item_by_its_kind() {
        let complete = |texts: &[&str]| IndexRun::Complete {
            failure_texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let index = work(WorkKind::Index);
        assert_eq!(outcome_of(&index, &complete(&["s3://b/u/m-2.pdf"])), Some(Outcome::Complete));
        let failed = outcome_of(&index, &complete(&["ignored s3://b/u/m-1.pdf: no text"])).unwrap();
        assert!(matches!(failed, Outcome::Failed { reason } if !reason.contains("s3:")));
        assert!(matches!(outcome_of(&index, &IndexRun::Failed), Some(Outcome::Failed { .. })));

        let remove = work(WorkKind::Remove);
        assert_eq!(outcome_of(&remove, &IndexRun::Failed), None, "a removal is tried again");
        assert_eq!(outcome_of(&remove, &complete(&["m-1"])), Some(Outcome::Complete));
        for run in [IndexRun::Active, IndexRun::Unknown] {
            assert_eq!(outcome_of(&index, &run), None);
        }
    }
}

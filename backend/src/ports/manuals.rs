//! Rows of manuals, marks of deleted ones, idempotency records.

use std::fmt;

use crate::domain::ingestion::{Job, Work};
use crate::domain::manual::Manual;
use crate::domain::user::UserId;
use crate::ports::PortFuture;

/// Part of a list and where the next part starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of their ids, where nothing else is said.
    pub items: Vec<T>,
    /// The id of the last item, or the store's own mark, when there are more.
    pub next_after: Option<String>,
}

/// Rows of manuals, marks of deleted ones, and idempotency records.
pub trait ManualStore: Send + Sync + fmt::Debug {
    /// Row, job and work item in one step; a row that is there already is left as it is. A manual with a mark gets no row,
    /// however old the mark is.
    fn insert<'a>(
        &'a self,
        user: &'a UserId,
        manual: &'a Manual,
        job: &'a Job,
    ) -> PortFuture<'a, Inserted>;
    /// The row.
    fn get<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Manual>>;
    /// At most `limit` rows after the id `after`.
    fn list<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Manual>>;
    /// Row away, mark and work item in, the set's version up, in one step; a row that is away already is no error.
    fn delete<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, ()>;
    /// Mark and work item in, in one step, unless there is a row: what was stored for this id never becomes a manual.
    /// Whether it is so.
    fn abandon<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, bool>;
    /// The row says that the manual has failed; a row that is away already is no error.
    fn mark_failed<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, ()>;
    /// Which of these manuals are marked as deleted; `now` in Unix seconds judges a mark's age, none takes any mark.
    fn deleted<'a>(
        &'a self,
        user: &'a UserId,
        ids: &'a [String],
        now: Option<i64>,
    ) -> PortFuture<'a, Vec<String>>;
    /// The version of the user's set of manuals: it goes up with [`ManualStore::delete`] and with
    /// [`IngestionStore::manuals_changed`](crate::ports::IngestionStore::manuals_changed); zero before the first change.
    fn set_version<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, u64>;
    /// Claims an idempotency key, or gives what it was claimed for.
    fn claim<'a>(
        &'a self,
        user: &'a UserId,
        claim: &'a IdempotencyRecord,
        now: i64,
    ) -> PortFuture<'a, Claim>;
}

/// What an `Idempotency-Key` stands for. Everything in an answer follows from it and the body, so no answer is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Hex SHA-256 of the key.
    pub key_hash: String,
    /// Hex SHA-256 of the body.
    pub body_hash: String,
    /// The manual that the first call made or was about to make.
    pub manual_id: String,
    /// Its job.
    pub job_id: String,
    /// Unix seconds after which the key is free again.
    pub expires_at: i64,
}

/// Whether an idempotency key was free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours now.
    New,
    /// It was claimed before, for this.
    Known(IdempotencyRecord),
}

/// Whether a manual has a row after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It has: written now, or by an earlier call with the same ids.
    There,
    /// It was deleted in the meantime: nothing was written.
    Deleted,
}

//! Jobs, work for the index, and runs of the knowledge base.

use std::fmt;

use time::OffsetDateTime;

use crate::domain::ingestion::{IndexRun, Job, Outcome, Work};
use crate::domain::user::UserId;
use crate::ports::{Page, PortFuture};

/// Ingestion jobs as users see them, and the work that waits for the index.
pub trait IngestionStore: Send + Sync + fmt::Debug {
    /// One of the user's jobs.
    fn job<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Job>>;
    /// At most `limit` of the user's jobs after the id `after`.
    fn jobs<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Job>>;
    /// Leaves work that belongs to no row: something for the index to forget.
    fn leave<'a>(&'a self, work: &'a Work) -> PortFuture<'a, ()>;
    /// All work that is not finished, oldest key first, up to a bound.
    fn open_work(&self) -> PortFuture<'_, Vec<Work>>;
    /// Work and job are covered by a run of the knowledge base; with none they wait again. Only while the stored work is
    /// covered as `work` says, so that who is late overwrites nobody; whether it was.
    fn cover<'a>(
        &'a self,
        work: &'a Work,
        run: Option<&'a str>,
        now: OffsetDateTime,
    ) -> PortFuture<'a, bool>;
    /// The index holds another set of the user's manuals than before: the set's version goes up.
    fn manuals_changed<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, ()>;
    /// Work away, job and manual at their final state; work that is away already, or covered otherwise than `work` says,
    /// is left and no error.
    fn finish<'a>(
        &'a self,
        work: &'a Work,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> PortFuture<'a, ()>;
}

/// Whether the knowledge base took a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It did, under this id.
    Run(String),
    /// Another run is going on.
    Busy,
}

/// Ingestion runs of the knowledge base: one at a time.
pub trait Indexer: Send + Sync + fmt::Debug {
    /// Starts a run; `token` has at least 33 characters and names the attempt.
    fn start<'a>(&'a self, token: &'a str) -> PortFuture<'a, Started>;
    /// How a run is.
    fn run<'a>(&'a self, id: &'a str) -> PortFuture<'a, IndexRun>;
}

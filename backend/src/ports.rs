//! What the use cases need from the world, in their own words. Adapters are in `aws` (and in `memory` for tests); a port
//! never decides what a client is told.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use time::OffsetDateTime;

use crate::domain::cost::TokenUse;
use crate::domain::document::{DocumentType, NotADocument};
use crate::domain::ingestion::{IndexRun, Job, Outcome, Work};
use crate::domain::manual::Manual;
use crate::domain::prompt::Passage;
use crate::domain::quota::{Charge, Period, QuotaLimits, Reservation, UsageSnapshot};
use crate::domain::user::UserId;

/// What a port's call gives.
pub type PortFuture<'a, T> = BoxFuture<'a, Result<T, PortError>>;

/// What is behind a port; clients see only these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// Tables.
    Store,
    /// Objects.
    Files,
    /// Retrieval from the knowledge base.
    Search,
    /// The language model.
    Model,
    /// Ingestion into the knowledge base.
    Index,
    /// The store of secrets.
    Secrets,
    /// The keys that sign tokens.
    Identity,
    /// The process that reads documents.
    Reader,
}

/// Why a dependency did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortErrorKind {
    /// Out, refusing us, or too slow.
    Unavailable,
    /// Asks us to slow down.
    Throttled,
    /// Another writer was at the same items: trying again is right.
    Conflict,
    /// It answered what it must not answer.
    Corrupt,
}

/// A failed call of a port.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {kind:?}")]
pub struct PortError {
    /// Which dependency.
    pub dependency: Dependency,
    /// Which call, as the service names it.
    pub operation: &'static str,
    /// Why.
    pub kind: PortErrorKind,
    /// What the adapter saw; for the log only.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// A failure without a cause below it.
    pub fn new(dependency: Dependency, operation: &'static str, kind: PortErrorKind) -> Self {
        Self { dependency, operation, kind, source: None }
    }
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Both counters moved.
    Done,
    /// Neither moved: this one is full.
    Full(Period),
}

/// Whether a reservation was still there to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was, and it is settled now.
    Now,
    /// It was not: settled before, expired and given back, or never made.
    NotThere,
}

/// The counters. Every method is one atomic step or one read.
pub trait QuotaStore: Send + Sync + fmt::Debug {
    /// Moves both counters and notes the reservation, or does nothing.
    fn reserve<'a>(
        &'a self,
        held: &'a Reservation,
        limits: QuotaLimits,
    ) -> PortFuture<'a, Reserved>;
    /// The call was answered: books it on its day and leaves a receipt for [`QuotaStore::take_back`].
    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled>;
    /// The call was not answered: both counters go back.
    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled>;
    /// The call was booked but could not be answered after all: undoes [`QuotaStore::keep`] by its receipt.
    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled>;
    /// The counters from `first_day` to `now` and the open reservations, in one consistent read.
    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot>;
    /// Whether the store answers.
    fn probe(&self) -> PortFuture<'_, ()>;
}

/// Part of a list and where the next part starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of their ids.
    pub items: Vec<T>,
    /// The id of the last item, when there are more.
    pub next_after: Option<String>,
}

/// Rows of manuals, marks of deleted ones, and idempotency records.
pub trait ManualStore: Send + Sync + fmt::Debug {
    /// Row, job and work item in one step; a row that is there already is left as it is.
    fn insert<'a>(
        &'a self,
        user: &'a UserId,
        manual: &'a Manual,
        job: &'a Job,
    ) -> PortFuture<'a, ()>;
    /// The row.
    fn get<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Manual>>;
    /// At most `limit` rows after the id `after`.
    fn list<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Manual>>;
    /// Row away, mark and work item in, in one step; a row that is away already is no error.
    fn delete<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, ()>;
    /// Which of these manuals are marked as deleted; `now` in Unix seconds judges a mark's age, none takes any mark.
    fn deleted<'a>(
        &'a self,
        user: &'a UserId,
        ids: &'a [String],
        now: Option<i64>,
    ) -> PortFuture<'a, Vec<String>>;
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
    /// All work that is not finished, oldest key first, up to a bound.
    fn open_work(&self) -> PortFuture<'_, Vec<Work>>;
    /// Work and job are covered by a run of the knowledge base; with none they wait again.
    fn cover<'a>(
        &'a self,
        work: &'a Work,
        run: Option<&'a str>,
        now: OffsetDateTime,
    ) -> PortFuture<'a, ()>;
    /// Work away, job and manual at their final state; work that is away already is no error.
    fn finish<'a>(
        &'a self,
        work: &'a Work,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> PortFuture<'a, ()>;
}

/// The memory of signatures that were used.
pub trait ReplayStore: Send + Sync + fmt::Debug {
    /// Notes it until `expires_at`; `false` if it was noted before.
    fn remember<'a>(&'a self, id: &'a str, now: i64, expires_at: i64) -> PortFuture<'a, bool>;
}

/// Objects of manuals.
pub trait FileStore: Send + Sync + fmt::Debug {
    /// Writes an object; writing it again is no error.
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()>;
    /// Removes an object; one that is away already is no error.
    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()>;
    /// A URL that reads the object from `start` on for `valid`; no call is made.
    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String>;
    /// Whether the store answers.
    fn probe(&self) -> PortFuture<'_, ()>;
}

/// Reading what was uploaded. The bytes are a stranger's: whatever they are, reading them has a bound in time and memory
/// and ends in an answer.
pub trait DocumentReader: Send + Sync + fmt::Debug {
    /// The number of pages, or why the bytes are no such document. A port's error says that nobody could look.
    fn pages(
        &self,
        document: DocumentType,
        bytes: Bytes,
    ) -> PortFuture<'_, Result<u32, NotADocument>>;
}

/// Retrieval.
pub trait Search: Send + Sync + fmt::Debug {
    /// The passages that fit best, of this user's manuals only.
    fn retrieve<'a>(
        &'a self,
        user: &'a UserId,
        question: &'a str,
        results: u32,
    ) -> PortFuture<'a, Vec<Passage>>;
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// The text.
    pub text: String,
    /// What it used.
    pub tokens: TokenUse,
}

/// The language model.
pub trait Model: Send + Sync + fmt::Debug {
    /// One answer to one message.
    fn converse<'a>(&'a self, system: &'a str, message: &'a str) -> PortFuture<'a, ModelAnswer>;
    /// The model's id, for prices.
    fn id(&self) -> &str;
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

/// The key that calls are signed with.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The secret's bytes; none when there is no such secret.
    fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>>;
}

/// One public key of the user pool: RSA, base64url components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key's id.
    pub kid: String,
    /// Modulus.
    pub n: String,
    /// Exponent.
    pub e: String,
}

/// The user pool's public keys.
pub trait JwksSource: Send + Sync + fmt::Debug {
    /// All RSA signing keys.
    fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>>;
}

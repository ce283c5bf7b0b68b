//! What the use cases need from the world, in their own words. Adapters are in `aws` (and in `memory` for tests); a port
//! never decides what a client is told.

use std::time::Duration;

use futures::future::BoxFuture;

mod answering;
mod auth;
mod cache;
mod failures;
mod files;
mod ingestion;
mod manuals;
mod pending;
mod probes;
mod quota;
mod rate_limit;
mod speech;
mod web;

pub use answering::{Model, ModelAnswer, Search};
pub use auth::{JwksSource, PublicKey, ReplayStore, SecretSource};
pub use cache::AnswerCache;
pub use failures::{Alerts, ErrorStore, FailureQueue, FailureSource, Notice, Received};
pub use files::{
    DocumentReader, FileStore, Listing, ObjectFacts, Parts, PresignedPut, PromisedObject,
};
pub use ingestion::{Indexer, IngestionStore, Started};
pub use manuals::{Claim, IdempotencyRecord, Inserted, ManualStore, Page};
pub use pending::PendingStore;
pub use probes::{Probed, Probes};
pub use quota::{QuotaStore, Reserved, Settled};
pub use rate_limit::{RateLimitStore, SlotRequest};
pub use speech::{DeletedJob, ListedJob, SpeechJob, Transcriber, Transcription};
pub use web::{Web, WebAnswer, WebError, WebFuture};

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
    /// Speech to text.
    Transcriber,
    /// The queue of what failed for good.
    Queue,
    /// Notifications to people.
    Alerts,
}

impl Dependency {
    /// The word in health checks, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Files => "files",
            Self::Search => "search",
            Self::Model => "model",
            Self::Index => "index",
            Self::Secrets => "secrets",
            Self::Identity => "identity",
            Self::Reader => "reader",
            Self::Transcriber => "transcription",
            Self::Queue => "queue",
            Self::Alerts => "alerts",
        }
    }

    /// What one attempt of a call may take.
    pub const fn attempt_within(self) -> Duration {
        match self {
            Self::Search => Duration::from_secs(3),
            Self::Model => Duration::from_secs(20),
            Self::Store
            | Self::Files
            | Self::Index
            | Self::Secrets
            | Self::Identity
            | Self::Reader
            | Self::Transcriber
            | Self::Queue
            | Self::Alerts => Duration::from_secs(2),
        }
    }
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

    /// The same failure for another who waited for the same call; what the adapter saw stays with the first.
    #[must_use]
    pub fn shared(&self) -> Self {
        let source = self.circuit_open().map(|open| (*open).into());
        Self { source, ..Self::new(self.dependency, self.operation, self.kind) }
    }

    /// Whether the call may have had an effect: a breaker that refuses a call does so before it begins.
    pub fn was_begun(&self) -> bool {
        self.circuit_open().is_none()
    }

    /// Seconds after which another call is let through, if a breaker refused this one: 1 to 60.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.circuit_open().map(|open| open.retry_after_s)
    }

    fn circuit_open(&self) -> Option<&CircuitOpen> {
        self.source.as_ref().and_then(|source| source.downcast_ref())
    }
}

/// A breaker refused the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is open for {retry_after_s} s")]
pub struct CircuitOpen {
    retry_after_s: u64,
}

impl CircuitOpen {
    /// One that stays open for `left`.
    pub fn after(left: Duration) -> Self {
        let whole = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
        Self { retry_after_s: whole.clamp(1, 60) }
    }
}

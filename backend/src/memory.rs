//! In-memory ports for tests: the same atomic steps as the tables, and switches that make a port fail or hang. Nothing
//! but tests makes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ports::{Dependency, PortError, PortErrorKind};
use crate::state::Ports;

pub mod answers;
pub mod failures;
pub mod files;
pub mod outside;
pub mod pending;
pub mod probes;
pub mod quota;
pub mod rate_limit;
pub mod recordings;
pub mod rows;
pub mod speech;
pub mod web;

use answers::MemoryAnswers;
use failures::{MemoryAlerts, MemoryErrors, MemoryFailures};
use files::{MemoryDocuments, MemoryFiles};
use outside::{MemoryIndexer, MemoryJwks, MemoryModel, MemorySearch, MemorySecret};
use pending::MemoryPending;
use probes::MemoryProbes;
use quota::MemoryQuota;
use rate_limit::MemoryRateLimit;
use rows::MemoryRows;
use speech::MemoryTranscriber;
use web::MemoryWeb;

/// All ports of one world; keep it to look at what the application did.
#[derive(Debug, Default, Clone)]
pub struct MemoryWorld {
    /// Counters.
    pub quota: Arc<MemoryQuota>,
    /// Rows, jobs, work, idempotency records, used signatures.
    pub rows: Arc<MemoryRows>,
    /// Uploads that were announced.
    pub pending: Arc<MemoryPending>,
    /// Slots of rate limits.
    pub rate_limit: Arc<MemoryRateLimit>,
    /// Objects.
    pub files: Arc<MemoryFiles>,
    /// Speech to text, and the bucket of recordings and transcripts.
    pub transcriber: Arc<MemoryTranscriber>,
    /// Reading of what was uploaded.
    pub documents: Arc<MemoryDocuments>,
    /// The internet.
    pub web: Arc<MemoryWeb>,
    /// Retrieval: what was put in is what is found.
    pub search: Arc<MemorySearch>,
    /// A model with one answer.
    pub model: Arc<MemoryModel>,
    /// Answers that were given before.
    pub answers: Arc<MemoryAnswers>,
    /// Ingestion runs that end when told.
    pub indexer: Arc<MemoryIndexer>,
    /// The signing key.
    pub secret: Arc<MemorySecret>,
    /// The user pool's keys.
    pub jwks: Arc<MemoryJwks>,
    /// The dead-letter queue.
    pub failures: Arc<MemoryFailures>,
    /// The errors table.
    pub errors: Arc<MemoryErrors>,
    /// Notifications to people.
    pub alerts: Arc<MemoryAlerts>,
}

impl MemoryWorld {
    /// The ports of this world.
    pub fn ports(&self) -> Ports {
        Ports {
            quota: self.quota.clone(),
            manuals: self.rows.clone(),
            pending: self.pending.clone(),
            ingestion: self.rows.clone(),
            replay: self.rows.clone(),
            rate_limit: self.rate_limit.clone(),
            files: self.files.clone(),
            audio: self.transcriber.audio.clone(),
            transcriber: self.transcriber.clone(),
            documents: self.documents.clone(),
            web: self.web.clone(),
            search: self.search.clone(),
            model: self.model.clone(),
            answers: self.answers.clone(),
            indexer: self.indexer.clone(),
            secret: self.secret.clone(),
            jwks: self.jwks.clone(),
            failures: self.failures.clone(),
            failure_source: self.failures.clone(),
            errors: self.errors.clone(),
            alerts: self.alerts.clone(),
            probes: Arc::new(MemoryProbes {
                secret: self.secret.clone(),
                transcriber: self.transcriber.clone(),
                failures: self.failures.clone(),
                alerts: self.alerts.clone(),
            }),
        }
    }
}

/// How a port misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Every call fails, without effect.
    Fails(PortErrorKind),
    /// Every call has its effect and then fails: a lost reply.
    LosesReplies,
    /// No call ever ends.
    Hangs,
}

/// The switch of one port.
#[derive(Debug, Default)]
pub struct Switch {
    trouble: Mutex<Option<Trouble>>,
    /// Calls before the one that is held.
    before_held: Mutex<Option<u32>>,
    held: Notify,
    released: Notify,
}

impl Switch {
    /// From now on.
    pub fn set(&self, trouble: Option<Trouble>) {
        *locked(&self.trouble) = trouble;
    }

    /// Holds one call, the one after `others` further calls, before its effect: until it is released, or dropped as in
    /// a process that was killed there. Calls before and after it pass.
    pub fn hold(&self, others: u32) {
        *locked(&self.before_held) = Some(others);
    }

    /// Waits until that call has come.
    pub async fn held(&self) {
        self.held.notified().await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.released.notify_one();
    }

    /// Forgets about holding; `true` if the call never came.
    pub fn unhold(&self) -> bool {
        locked(&self.before_held).take().is_some()
    }

    async fn gate(&self) {
        let here = {
            let mut before = locked(&self.before_held);
            let here = *before == Some(0);
            *before = before.and_then(|others| others.checked_sub(1));
            here
        };
        if here {
            self.held.notify_one();
            self.released.notified().await;
        }
    }

    /// Stands before the effect of a call; also lets other tasks in between, as a network would.
    async fn before(&self, dependency: Dependency) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.gate().await;
        let trouble = *locked(&self.trouble);
        match trouble {
            Some(Trouble::Fails(kind)) => Err(failure(dependency, kind)),
            Some(Trouble::Hangs) => std::future::pending().await,
            Some(Trouble::LosesReplies) | None => Ok(()),
        }
    }

    /// Stands after the effect of a call.
    async fn after(&self, dependency: Dependency) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        let lost = *locked(&self.trouble) == Some(Trouble::LosesReplies);
        if lost { Err(failure(dependency, PortErrorKind::Unavailable)) } else { Ok(()) }
    }
}

/// The cause names a resource, as real ones do, so that tests can see that no body repeats it.
fn failure(dependency: Dependency, kind: PortErrorKind) -> PortError {
    let cause = "User is not authorized on arn:aws:dynamodb:eu-west-1:123456789012:table/secret";
    PortError { dependency, operation: "memory", kind, source: Some(cause.into()) }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

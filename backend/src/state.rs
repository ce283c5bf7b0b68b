//! Everything a request can reach: configuration, ports and the few things with a memory (keys, reservations in flight).

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::app::bulkhead::Bulkhead;
use crate::app::failures::Failures;
use crate::app::health::LastPicture;
use crate::app::indexing::Indexing;
use crate::app::quota::QuotaKeeper;
use crate::app::rate_limit::RateLimiter;
use crate::auth::jwks::KeyCache;
use crate::auth::signing_key::SigningKey;
use crate::clock::Clock;
use crate::config::Config;
use crate::guard::{Breakers, guarded};
use crate::ports::{
    Alerts, AnswerCache, DocumentReader, ErrorStore, FailureQueue, FailureSource, FileStore,
    Indexer, IngestionStore, JwksSource, ManualStore, Model, PendingStore, Probes, QuotaStore,
    RateLimitStore, ReplayStore, Search, SecretSource, Transcriber, Web,
};

/// The adapters behind the ports.
#[derive(Debug, Clone)]
pub struct Ports {
    /// Counters.
    pub quota: Arc<dyn QuotaStore>,
    /// Rows of manuals.
    pub manuals: Arc<dyn ManualStore>,
    /// Uploads that were announced.
    pub pending: Arc<dyn PendingStore>,
    /// Jobs and work for the index.
    pub ingestion: Arc<dyn IngestionStore>,
    /// Used signatures.
    pub replay: Arc<dyn ReplayStore>,
    /// Slots of rate limits.
    pub rate_limit: Arc<dyn RateLimitStore>,
    /// Objects.
    pub files: Arc<dyn FileStore>,
    /// Recordings and transcripts, for as long as a request needs them.
    pub audio: Arc<dyn FileStore>,
    /// Speech to text.
    pub transcriber: Arc<dyn Transcriber>,
    /// Reading of what was uploaded.
    pub documents: Arc<dyn DocumentReader>,
    /// The internet, for manuals by URL.
    pub web: Arc<dyn Web>,
    /// Retrieval.
    pub search: Arc<dyn Search>,
    /// The language model.
    pub model: Arc<dyn Model>,
    /// Answers that were given before.
    pub answers: Arc<dyn AnswerCache>,
    /// Runs of the knowledge base.
    pub indexer: Arc<dyn Indexer>,
    /// The signing key's secret.
    pub secret: Arc<dyn SecretSource>,
    /// The user pool's keys.
    pub jwks: Arc<dyn JwksSource>,
    /// What failed for good.
    pub failures: Arc<dyn FailureQueue>,
    /// The same queue, to be emptied.
    pub failure_source: Arc<dyn FailureSource>,
    /// Errors that were seen.
    pub errors: Arc<dyn ErrorStore>,
    /// Notifications to people.
    pub alerts: Arc<dyn Alerts>,
    /// Questions of deep health.
    pub probes: Arc<dyn Probes>,
}

/// The application; clones share everything.
#[derive(Debug, Clone)]
pub struct App {
    /// Checked configuration.
    pub config: Arc<Config>,
    /// Wall time.
    pub clock: Clock,
    /// The world, behind breakers. Shared: a layer of the router clones the application for each request.
    pub ports: Arc<Ports>,
    /// The breakers.
    pub breakers: Breakers,
    /// What deep health saw last.
    pub last_picture: LastPicture,
    /// What failed for good, on its way to the queue.
    pub failures: Failures,
    /// Reservations.
    pub quota: QuotaKeeper,
    /// Calls per user and per address.
    pub rate_limiter: RateLimiter,
    /// Public keys of the user pool.
    pub keys: Arc<KeyCache>,
    /// The signing key.
    pub signing_key: Arc<SigningKey>,
    /// The pump between uploads and the knowledge base.
    pub indexing: Arc<Indexing>,
    /// Places for recordings.
    pub voice: Arc<Bulkhead>,
    /// Work that outlives its request: giving back what a dropped request had reserved.
    pub tasks: TaskTracker,
}

impl App {
    /// Puts the application together; no I/O.
    pub fn new(config: Config, clock: Clock, ports: Ports) -> Self {
        let (ports, breakers) = guarded(ports, config.stage.as_str(), &clock);
        let tasks = TaskTracker::new();
        let failures = Failures::new(Arc::clone(&ports.failures), tasks.clone());
        let limits = config.quota;
        let quota =
            QuotaKeeper::new(Arc::clone(&ports.quota), clock.clone(), limits, failures.clone());
        let rate_limiter =
            RateLimiter::new(Arc::clone(&ports.rate_limit), clock.clone(), config.rate_limit);
        let keys = Arc::new(KeyCache::new(Arc::clone(&ports.jwks)));
        let signing_key = Arc::new(SigningKey::new(Arc::clone(&ports.secret)));
        let indexing = Arc::new(Indexing::new(
            Arc::clone(&ports.ingestion),
            Arc::clone(&ports.indexer),
            clock.clone(),
            failures.clone(),
            config.stage.as_str(),
        ));
        let voice = Arc::new(Bulkhead::new(config.voice.concurrency));
        Self {
            config: Arc::new(config),
            clock,
            ports: Arc::new(ports),
            breakers,
            last_picture: LastPicture::default(),
            failures,
            quota,
            rate_limiter,
            keys,
            signing_key,
            indexing,
            voice,
            tasks,
        }
    }
}

//! The one place where breakers are put before the ports: adapters and use cases know nothing of them. Here, too, calls
//! of the model and of retrieval are measured.
//!
//! Each dependency has a breaker, and of the store each table has its own: a table that is throttled must not take with
//! it what does not need it. Not guarded are the reader of documents and the memory of answers (they are this machine's)
//! and the signing of URLs (no call).
//!
//! What ends something that was begun passes an open breaker: keeping and giving back a reservation, deleting a recording
//! and its job. "Given back on any other answer" has no exception for bad times; there are no more such calls than there
//! were requests in flight when the breaker opened, because a reservation that the breaker refuses is never made; and
//! what even so does not succeed heals by expiry and the sweep.

use std::sync::Arc;

use crate::breaker::{Breaker, State};
use crate::clock::Clock;
use crate::ports::{Dependency, PortFuture};
use crate::state::Ports;

mod failures;
mod services;
mod stores;

/// The breakers of one process.
#[derive(Debug, Clone)]
pub struct Breakers {
    usage: Arc<Breaker>,
    rows: Arc<Breaker>,
    limits: Arc<Breaker>,
    errors: Arc<Breaker>,
    files: Arc<Breaker>,
    search: Arc<Breaker>,
    model: Arc<Breaker>,
    index: Arc<Breaker>,
    secrets: Arc<Breaker>,
    identity: Arc<Breaker>,
    transcriber: Arc<Breaker>,
    queue: Arc<Breaker>,
    alerts: Arc<Breaker>,
}

impl Breakers {
    fn new(stage: &'static str, clock: &Clock) -> Self {
        let breaker = |of| Arc::new(Breaker::new(of, stage, clock.clone()));
        Self {
            usage: breaker(Dependency::Store),
            rows: breaker(Dependency::Store),
            limits: breaker(Dependency::Store),
            errors: breaker(Dependency::Store),
            files: breaker(Dependency::Files),
            search: breaker(Dependency::Search),
            model: breaker(Dependency::Model),
            index: breaker(Dependency::Index),
            secrets: breaker(Dependency::Secrets),
            identity: breaker(Dependency::Identity),
            transcriber: breaker(Dependency::Transcriber),
            queue: breaker(Dependency::Queue),
            alerts: breaker(Dependency::Alerts),
        }
    }

    /// The state of a dependency: of several breakers the worst. What has none is always closed.
    pub fn state(&self, dependency: Dependency) -> State {
        let states = self.of(dependency).into_iter().map(Breaker::state);
        states.max().unwrap_or(State::Closed)
    }

    /// Whether the last call that told anything of the dependency was a bad one.
    pub fn last_was_bad(&self, dependency: Dependency) -> bool {
        self.of(dependency).into_iter().any(Breaker::last_was_bad)
    }

    fn of(&self, dependency: Dependency) -> Vec<&Breaker> {
        match dependency {
            Dependency::Store => vec![&self.usage, &self.rows, &self.limits, &self.errors],
            Dependency::Files => vec![&self.files],
            Dependency::Search => vec![&self.search],
            Dependency::Model => vec![&self.model],
            Dependency::Index => vec![&self.index],
            Dependency::Secrets => vec![&self.secrets],
            Dependency::Identity => vec![&self.identity],
            Dependency::Transcriber => vec![&self.transcriber],
            Dependency::Queue => vec![&self.queue],
            Dependency::Alerts => vec![&self.alerts],
            Dependency::Reader => Vec::new(),
        }
    }
}

/// The same ports behind new breakers.
pub fn guarded(ports: Ports, stage: &'static str, clock: &Clock) -> (Ports, Breakers) {
    let breakers = Breakers::new(stage, clock);
    let guarded = Ports {
        quota: guard(ports.quota, &breakers.usage),
        manuals: guard(ports.manuals, &breakers.rows),
        pending: guard(ports.pending, &breakers.rows),
        ingestion: guard(ports.ingestion, &breakers.rows),
        replay: guard(ports.replay, &breakers.limits),
        rate_limit: guard(ports.rate_limit, &breakers.limits),
        files: guard(ports.files, &breakers.files),
        audio: Arc::new(Guarded {
            deletes_always: true,
            ..Guarded::new(ports.audio, &breakers.files)
        }),
        transcriber: guard(ports.transcriber, &breakers.transcriber),
        search: guard(ports.search, &breakers.search),
        model: guard(ports.model, &breakers.model),
        indexer: guard(ports.indexer, &breakers.index),
        secret: guard(ports.secret, &breakers.secrets),
        jwks: guard(ports.jwks, &breakers.identity),
        failures: guard(ports.failures, &breakers.queue),
        failure_source: guard(ports.failure_source, &breakers.queue),
        errors: guard(ports.errors, &breakers.errors),
        alerts: guard(ports.alerts, &breakers.alerts),
        probes: Arc::new(services::GuardedProbes {
            probes: ports.probes,
            breakers: breakers.clone(),
        }),
        documents: ports.documents,
        web: ports.web,
        answers: ports.answers,
    };
    (guarded, breakers)
}

fn guard<P: ?Sized>(port: Arc<P>, breaker: &Arc<Breaker>) -> Arc<Guarded<P>> {
    Arc::new(Guarded::new(port, breaker))
}

/// A port behind a breaker; each trait of a port is implemented for it.
#[derive(Debug)]
struct Guarded<P: ?Sized> {
    breaker: Arc<Breaker>,
    deletes_always: bool,
    port: Arc<P>,
}

impl<P: ?Sized> Guarded<P> {
    fn new(port: Arc<P>, breaker: &Arc<Breaker>) -> Self {
        Self { breaker: Arc::clone(breaker), deletes_always: false, port }
    }

    /// Makes the call if the breaker lets it.
    fn call<'a, T: Send + 'a>(
        &'a self,
        operation: &'static str,
        call: PortFuture<'a, T>,
    ) -> PortFuture<'a, T> {
        Box::pin(self.breaker.call(operation, call))
    }

    /// Makes the call, whatever the breaker says: it ends what was begun.
    fn settle<'a, T: Send + 'a>(&'a self, call: PortFuture<'a, T>) -> PortFuture<'a, T> {
        Box::pin(self.breaker.settle(call))
    }
}

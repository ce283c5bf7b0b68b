//! The deep look at the dependencies: all are asked at once, none for longer than two seconds.
//!
//! The questions are cheap calls that change nothing. Retrieval, the model and ingestion have none that is free: of them it
//! says what their last calls told their breakers, and makes no call. Every question passes its dependency's breaker, so
//! an open one answers at once and a half-open one is tried. However many ask, there is one round at a time, and its
//! picture is kept for a second: asking about health must not be what makes it bad.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::breaker::State;
use crate::clock;
use crate::context::Deadline;
use crate::defects::{self, Defect};
use crate::ports::{Dependency, PortFuture, Probed};
use crate::state::App;

/// Bound of one check.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// How long a picture is shown again.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was asked; no name of a resource.
    pub name: &'static str,
    /// Whether it answered in time; for what cannot be asked, whether its breaker is closed.
    pub answered: bool,
    /// How long it took.
    pub latency: Duration,
    /// Its breaker after that.
    pub breaker: State,
}

/// How the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Everything answers.
    Ok,
    /// Something that not every request needs is out.
    Degraded,
    /// No request can be served.
    Down,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The sum of it.
    pub health: Health,
    /// The parts.
    pub checks: Vec<Check>,
}

/// The picture taken last, and the right to take the next one.
#[derive(Debug, Clone, Default)]
pub struct LastPicture(Arc<Mutex<Option<(Instant, Picture)>>>);

/// The picture: one that is younger than a second, or a new one.
pub async fn deep(app: &App) -> Picture {
    let mut last = app.last_picture.0.lock().await;
    let now = app.clock.monotonic();
    if let Some((at, picture)) = last.as_ref()
        && now.saturating_duration_since(*at) < KEPT_FOR
    {
        return picture.clone();
    }
    let picture = look(app).await;
    *last = Some((app.clock.monotonic(), picture.clone()));
    picture
}

async fn look(app: &App) -> Picture {
    let ports = &app.ports;
    let (store, files, identity, secrets, transcriber, queue, alerts) = tokio::join!(
        ask(app, Dependency::Store, answered(ports.quota.probe())),
        ask(app, Dependency::Files, answered(ports.files.probe())),
        ask(
            app,
            Dependency::Identity,
            Box::pin(async { ports.jwks.fetch().await.map(|_keys| Probed::There) })
        ),
        ask(app, Dependency::Secrets, ports.probes.secrets()),
        ask(app, Dependency::Transcriber, ports.probes.transcriber()),
        ask(app, Dependency::Queue, ports.probes.queue()),
        ask(app, Dependency::Alerts, ports.probes.alerts()),
    );
    let told = [Dependency::Search, Dependency::Model, Dependency::Index].map(|of| told(app, of));
    let asked = [store, files, identity, secrets, transcriber, queue, alerts];
    let checks: Vec<Check> = asked.into_iter().flatten().chain(told).collect();
    Picture { health: health(&checks, app.keys.can_judge()), checks }
}

/// Without counters nobody is served, and nobody without keys: those that are known already go on working for a while.
fn health(checks: &[Check], keys_known: bool) -> Health {
    if defects::is_on(Defect::HealthAlwaysOk) {
        return Health::Ok;
    }
    let out =
        |of: Dependency| checks.iter().any(|check| check.name == of.as_str() && !check.answered);
    if out(Dependency::Store) || (out(Dependency::Identity) && !keys_known) {
        Health::Down
    } else if checks.iter().all(|check| check.answered && check.breaker == State::Closed) {
        Health::Ok
    } else {
        Health::Degraded
    }
}

fn answered(probe: PortFuture<'_, ()>) -> PortFuture<'_, Probed> {
    Box::pin(async move { probe.await.map(|()| Probed::There) })
}

/// One check; none of what is not configured.
async fn ask(app: &App, of: Dependency, probe: PortFuture<'_, Probed>) -> Option<Check> {
    let started = clock::monotonic();
    let outcome = Deadline::after(CHECK_WITHIN).bound(probe).await;
    let answered = match outcome {
        Ok(Ok(Probed::NotConfigured)) => return None,
        Ok(Ok(Probed::There)) => true,
        Ok(Err(_)) | Err(_) => false,
    };
    let latency = clock::monotonic().saturating_duration_since(started);
    Some(Check { name: of.as_str(), answered, latency, breaker: app.breakers.state(of) })
}

/// What the calls of requests told.
fn told(app: &App, of: Dependency) -> Check {
    let breaker = app.breakers.state(of);
    let answered = breaker == State::Closed && !app.breakers.last_was_bad(of);
    Check { name: of.as_str(), answered, latency: Duration::ZERO, breaker }
}

//! The deep look at the dependencies: each is asked at once, none for longer than two seconds.

use std::time::Duration;

use crate::clock;
use crate::context::Deadline;
use crate::ports::PortFuture;
use crate::state::App;

/// Bound of one check.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was asked; no name of a resource.
    pub name: &'static str,
    /// Whether it answered in time.
    pub answered: bool,
    /// How long it took.
    pub latency: Duration,
}

/// The whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Everything answers.
    Ok,
    /// Something that not every request needs is out.
    Degraded,
    /// No request can be served.
    Down,
}

/// Asks all of them.
pub async fn deep(app: &App) -> (Health, Vec<Check>) {
    let (store, files, identity) = tokio::join!(
        check("store", app.ports.quota.probe()),
        check("files", app.ports.files.probe()),
        check("identity", Box::pin(async { app.ports.jwks.fetch().await.map(drop) })),
    );
    let health = if !(store.answered && identity.answered) {
        Health::Down
    } else if files.answered {
        Health::Ok
    } else {
        Health::Degraded
    };
    (health, vec![store, files, identity])
}

async fn check(name: &'static str, probe: PortFuture<'_, ()>) -> Check {
    let started = clock::monotonic();
    let answered = Deadline::after(CHECK_WITHIN).bound(probe).await.is_ok_and(|done| done.is_ok());
    Check { name, answered, latency: clock::monotonic().duration_since(started) }
}

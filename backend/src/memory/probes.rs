//! Probes that answer as the ports of the same world do.

use std::sync::Arc;

use super::Switch;
use super::failures::{MemoryAlerts, MemoryFailures};
use super::outside::MemorySecret;
use super::speech::MemoryTranscriber;
use crate::ports::{Dependency, PortFuture, Probed, Probes};

/// Probes of a world; there is always something to ask.
#[derive(Debug)]
pub struct MemoryProbes {
    pub(super) secret: Arc<MemorySecret>,
    pub(super) transcriber: Arc<MemoryTranscriber>,
    pub(super) failures: Arc<MemoryFailures>,
    pub(super) alerts: Arc<MemoryAlerts>,
}

fn ask(switch: &Switch, dependency: Dependency) -> PortFuture<'_, Probed> {
    Box::pin(async move { switch.before(dependency).await.map(|()| Probed::There) })
}

impl Probes for MemoryProbes {
    fn secrets(&self) -> PortFuture<'_, Probed> {
        ask(&self.secret.trouble, Dependency::Secrets)
    }

    fn transcriber(&self) -> PortFuture<'_, Probed> {
        ask(&self.transcriber.trouble, Dependency::Transcriber)
    }

    fn queue(&self) -> PortFuture<'_, Probed> {
        ask(&self.failures.trouble, Dependency::Queue)
    }

    fn alerts(&self) -> PortFuture<'_, Probed> {
        ask(&self.alerts.trouble, Dependency::Alerts)
    }
}

//! Dependencies that are out for a scenario, and there again after it.

use std::time::Duration;

use verdict::domain::profile::Outage;

use super::Failure;
use super::FeatureWorld;
use super::StepError;
use super::StepResult;
use crate::adapters::outage;
use crate::adapters::outage::Watched;

/// The service whose outage a backend remembers.
const USER_POOL: &str = "cognito-idp";
/// For so long (the backend's pause between two fetches of the keys is 1 s).
const KEYS_REMEMBERED: Duration = Duration::from_millis(1_100);

impl FeatureWorld {
    /// Lets a dependency fail as `failure` says, for the user with this `sub` or for everybody, until the scenario ends or
    /// [`Self::mend`] is called.
    pub async fn break_down(&mut self, failure: &Failure<'_>, sub: Option<&str>) -> StepResult {
        let Failure { service, operation, error, status } = *failure;
        let outage = Outage {
            service: service.to_owned(),
            operation: operation.map(str::to_owned),
            error: error.to_owned(),
            status,
            message: format!("provoked by a scenario: {error}"),
            at_ms: 0,
            requests: 0,
            expect_status: Vec::new(),
        };
        let admin = self.run.stage.admin.emulators_url.clone();
        let held = outage::begin(admin.as_deref(), &outage, sub).await;
        let held = held.map_err(|e| StepError::lost_by("the outage did not begin", &e))?;
        self.outages.push(held.kept(&self.watched));
        self.keys_out |= service == USER_POOL;
        Ok(())
    }

    /// What a step asks when it is over: whether the outages that it counted on were in force all the time.
    pub fn outages_watched(&self) -> Watched {
        self.watched.clone()
    }

    /// Everything that fails is there again.
    pub async fn mend(&mut self) -> StepResult {
        for held in self.outages.drain(..) {
            held.end().await.map_err(|e| StepError::lost_by("the outage did not end", &e))?;
        }
        self.keys_asked_for_again().await;
        Ok(())
    }

    /// Waits until no process remembers that the user pool's keys could not be fetched: the next scenario's people must be
    /// known.
    pub(super) async fn keys_asked_for_again(&mut self) {
        if std::mem::take(&mut self.keys_out) {
            let waited = tokio::time::timeout(KEYS_REMEMBERED, std::future::pending::<()>());
            waited.await.ok();
        }
    }
}

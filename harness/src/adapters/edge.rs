//! The edge: the firewall and the API Gateway's limits that stand before Manuel where it is deployed, on loopback. Its
//! rules are those of `backend/deploy/template.yaml`, and what of them cannot be enforced here is an error by name.
//!
//! AWS's managed groups are closed and not imitated: they match nothing here. What can be known of them is held against
//! legitimate requests ([`Finding`]).

mod acl;
mod addresses;
mod cloudformation;
mod component;
mod deployment;
mod firewall;
mod legitimate;
mod lint;
mod managed;
mod proxy;
mod rates;
mod routes;
mod rules_error;
mod statement;
mod tally;
mod upstream;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use verdict::domain::attack::Attack;
use verdict::domain::lambda::Throttle;

pub use cloudformation::ResolveError;
pub use lint::Finding;
pub use rules_error::RuleProblem;
pub use rules_error::RulesError;

use crate::adapters::lambda_host::tasks::Tasks;
use deployment::Deployment;
use proxy::Proxy;

/// Its tasks end at once when they are told to.
const STOP: Duration = Duration::from_secs(1);

/// What an edge enforces.
#[derive(Debug)]
pub struct EdgeRules {
    template: PathBuf,
    deployment: Deployment,
    findings: Vec<Finding>,
}

/// An edge that stands.
#[derive(Debug)]
pub struct Edge {
    address: SocketAddr,
    admin_url: String,
    tasks: Tasks,
    cancel: CancellationToken,
}

/// It does not stand.
#[derive(Debug, Error)]
#[error("cannot listen for the {what}")]
pub struct EdgeError {
    /// Whose port.
    pub what: &'static str,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl EdgeRules {
    /// Those of the template at `path`, with `chosen` values instead of the defaults of some of its parameters.
    pub fn read(path: &Path, chosen: &BTreeMap<String, String>) -> Result<Self, RulesError> {
        let deployment = Deployment::read(path, chosen)?;
        let findings = lint::lint(&deployment.firewall, &legitimate::requests());
        Ok(Self { template: path.to_path_buf(), deployment, findings })
    }

    /// Holds the rules against what the attack corpus calls legitimate, too.
    #[must_use]
    pub fn against(mut self, corpus: &[Attack]) -> Self {
        let requests = legitimate::corpus::requests(corpus);
        let found = lint::lint(&self.deployment.firewall, &requests);
        self.findings.extend(found.into_iter().filter(|one| matches!(one, Finding::Blocks { .. })));
        self
    }

    /// What the rules would do to legitimate requests, and should not.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What each resource of the API lets through.
    pub fn throttle(&self) -> Throttle {
        self.deployment.throttle
    }
}

impl Edge {
    /// Stands on 127.0.0.1 and a free port, before what answers at `upstream`.
    pub async fn start(rules: EdgeRules, upstream: SocketAddr) -> Result<Self, EdgeError> {
        let failed = |what| move |source| EdgeError { what, source };
        let (tasks, cancel) = (Tasks::default(), CancellationToken::new());
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let proxy = Arc::new(Proxy::new(rules, upstream));
        let address = proxy::serve(Arc::clone(&proxy), bind, (&tasks, cancel.clone()))
            .await
            .map_err(failed("edge"))?;
        let admin_url = tally::serve(proxy, bind, (&tasks, cancel.clone()))
            .await
            .map_err(failed("admin API of the edge"))?;
        Ok(Self { address, admin_url, tasks, cancel })
    }

    /// The API as clients see it, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Base URL of `GET /edge`.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Ends it; at most 1 s.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.finish(STOP).await;
    }
}

#[cfg(test)]
#[path = "edge/tests.rs"]
mod tests;

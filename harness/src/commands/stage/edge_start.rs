//! The edge of a stage: its rules read before anything is started, and it put in front once the backend answers and has
//! its users. These are provisioned behind it, so that nothing is counted before a suite begins.

use std::net::SocketAddr;

use verdict::domain::lambda::GatewayVersion;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;

use super::launch_error::LaunchError;
use crate::adapters::edge::Edge;
use crate::adapters::edge::EdgeRules;
use crate::adapters::edge::Finding;
use crate::adapters::stage_process::StageRequest;
use crate::config::attacks;

/// Where the deployment is described, below the project root.
const TEMPLATE: &str = "backend/deploy/template.yaml";

/// What an edge would enforce; none where none is asked for.
pub(super) fn rules(request: &StageRequest) -> Result<Option<EdgeRules>, LaunchError> {
    let Some(choice) = &request.edge else { return Ok(None) };
    if request.lambda.is_some_and(|lambda| lambda.gateway == GatewayVersion::V2) {
        return Err(LaunchError::EdgeBeforeHttpApi);
    }
    let rules = EdgeRules::read(&request.root.join(TEMPLATE), &choice.parameters)
        .map_err(|source| LaunchError::Rules { source })?;
    let corpus = attacks::read(&request.root).map_err(|source| LaunchError::Corpus { source })?;
    Ok(Some(rules.against(&corpus)))
}

/// What is wrong with the rules, as a person reads it.
pub(super) fn findings(rules: &EdgeRules) -> Vec<String> {
    let told = |finding: &Finding| match finding {
        Finding::Blocks { request, rule, within } => {
            let within = within.map(|within| format!(" ({within})")).unwrap_or_default();
            format!("{TEMPLATE}: the rule `{rule}`{within} may block what is legitimate: {request}")
        }
        Finding::OverridesNothing { rule, overrides } => {
            format!("{TEMPLATE}: the group of `{rule}` has no rule `{overrides}` to override")
        }
        Finding::UnknownGroup { rule, group } => {
            format!("{TEMPLATE}: `{rule}`: nobody has written down what the group {group} blocks")
        }
    };
    rules.findings().iter().map(told).collect()
}

/// Puts an edge before the stage that `description` describes, and says so in it.
pub(super) async fn start(
    rules: EdgeRules,
    description: &mut StageDescription,
) -> Result<Edge, LaunchError> {
    let address = description.base_url.strip_prefix("http://").map(str::parse::<SocketAddr>);
    let Some(Ok(upstream)) = address else {
        return Err(LaunchError::EdgeBefore { base_url: description.base_url.clone() });
    };
    let rate_per_s = rules.throttle().rate_per_s;
    let edge = Edge::start(rules, upstream).await.map_err(|source| LaunchError::Edge { source })?;
    description.base_url = edge.base_url();
    description.admin.edge_url = Some(edge.admin_url().to_owned());
    description.capabilities.0.insert(Capability::Edge);
    // Of each resource; a plan that keeps to it with all of its calls keeps to it everywhere.
    description.limits.max_rate_per_s = Some(rate_per_s);
    Ok(edge)
}

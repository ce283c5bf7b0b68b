//! How true to AWS the rules of a stage's edge are, as it tells itself (`GET /edge`).

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use verdict::domain::features::EdgeRule;
use verdict::domain::features::Enforced;

use crate::adapters::plain_http;

/// The admin API answers at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The edge does not say.
#[derive(Debug, Error)]
#[error("`GET /edge` does not answer as it should")]
pub struct EdgeReportError(#[source] reqwest::Error);

#[derive(Deserialize)]
struct Report {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    enforced: Enforced,
    #[serde(default)]
    because: String,
}

/// The rules that are not enforced exactly, in their order.
pub async fn rules(admin: &str) -> Result<Vec<EdgeRule>, EdgeReportError> {
    let client = plain_http::client(admin, TIMEOUT).build();
    let url = format!("{}/edge", admin.trim_end_matches('/'));
    let answer = client.map_err(EdgeReportError)?.get(url).send().await.map_err(EdgeReportError)?;
    let report = answer.error_for_status().map_err(EdgeReportError)?.json::<Report>().await;
    let rules = report.map_err(EdgeReportError)?.rules.into_iter();
    let rules = rules.filter(|rule| rule.enforced != Enforced::Exact);
    Ok(rules.map(|Rule { name, enforced, because }| EdgeRule { name, enforced, because }).collect())
}

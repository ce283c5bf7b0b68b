//! What the emulators counted that no answer shows: a retrieval that is not filtered by user can still be answered
//! rightly, by luck or by a second check, and breaks the promise all the same.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::adapters::plain_http;

/// The admin API answers at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The counts cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the emulators' counts")]
pub struct StatsError(#[source] reqwest::Error);

#[derive(Deserialize)]
struct Stats {
    services: std::collections::BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    unfiltered_retrieves: u64,
}

/// Retrievals since the stage's start whose filter would let anybody's passages through.
pub async fn unfiltered_retrieves(admin: &str) -> Result<u64, StatsError> {
    let client = plain_http::client(admin, TIMEOUT).build();
    let url = format!("{}/stats", admin.trim_end_matches('/'));
    let answer = client.map_err(StatsError)?.get(url).send().await.map_err(StatsError)?;
    let stats: Stats =
        answer.error_for_status().map_err(StatsError)?.json().await.map_err(StatsError)?;
    Ok(stats.services.values().map(|service| service.unfiltered_retrieves).sum())
}

#[cfg(test)]
mod tests {
    use wiremock::Mock;
    use wiremock::MockServer;
    use wiremock::ResponseTemplate;
    use wiremock::matchers::path;

    use super::*;

    #[tokio::test]
    async fn every_service_counts_and_a_refusal_is_an_error() {
        let server = MockServer::start().await;
        let body = serde_json::json!({"services": {
            "s3": {"requests": 3},
            "bedrock-agent-runtime": {"requests": 3, "unfiltered_retrieves": 2},
        }});
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path("/stats")).respond_with(answer).mount(&server).await;
        assert_eq!(unfiltered_retrieves(&server.uri()).await.unwrap(), 2);
        server.reset().await;
        assert!(unfiltered_retrieves(&server.uri()).await.is_err());
    }
}

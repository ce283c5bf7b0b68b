//! What a backend dialled outside of its stage, as the stage's admin API tells it (`GET /internet` of the emulators).

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::adapters::plain_http;

/// The admin API answers at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The connections cannot be read.
#[derive(Debug, Error)]
#[error("cannot read what the stage's web was asked")]
pub struct InternetError(#[source] reqwest::Error);

/// A connection that the backend made.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct Connection {
    /// Meant for an address that is not public.
    pub elsewhere: bool,
    /// The name asked for; none where an address was dialled.
    pub name: Option<String>,
    /// Method and path, where it got that far.
    pub request: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    connections: Vec<Connection>,
}

impl Connection {
    /// Whether it is of the play or scenario with this nonce: a label of the name that it asked for.
    pub fn is_of(&self, nonce: &str) -> bool {
        let labels = self.name.iter().flat_map(|name| name.split('.'));
        labels.into_iter().any(|label| label.eq_ignore_ascii_case(nonce))
    }
}

/// All connections since the stage's start, oldest first.
pub async fn connections(admin: &str) -> Result<Vec<Connection>, InternetError> {
    let client = plain_http::client(admin, TIMEOUT).build();
    let url = format!("{}/internet", admin.trim_end_matches('/'));
    let answer = client.map_err(InternetError)?.get(url).send().await.map_err(InternetError)?;
    let report = answer.error_for_status().map_err(InternetError)?.json::<Report>().await;
    report.map(|report| report.connections).map_err(InternetError)
}

#[cfg(test)]
mod tests {
    use wiremock::Mock;
    use wiremock::MockServer;
    use wiremock::ResponseTemplate;
    use wiremock::matchers::path;

    use super::*;

    #[tokio::test]
    async fn connections_are_read_as_the_stage_tells_them() {
        let server = MockServer::start().await;
        let body = serde_json::json!({"count": 2, "connections": [
            {"elsewhere": true, "name": null, "request": null},
            {"elsewhere": false, "name": "N1.site.example", "request": "GET /manual.md", "more": 1},
        ]});
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path("/internet")).respond_with(answer).mount(&server).await;
        let seen = connections(&server.uri()).await.unwrap();
        let of: Vec<(bool, bool)> =
            seen.iter().map(|one| (one.is_of("n1"), one.elsewhere)).collect();
        assert_eq!(of, [(false, true), (true, false)]);
        assert!(!seen[1].is_of("n"));
        assert_eq!(seen[1].request.as_deref(), Some("GET /manual.md"));
        server.reset().await;
        assert!(connections(&server.uri()).await.is_err());
    }
}

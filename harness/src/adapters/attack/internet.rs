//! What a backend dialled outside of the stage, as the stage's admin API tells it (`GET /internet` of the emulators).

use std::time::Duration;

use serde::Deserialize;

/// The admin API answers at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The stage's internet.
#[derive(Debug)]
pub(super) struct Internet {
    http: reqwest::Client,
    url: String,
}

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

impl Internet {
    pub(super) fn of(admin: &str) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { http, url: format!("{}/internet", admin.trim_end_matches('/')) })
    }

    /// All connections since the stage's start, oldest first.
    pub(super) async fn dialled(&self) -> Result<Vec<Connection>, reqwest::Error> {
        let answer = self.http.get(&self.url).send().await?.error_for_status()?;
        Ok(answer.json::<Report>().await?.connections)
    }
}

impl Connection {
    /// Whether it is of the play with this nonce.
    pub(super) fn is_of(&self, nonce: &str) -> bool {
        let labels = self.name.iter().flat_map(|name| name.split('.'));
        labels.into_iter().any(|label| label.eq_ignore_ascii_case(nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_known_by_its_name() {
        let report = r#"{"count": 2, "connections": [
            {"elsewhere": true, "name": null, "request": null},
            {"elsewhere": false, "name": "N1.site.example", "request": "GET /"}]}"#;
        let report: Report = serde_json::from_str(report).unwrap();
        let of: Vec<bool> = report.connections.iter().map(|one| one.is_of("n1")).collect();
        assert_eq!(of, [false, true]);
        assert!(!report.connections[1].is_of("n"));
    }
}

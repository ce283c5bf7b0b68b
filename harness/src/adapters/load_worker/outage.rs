//! An outage for one user, through the emulators' admin API: a lease that is renewed while the probe runs and ends by
//! itself if the worker does not come back.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use verdict::domain::profile::Outage;

/// A lease of the admin API ends after this at the latest, in milliseconds.
const LEASE_MS: u64 = 15_000;
/// The admin API answers at once.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Why an outage could not be had.
#[derive(Debug, Error)]
pub(super) enum OutageError {
    /// The stage has no such switch.
    #[error("the stage has no admin url for outages")]
    NoAdmin,
    /// It could not be reached, or its answer not read.
    #[error("cannot reach the outage switch")]
    Send(#[source] reqwest::Error),
    /// It said no.
    #[error("the outage switch answered {status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        body: String,
    },
}

/// An outage that holds until it is ended or its lease runs out.
#[derive(Debug)]
pub(super) struct Held {
    http: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Leased {
    id: serde_json::Value,
}

/// How the backend names a user to AWS: `x-manuel-user` is the first 32 hex digits of SHA-256 of the `sub`.
pub(super) fn user_tag(sub: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(sub.as_bytes()));
    digest.truncate(32);
    digest
}

/// Begins `outage` for the user with this `sub`.
pub(super) async fn begin(
    admin: Option<&str>,
    outage: &Outage,
    sub: &str,
) -> Result<Held, OutageError> {
    let admin = admin.ok_or(OutageError::NoAdmin)?.trim_end_matches('/');
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(ADMIN_TIMEOUT)
        .build()
        .map_err(OutageError::Send)?;
    let lasts_ms = 250 * u64::from(outage.requests) + 4_000;
    let mut body = json!({
        "service": outage.service,
        "user": user_tag(sub),
        "error": outage.error,
        "status": outage.status,
        "message": outage.message,
        "ttl_ms": lasts_ms.min(LEASE_MS),
    });
    if let (Some(operation), Some(fields)) = (&outage.operation, body.as_object_mut()) {
        fields.insert("operation".to_owned(), json!(operation));
    }
    let request = http.put(format!("{admin}/outages")).json(&body);
    let response = request.send().await.map_err(OutageError::Send)?;
    let status = response.status().as_u16();
    if !response.status().is_success() {
        let body = response.text().await.unwrap_or_default();
        return Err(OutageError::Refused { status, body });
    }
    let leased: Leased = response.json().await.map_err(OutageError::Send)?;
    let id = leased.id.as_str().map_or_else(|| leased.id.to_string(), str::to_owned);
    Ok(Held { http, url: format!("{admin}/outages/{id}") })
}

impl Held {
    /// Ends it now. One that cannot be ended runs out by itself.
    pub(super) async fn end(self) -> Result<(), OutageError> {
        self.http.delete(&self.url).send().await.map_err(OutageError::Send)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_tagged_as_the_backend_does() {
        assert_eq!(user_tag("abc"), "ba7816bf8f01cfea414140de5dae2223");
    }
}

//! An outage for one user, through the emulators' admin API: a lease that is renewed while the probe runs and ends by
//! itself if the worker does not come back. Its questions are sent only while it is in force, and what they are answered
//! counts only if it refused something: anything else says something about the stage, not about the backend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use tokio::task::JoinSet;
use verdict::domain::profile::Outage;

use crate::adapters::plain_http;

/// A lease of the admin API ends after this at the latest, in milliseconds.
const LEASE_MS: u64 = 15_000;
/// The admin API answers at once.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);
/// A lease that is kept is prolonged this often.
const RENEWAL: Duration = Duration::from_secs(4);

/// Why an outage could not be had.
#[derive(Debug, Error)]
pub enum OutageError {
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
#[derive(Clone, Debug)]
pub struct Held {
    http: reqwest::Client,
    list: String,
    id: String,
}

/// An outage that is prolonged until it is ended.
#[derive(Debug)]
pub struct Kept {
    held: Held,
    renewing: JoinSet<()>,
}

/// Whether an outage that somebody counts on could not be prolonged.
#[derive(Clone, Debug, Default)]
pub struct Watched(Arc<AtomicBool>);

/// The outages of a run, by their index in the profile.
#[derive(Debug, Default)]
pub struct Outages {
    states: Mutex<BTreeMap<usize, State>>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Something was said about it already.
    told: bool,
}

impl Outages {
    /// One holds now.
    pub fn begun(&self, index: usize, held: Held) {
        self.states().entry(index).or_default().held = Some(held);
    }

    /// One is over.
    pub fn over(&self, index: usize) {
        self.states().entry(index).or_default().held = None;
    }

    /// The outage, while it is in force.
    pub fn held(&self, index: usize) -> Option<Held> {
        self.states().get(&index).and_then(|state| state.held.clone())
    }

    /// Whether nobody was told yet that something is wrong with it; says true once.
    pub fn tell(&self, index: usize) -> bool {
        !std::mem::replace(&mut self.states().entry(index).or_default().told, true)
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<usize, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Listed {
    id: serde_json::Value,
    hits: u64,
}

fn text_of(id: &serde_json::Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[derive(Deserialize)]
struct Leased {
    id: serde_json::Value,
}

/// How the backend names a user to AWS: `x-manuel-user` is the first 32 hex digits of SHA-256 of the `sub`.
pub fn user_tag(sub: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(sub.as_bytes()));
    digest.truncate(32);
    digest
}

/// Begins `outage` for the user with this `sub`; for everybody, and for what nobody asked for, where there is none.
pub async fn begin(
    admin: Option<&str>,
    outage: &Outage,
    sub: Option<&str>,
) -> Result<Held, OutageError> {
    let admin = admin.ok_or(OutageError::NoAdmin)?.trim_end_matches('/');
    let http = plain_http::client(admin, ADMIN_TIMEOUT).build().map_err(OutageError::Send)?;
    let mut body = json!({
        "service": outage.service,
        // Null is everybody.
        "user": sub.map(user_tag),
        "error": outage.error,
        "status": outage.status,
        "message": outage.message,
        "ttl_ms": LEASE_MS,
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
    Ok(Held { http, list: format!("{admin}/outages"), id: text_of(&leased.id) })
}

impl Held {
    /// Prolongs the lease from now.
    pub async fn renew(&self) -> Result<(), OutageError> {
        let url = format!("{}/{}", self.list, self.id);
        let response = self.http.put(url).send().await.map_err(OutageError::Send)?;
        response.error_for_status().map_err(OutageError::Send)?;
        Ok(())
    }

    /// Calls that it has refused; none if it is over.
    pub async fn hits(&self) -> Result<Option<u64>, OutageError> {
        let response = self.http.get(&self.list).send().await.map_err(OutageError::Send)?;
        let all: Vec<Listed> = response.json().await.map_err(OutageError::Send)?;
        Ok(all.iter().find(|listed| text_of(&listed.id) == self.id).map(|listed| listed.hits))
    }

    /// Ends it now. One that cannot be ended runs out by itself.
    pub async fn end(self) -> Result<(), OutageError> {
        let url = format!("{}/{}", self.list, self.id);
        self.http.delete(url).send().await.map_err(OutageError::Send)?;
        Ok(())
    }
}

impl Held {
    /// Prolongs it, long before it runs out, until it is ended or dropped; `watched` is told where that fails.
    pub fn kept(self, watched: &Watched) -> Kept {
        let (held, watched) = (self.clone(), watched.clone());
        let mut renewing = JoinSet::new();
        renewing.spawn(async move {
            let mut renewals = tokio::time::interval(RENEWAL);
            loop {
                renewals.tick().await;
                if held.renew().await.is_err() {
                    watched.0.store(true, Ordering::Release);
                    return;
                }
            }
        });
        Kept { held: self, renewing }
    }
}

impl Kept {
    /// Ends it now. One that cannot be ended runs out by itself.
    pub async fn end(mut self) -> Result<(), OutageError> {
        self.renewing.shutdown().await;
        self.held.end().await
    }
}

impl Watched {
    /// Whether every outage was in force until it was ended.
    pub fn all_held(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_in_force_between_its_begin_and_its_end_and_is_told_about_once() {
        let outages = Outages::default();
        assert!(outages.held(0).is_none());
        let held = Held {
            http: reqwest::Client::new(),
            list: "http://127.0.0.1:9/outages".to_owned(),
            id: "a".to_owned(),
        };
        outages.begun(0, held);
        assert!(outages.held(0).is_some() && outages.held(1).is_none());
        outages.over(0);
        assert!(outages.held(0).is_none());
        assert_eq!([outages.tell(0), outages.tell(0), outages.tell(1)], [true, false, true]);
    }

    #[test]
    fn a_user_is_tagged_as_the_backend_does() {
        assert_eq!(user_tag("abc"), "ba7816bf8f01cfea414140de5dae2223");
    }
}

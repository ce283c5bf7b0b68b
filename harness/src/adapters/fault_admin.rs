//! The admin API of a stage's AWS injector: rules on and off, their leases, and what they hit.

use std::time::Duration;

use injector::Listed;
use injector::RuleSpec;
use injector::ledger::Line;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use thiserror::Error;

use crate::adapters::plain_http;

/// The admin API answers at once.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A call that did not work.
#[derive(Debug, Error)]
pub enum FaultAdminError {
    /// It could not be reached, or its answer not read.
    #[error("cannot reach the injector at {url}")]
    Send {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{text}")]
    Refused {
        /// Its words.
        text: String,
    },
}

/// A client of one injector.
#[derive(Clone, Debug)]
pub struct FaultAdmin {
    http: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Rules {
    rules: Vec<Listed>,
}

/// What was injected.
#[derive(Debug, Deserialize)]
pub struct Activity {
    /// Oldest first.
    #[serde(rename = "activity")]
    pub lines: Vec<Line>,
    /// How many there are in all: the number of the last.
    pub written: u64,
}

#[derive(Deserialize)]
struct Renewed {
    renewed: u64,
}

#[derive(Deserialize)]
struct Ended {
    ended: u64,
}

impl FaultAdmin {
    /// For the injector at `url`.
    pub fn new(url: &str) -> Result<Self, FaultAdminError> {
        let url = url.trim_end_matches('/').to_owned();
        let http = plain_http::client(&url, ADMIN_TIMEOUT)
            .build()
            .map_err(|source| FaultAdminError::Send { url: url.clone(), source })?;
        Ok(Self { http, url })
    }

    /// Puts rules on: all or none.
    pub async fn add(&self, rules: &[RuleSpec]) -> Result<(), FaultAdminError> {
        let _added: Value = self.call(Method::POST, "/rules", Some(json!(rules))).await?;
        Ok(())
    }

    /// Draws are made from this seed from now on.
    pub async fn set_seed(&self, seed: u64) -> Result<(), FaultAdminError> {
        let _set: Value = self.call(Method::PUT, "/seed", Some(json!({ "seed": seed }))).await?;
        Ok(())
    }

    /// The rules that are on.
    pub async fn list(&self) -> Result<Vec<Listed>, FaultAdminError> {
        let listed: Rules = self.call(Method::GET, "/rules", None).await?;
        Ok(listed.rules)
    }

    /// Renews the leases of all of an owner's rules; how many there are.
    pub async fn renew(&self, owner: &str, ttl_ms: u64) -> Result<u64, FaultAdminError> {
        let (path, body) = (format!("/owners/{owner}/lease"), json!({ "ttl_ms": ttl_ms }));
        let renewed: Renewed = self.call(Method::PUT, &path, Some(body)).await?;
        Ok(renewed.renewed)
    }

    /// Ends all of an owner's rules.
    pub async fn end(&self, owner: &str) -> Result<u64, FaultAdminError> {
        let ended: Ended = self.call(Method::DELETE, &format!("/owners/{owner}"), None).await?;
        Ok(ended.ended)
    }

    /// Ends every rule.
    pub async fn clear(&self) -> Result<u64, FaultAdminError> {
        let ended: Ended = self.call(Method::DELETE, "/rules", None).await?;
        Ok(ended.ended)
    }

    /// Injections after number `since`, the first thousand of them.
    pub async fn activity(&self, since: u64) -> Result<Activity, FaultAdminError> {
        self.call(Method::GET, &format!("/activity?since={since}"), None).await
    }

    /// The last injections, at most `many`.
    pub async fn last(&self, many: u64) -> Result<Activity, FaultAdminError> {
        let written = self.activity(u64::MAX).await?.written;
        self.activity(written.saturating_sub(many)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, FaultAdminError> {
        let unsent = |source| FaultAdminError::Send { url: self.url.clone(), source };
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(unsent)?;
        if answer.status().is_success() {
            return answer.json().await.map_err(unsent);
        }
        let text = answer.text().await.map_err(unsent)?;
        let told = serde_json::from_str::<Value>(&text).ok();
        let told = told.as_ref().and_then(|told| told["error"].as_str());
        Err(FaultAdminError::Refused { text: told.unwrap_or(&text).to_owned() })
    }
}

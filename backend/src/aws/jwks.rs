//! The user pool's public keys, fetched over HTTP: Cognito publishes them without credentials. Goes through the pinned
//! egress when there is one.

use std::sync::OnceLock;

use serde::Deserialize;
use url::Url;

use crate::aws::error::other;
use crate::context::dependency;
use crate::egress::{Egress, Fetcher};
use crate::ports::{Dependency, JwksSource, PortErrorKind, PortFuture, PublicKey};

/// The longest document that is read; a pool's has some 800 bytes.
const JWKS_BYTES_MAX: usize = 64 * 1024;

/// A JWKS document. The HTTP client is made with the first fetch, so that start-up does not wait for its certificates.
#[derive(Debug)]
pub(super) struct HttpJwks {
    url: Url,
    egress: Option<Egress>,
    fetcher: OnceLock<Fetcher>,
}

#[derive(Debug, Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl HttpJwks {
    pub(super) fn new(url: &Url, egress: Option<Egress>) -> Self {
        Self { url: url.clone(), egress, fetcher: OnceLock::new() }
    }

    fn fetcher(&self) -> Result<&Fetcher, crate::egress::FetchError> {
        if let Some(fetcher) = self.fetcher.get() {
            return Ok(fetcher);
        }
        let made = Fetcher::new(self.egress.clone())?;
        Ok(self.fetcher.get_or_init(|| made))
    }
}

impl JwksSource for HttpJwks {
    fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>> {
        Box::pin(async move {
            let unavailable = |error| {
                other(Dependency::Identity, "fetching keys", PortErrorKind::Unavailable, error)
            };
            let fetcher = self.fetcher().map_err(unavailable)?;
            let body = dependency(fetcher.get(&self.url, JWKS_BYTES_MAX));
            let body = body.await.map_err(unavailable)?;
            let document: Document = serde_json::from_slice(&body).map_err(|error| {
                other(Dependency::Identity, "reading keys", PortErrorKind::Corrupt, error)
            })?;
            Ok(document.keys.into_iter().filter_map(signing_key).collect())
        })
    }
}

/// An RSA key for signatures; others are left out.
fn signing_key(key: Jwk) -> Option<PublicKey> {
    let signs = key.kty == "RSA"
        && key.usage.as_deref().is_none_or(|usage| usage == "sig")
        && key.alg.as_deref().is_none_or(|alg| alg == "RS256");
    if signs { Some(PublicKey { kid: key.kid?, n: key.n?, e: key.e? }) } else { None }
}

//! The user pool's public keys, cached. One refresh at a time; a key that is not known causes at most one refresh a
//! second; keys that could not be refreshed for an hour let nobody in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use tokio::sync::Mutex;

use crate::clock::Moment;
use crate::context;
use crate::ports::{JwksSource, PortError, PublicKey};

/// Keys are used this long before they are fetched again.
const FRESH_FOR: Duration = Duration::from_mins(15);

/// Keys that cannot be fetched again are used this long.
const USABLE_FOR: Duration = Duration::from_hours(1);

/// Between two refreshes for keys that are not known: a flood of wrong ids must not become a flood of fetches.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);

/// The cache.
#[derive(Debug)]
pub struct KeyCache {
    source: Arc<dyn JwksSource>,
    known: RwLock<Arc<Known>>,
    one_refresh: Mutex<LastTry>,
}

#[derive(Default)]
struct Known {
    keys: BTreeMap<String, Arc<DecodingKey>>,
    fetched: Option<Moment>,
}

#[derive(Debug, Default)]
struct LastTry {
    at: Option<Moment>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The pool has no such key.
    #[error("the key is not the user pool's")]
    Unknown,
    /// The pool's keys cannot be fetched, so nobody can tell.
    #[error("the user pool's keys cannot be fetched")]
    Unavailable(#[source] Option<PortError>),
}

impl KeyCache {
    /// An empty cache; the first token fetches the keys.
    pub fn new(source: Arc<dyn JwksSource>) -> Self {
        let known = RwLock::new(Arc::new(Known::default()));
        Self { source, known, one_refresh: Mutex::new(LastTry::default()) }
    }

    /// Whether tokens can be judged by keys that are known already.
    pub fn can_judge(&self) -> bool {
        self.known().age().is_some_and(|age| age < USABLE_FOR)
    }

    /// The key with this id.
    pub async fn key(&self, kid: &str) -> Result<Arc<DecodingKey>, KeyError> {
        let known = self.known();
        if known.age().is_some_and(|age| age < FRESH_FOR)
            && let Some(key) = known.keys.get(kid)
        {
            return Ok(Arc::clone(key));
        }
        context::dependency(self.key_after_refresh(kid)).await
    }

    /// Whoever comes while a refresh is under way waits for it and takes what it brought.
    async fn key_after_refresh(&self, kid: &str) -> Result<Arc<DecodingKey>, KeyError> {
        let mut last = self.one_refresh.lock().await;
        let paused = last.at.is_some_and(|at| at.age() < REFRESH_PAUSE);
        let mut failure = None;
        if !(paused || self.has_fresh(kid)) {
            last.at = Some(Moment::now());
            match self.source.fetch().await {
                Ok(keys) => self.replace(keys),
                Err(error) => {
                    let cause = crate::logging::chain(&error);
                    tracing::warn!(message = "keys of the user pool not refreshed", cause);
                    failure = Some(error);
                }
            }
        }
        let known = self.known();
        let usable = known.age().is_some_and(|age| age < USABLE_FOR);
        let fresh = known.age().is_some_and(|age| age < FRESH_FOR);
        match known.keys.get(kid).filter(|_| usable) {
            Some(key) => Ok(Arc::clone(key)),
            None if failure.is_none() && fresh => Err(KeyError::Unknown),
            None => Err(KeyError::Unavailable(failure)),
        }
    }

    fn has_fresh(&self, kid: &str) -> bool {
        let known = self.known();
        known.age().is_some_and(|age| age < FRESH_FOR) && known.keys.contains_key(kid)
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A key that does not parse is left out; the others still count.
    fn replace(&self, keys: Vec<PublicKey>) {
        let keys = keys.into_iter().filter_map(|key| {
            let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok()?;
            Some((key.kid, Arc::new(decoding)))
        });
        let known = Known { keys: keys.collect(), fetched: Some(Moment::now()) };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }
}

impl Known {
    fn age(&self) -> Option<Duration> {
        self.fetched.map(Moment::age)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("keys", &self.keys.keys()).finish_non_exhaustive()
    }
}

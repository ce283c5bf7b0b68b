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
    one_refresh: Mutex<Option<LastTry>>,
}

#[derive(Default)]
struct Known {
    keys: BTreeMap<String, Arc<DecodingKey>>,
    fetched: Option<Moment>,
}

#[derive(Debug)]
struct LastTry {
    ended: Moment,
    failure: Option<PortError>,
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
        Self { source, known, one_refresh: Mutex::new(None) }
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

    /// Whoever comes while a refresh is under way waits for it and takes what it brought, its failure too: the pause begins
    /// when it has ended.
    async fn key_after_refresh(&self, kid: &str) -> Result<Arc<DecodingKey>, KeyError> {
        let mut last = self.one_refresh.lock().await;
        let paused = last.as_ref().is_some_and(|last| last.ended.age() < REFRESH_PAUSE);
        if !(paused || self.has_fresh(kid)) {
            let failure = self.refresh().await.err();
            *last = Some(LastTry { ended: Moment::now(), failure });
        }
        let failure = last.as_ref().and_then(|last| last.failure.as_ref()).map(PortError::shared);
        let known = self.known();
        let usable = known.age().is_some_and(|age| age < USABLE_FOR);
        let fresh = known.age().is_some_and(|age| age < FRESH_FOR);
        match known.keys.get(kid).filter(|_| usable) {
            Some(key) => Ok(Arc::clone(key)),
            None if failure.is_none() && fresh => Err(KeyError::Unknown),
            None => Err(KeyError::Unavailable(failure)),
        }
    }

    async fn refresh(&self) -> Result<(), PortError> {
        let fetched = self.source.fetch().await.inspect_err(|error| {
            let cause = crate::logging::chain(error);
            tracing::warn!(message = "keys of the user pool not refreshed", cause);
        });
        self.replace(fetched?);
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::clock;
    use crate::ports::{Dependency, PortErrorKind, PortFuture};

    /// Fails, and takes longer for it than the pause between two refreshes.
    #[derive(Debug, Default)]
    struct SlowToFail(AtomicU32);

    impl JwksSource for SlowToFail {
        fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>> {
            Box::pin(async {
                self.0.fetch_add(1, Ordering::SeqCst);
                clock::pause(REFRESH_PAUSE + Duration::from_millis(100)).await;
                let kind = PortErrorKind::Unavailable;
                Err(PortError::new(Dependency::Identity, "GetKeys", kind))
            })
        }
    }

    #[tokio::test]
    async fn whoever_waited_for_a_refresh_takes_its_failure() {
        let source = Arc::new(SlowToFail::default());
        let keys = KeyCache::new(Arc::clone(&source) as Arc<dyn JwksSource>);
        for outcome in join_all((0..4).map(|_| keys.key("kid"))).await {
            assert!(matches!(outcome, Err(KeyError::Unavailable(Some(_)))), "{:?}", outcome.err());
        }
        assert_eq!(source.0.load(Ordering::SeqCst), 1);
    }
}

//! The key that calls are signed with: fetched when it is first needed, kept for five minutes, one fetch at a time,
//! whose outcome all who waited share. No key means that signed calls are refused, never that they pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::Moment;
use crate::context;
use crate::ports::{PortError, SecretSource};

/// How long a key is used before it is fetched again: a rotated key works after this.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// How long it counts that there was no key to be had: whoever waits behind a fetch that failed must not repeat it.
const MISSED_FOR: Duration = Duration::from_secs(1);

/// The cached key.
#[derive(Debug)]
pub struct SigningKey {
    source: Arc<dyn SecretSource>,
    last: Mutex<Option<Fetched>>,
}

type Key = Option<Arc<[u8]>>;

struct Fetched {
    outcome: Result<Key, PortError>,
    ended: Moment,
}

impl SigningKey {
    /// Nothing is fetched yet.
    pub fn new(source: Arc<dyn SecretSource>) -> Self {
        Self { source, last: Mutex::new(None) }
    }

    /// The key; none if there is no such secret or it is empty.
    pub async fn current(&self) -> Result<Option<Arc<[u8]>>, PortError> {
        context::dependency(async {
            let mut last = self.last.lock().await;
            if let Some(known) = last.as_ref().filter(|known| known.counts()) {
                return shared(&known.outcome);
            }
            let secret = self.source.fetch().await;
            let outcome = secret.map(|secret| secret.filter(|key| !key.is_empty()).map(Arc::from));
            *last = Some(Fetched { outcome: shared(&outcome), ended: Moment::now() });
            outcome
        })
        .await
    }
}

impl Fetched {
    fn counts(&self) -> bool {
        let kept_for = if matches!(self.outcome, Ok(Some(_))) { KEPT_FOR } else { MISSED_FOR };
        self.ended.age() < kept_for
    }
}

fn shared(outcome: &Result<Key, PortError>) -> Result<Key, PortError> {
    match outcome {
        Ok(key) => Ok(key.clone()),
        Err(error) => Err(error.shared()),
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetched(key not shown)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::ports::{CircuitOpen, Dependency, PortErrorKind, PortFuture};

    /// Fails as a breaker does, after others had their turn.
    #[derive(Debug, Default)]
    struct Failing(AtomicU32);

    impl SecretSource for Failing {
        fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>> {
            Box::pin(async {
                self.0.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                let kind = PortErrorKind::Unavailable;
                let error = PortError::new(Dependency::Secrets, "GetSecretValue", kind);
                let source = Some(CircuitOpen::after(Duration::from_secs(7)).into());
                Err(PortError { source, ..error })
            })
        }
    }

    #[tokio::test]
    async fn a_failed_fetch_is_shared_by_all_who_waited_for_it() {
        let source = Arc::new(Failing::default());
        let key = SigningKey::new(Arc::clone(&source) as Arc<dyn SecretSource>);
        for outcome in join_all((0..20).map(|_| key.current())).await {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Unavailable);
            assert_eq!((error.retry_after_s(), error.was_begun()), (Some(7), false));
        }
        assert_eq!(source.0.load(Ordering::SeqCst), 1);
    }
}

//! The key that calls are signed with: fetched when it is first needed, kept for five minutes, one fetch at a time. No
//! key means that signed calls are refused, never that they pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::Moment;
use crate::context;
use crate::ports::{PortError, SecretSource};

/// How long a key is used before it is fetched again: a rotated key works after this.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// The cached key.
#[derive(Debug)]
pub struct SigningKey {
    source: Arc<dyn SecretSource>,
    cached: Mutex<Option<Cached>>,
}

#[derive(Clone)]
struct Cached {
    key: Arc<[u8]>,
    fetched: Moment,
}

impl SigningKey {
    /// Nothing is fetched yet.
    pub fn new(source: Arc<dyn SecretSource>) -> Self {
        Self { source, cached: Mutex::new(None) }
    }

    /// The key; none if there is no such secret or it is empty.
    pub async fn current(&self) -> Result<Option<Arc<[u8]>>, PortError> {
        context::dependency(async {
            let mut cached = self.cached.lock().await;
            if let Some(known) = cached.as_ref()
                && known.fetched.age() < KEPT_FOR
            {
                return Ok(Some(Arc::clone(&known.key)));
            }
            let secret = self.source.fetch().await?.filter(|secret| !secret.is_empty());
            *cached =
                secret.map(|secret| Cached { key: Arc::from(secret), fetched: Moment::now() });
            Ok(cached.as_ref().map(|known| Arc::clone(&known.key)))
        })
        .await
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cached(key not shown)")
    }
}

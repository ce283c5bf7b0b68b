//! The host's tasks: all of them in one set, so that nothing outlives it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

/// A shared set of tasks.
#[derive(Clone, Debug, Default)]
pub(in crate::adapters) struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    pub(in crate::adapters) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        // What has ended is forgotten here, or the set would grow with every sandbox.
        while set.try_join_next().is_some() {}
        set.spawn(task);
    }

    /// Waits until all have ended, at most `within`; what has not is aborted.
    pub(in crate::adapters) async fn finish(&self, within: Duration) {
        let mut set = {
            let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *set)
        };
        let all = async { while set.join_next().await.is_some() {} };
        if timeout(within, all).await.is_err() {
            tracing::warn!("tasks of the lambda host had to be aborted");
        }
    }
}

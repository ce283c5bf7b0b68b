//! The dead-letter queue in memory.

use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::failure::Failure;
use crate::ports::{Dependency, FailureQueue, PortFuture};

/// The queue.
#[derive(Debug, Default)]
pub struct MemoryFailures {
    /// Makes it fail.
    pub trouble: Switch,
    sent: Mutex<Vec<Failure>>,
}

impl MemoryFailures {
    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Failure> {
        locked(&self.sent).clone()
    }
}

impl FailureQueue for MemoryFailures {
    fn send<'a>(&'a self, failure: &'a Failure) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Queue).await?;
            locked(&self.sent).push(failure.clone());
            self.trouble.after(Dependency::Queue).await
        })
    }
}

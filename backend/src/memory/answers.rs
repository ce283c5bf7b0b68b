//! Answers that were given before, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::cached::{AnswerKey, CachedAnswer};
use crate::ports::{AnswerCache, Dependency, PortFuture};

/// Answers that were given before; it forgets none.
#[derive(Debug, Default)]
pub struct MemoryAnswers {
    /// Makes it fail.
    pub trouble: Switch,
    answers: Mutex<BTreeMap<String, CachedAnswer>>,
}

impl MemoryAnswers {
    /// How many it holds.
    pub fn len(&self) -> usize {
        locked(&self.answers).len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl AnswerCache for MemoryAnswers {
    fn get<'a>(&'a self, key: &'a AnswerKey) -> PortFuture<'a, Option<CachedAnswer>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            Ok(locked(&self.answers).get(&format!("{key:?}")).cloned())
        })
    }

    fn put(&self, key: AnswerKey, answer: CachedAnswer) -> PortFuture<'_, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            locked(&self.answers).insert(format!("{key:?}"), answer);
            Ok(())
        })
    }
}

//! The memory of answers. It may forget at any time, and a use case never fails because of it.

use std::fmt;

use crate::domain::cached::{AnswerKey, CachedAnswer};
use crate::ports::PortFuture;

/// Answers by key. In this process today; a store that processes share would be another adapter.
pub trait AnswerCache: Send + Sync + fmt::Debug {
    /// What was put under the key, if it is still known.
    fn get<'a>(&'a self, key: &'a AnswerKey) -> PortFuture<'a, Option<CachedAnswer>>;
    /// Remembers a whole answer.
    fn put(&self, key: AnswerKey, answer: CachedAnswer) -> PortFuture<'_, ()>;
}

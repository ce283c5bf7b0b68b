//! The memory of answers in this process: bounded in bytes and in time, least used first out. A Lambda sandbox has its
//! own; that it is frozen between calls does no harm, since age is judged by the service's clock when an answer is read.

use std::time::Duration;

use moka::future::Cache;

use crate::domain::cached::{AnswerKey, CachedAnswer};
use crate::ports::{AnswerCache, PortFuture};

/// What all answers together may take: a few thousand of them.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Answers in memory.
#[derive(Debug)]
pub struct ProcessCache {
    answers: Cache<AnswerKey, CachedAnswer>,
}

impl ProcessCache {
    /// Forgets an answer `kept` after it was put at the latest; zero keeps none.
    pub fn new(kept: Duration) -> Self {
        let capacity = if kept.is_zero() { 0 } else { BYTES_MAX };
        let answers = Cache::builder()
            .weigher(|_key, answer: &CachedAnswer| answer.weight())
            .max_capacity(capacity)
            .time_to_live(kept)
            .build();
        Self { answers }
    }
}

impl AnswerCache for ProcessCache {
    fn get<'a>(&'a self, key: &'a AnswerKey) -> PortFuture<'a, Option<CachedAnswer>> {
        Box::pin(async move { Ok(self.answers.get(key).await) })
    }

    fn put(&self, key: AnswerKey, answer: CachedAnswer) -> PortFuture<'_, ()> {
        Box::pin(async move {
            self.answers.insert(key, answer).await;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::domain::prompt::Cited;
    use crate::domain::question::Question;
    use crate::domain::user::UserId;

    fn key(question: &str) -> AnswerKey {
        let user = UserId::parse("11111111-0000-4000-8000-000000000001").unwrap();
        AnswerKey::new(&user, 1, &Question::parse(question).unwrap(), "model#5")
    }

    fn answer(bytes: usize) -> CachedAnswer {
        CachedAnswer {
            cited: Cited { answer: "a".repeat(bytes), sources: Vec::new(), found: true },
            context_used: true,
            expires_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn what_is_put_is_found_under_its_key_only() {
        let cache = ProcessCache::new(Duration::from_mins(1));
        cache.put(key("How?"), answer(9)).await.unwrap();
        assert_eq!(cache.get(&key("how")).await.unwrap(), Some(answer(9)));
        assert_eq!(cache.get(&key("Why?")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn its_bytes_are_bounded_and_zero_keeps_nothing() {
        let cache = ProcessCache::new(Duration::from_mins(1));
        for n in 0..40 {
            cache.put(key(&format!("question {n}")), answer(1024 * 1024)).await.unwrap();
        }
        cache.answers.run_pending_tasks().await;
        assert!(cache.answers.weighted_size() <= BYTES_MAX, "{}", cache.answers.weighted_size());

        let none = ProcessCache::new(Duration::ZERO);
        none.put(key("How?"), answer(9)).await.unwrap();
        none.answers.run_pending_tasks().await;
        assert_eq!(none.get(&key("How?")).await.unwrap(), None);
    }
}

//! What became of the uploads that a later arrival deletes, repeats or replays: that arrival waits for its upload's
//! answer, but not for long.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use manuel_client::SignatureHeaders;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::timeout_at;
use verdict::plan::load::Arrival;
use verdict::plan::load::Ask;

/// An upload that was accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stored {
    pub(super) id: String,
    /// What it was signed with.
    pub(super) signature: Option<SignatureHeaders>,
}

/// Uploads by their ordinals.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Those that a later arrival refers to; the others are not kept.
    wanted: BTreeSet<u32>,
    /// Those that are sent with an idempotency key.
    repeated: BTreeSet<u32>,
    /// None for one that was not accepted.
    ended: Mutex<BTreeMap<u32, Option<Stored>>>,
    changed: Notify,
}

impl Uploads {
    pub(super) fn of(arrivals: &[Arrival]) -> Self {
        let wanted = arrivals.iter().filter_map(|arrival| upload_of(arrival.ask)).collect();
        let repeated = arrivals.iter().filter_map(|arrival| match arrival.ask {
            Ask::AgainOf(of) => Some(of),
            Ask::Nothing
            | Ask::Question(_)
            | Ask::Upload
            | Ask::DeleteOf(_)
            | Ask::ReplayOf(_)
            | Ask::DuringOutage(..) => None,
        });
        Self { wanted, repeated: repeated.collect(), ..Self::default() }
    }

    /// Whether the upload of this ordinal is repeated later: then it has an idempotency key.
    pub(super) fn is_repeated(&self, ordinal: u32) -> bool {
        self.repeated.contains(&ordinal)
    }

    /// The upload of this ordinal ended, or was never sent.
    pub(super) fn ended(&self, ordinal: u32, stored: Option<Stored>) {
        if self.wanted.contains(&ordinal) {
            self.lock().insert(ordinal, stored);
            self.changed.notify_waiters();
        }
    }

    /// What became of the upload of this ordinal; none if it was not accepted, or has no answer by `until`.
    pub(super) async fn outcome(&self, ordinal: u32, until: Instant) -> Option<Stored> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on a change is not missed.
            changed.as_mut().enable();
            if let Some(stored) = self.lock().get(&ordinal) {
                return stored.clone();
            }
            if timeout_at(until, changed).await.is_err() {
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Option<Stored>>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The upload that an arrival refers to.
pub(super) fn upload_of(ask: Ask) -> Option<u32> {
    match ask {
        Ask::DeleteOf(of) | Ask::AgainOf(of) | Ask::ReplayOf(of) => Some(of),
        Ask::Nothing | Ask::Question(_) | Ask::Upload | Ask::DuringOutage(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use verdict::domain::kind::RequestKind;

    use super::*;

    fn uploads() -> Uploads {
        let arrival =
            |ordinal, kind, ask| Arrival { ordinal, due_us: 0, stage: 0, kind, user: 0, ask };
        Uploads::of(&[
            arrival(0, RequestKind::Upload, Ask::Upload),
            arrival(1, RequestKind::Upload, Ask::Upload),
            arrival(2, RequestKind::Delete, Ask::DeleteOf(0)),
            arrival(3, RequestKind::UploadAgain, Ask::AgainOf(1)),
        ])
    }

    #[tokio::test]
    async fn an_answer_that_comes_late_is_waited_for() {
        let uploads = uploads();
        let stored = Stored { id: "m".to_owned(), signature: None };
        let until = Instant::now() + Duration::from_secs(5);
        let (seen, ()) = tokio::join!(uploads.outcome(0, until), async {
            tokio::task::yield_now().await;
            uploads.ended(0, Some(stored.clone()));
        });
        assert_eq!(seen, Some(stored));
    }

    #[tokio::test]
    async fn neither_a_refusal_nor_silence_has_an_id() {
        let uploads = uploads();
        uploads.ended(1, None);
        let until = Instant::now() + Duration::from_millis(20);
        assert_eq!(uploads.outcome(1, until).await, None);
        assert_eq!(uploads.outcome(0, until).await, None);
        assert!(uploads.is_repeated(1) && !uploads.is_repeated(0));
    }
}

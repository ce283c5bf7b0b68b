//! The dead-letter queue, the errors table and notifications in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::failure::{CLAIM_S, ErrorRecord, Failure, NOTICE_WINDOW_S};
use crate::ports::{
    Alerts, Dependency, ErrorStore, FailureQueue, FailureSource, Notice, PortError, PortErrorKind,
    PortFuture, Received,
};

/// The queue. What is received is not hidden from the next who receives: every message is delivered until it is deleted.
#[derive(Debug, Default)]
pub struct MemoryFailures {
    /// Makes it fail.
    pub trouble: Switch,
    sent: Mutex<Vec<Failure>>,
    deleted: Mutex<BTreeSet<String>>,
}

impl MemoryFailures {
    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Failure> {
        locked(&self.sent).clone()
    }

    /// How many messages were deleted.
    pub fn deleted(&self) -> usize {
        locked(&self.deleted).len()
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

impl FailureSource for MemoryFailures {
    fn receive(&self) -> PortFuture<'_, Vec<Received>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Queue).await?;
            let deleted = locked(&self.deleted).clone();
            let messages = self.sent().into_iter().enumerate().map(|(index, failure)| Received {
                message_id: format!("m-{index}"),
                receipt: format!("m-{index}"),
                body: serde_json::to_string(&failure).unwrap_or_default(),
            });
            Ok(messages.filter(|message| !deleted.contains(&message.receipt)).take(10).collect())
        })
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Queue).await?;
            locked(&self.deleted).insert(receipt.to_owned());
            self.trouble.after(Dependency::Queue).await
        })
    }
}

/// The errors table.
#[derive(Debug, Default)]
pub struct MemoryErrors {
    /// Makes it fail.
    pub trouble: Switch,
    state: Mutex<Errors>,
}

#[derive(Debug, Default)]
struct Errors {
    counted: BTreeSet<(String, String)>,
    records: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    record: ErrorRecord,
    notified_at: Option<i64>,
    claimed_until: Option<i64>,
}

impl MemoryErrors {
    /// All records, by hash.
    pub fn records(&self) -> Vec<ErrorRecord> {
        locked(&self.state).records.values().map(|kept| kept.record.clone()).collect()
    }
}

impl ErrorStore for MemoryErrors {
    fn count<'a>(
        &'a self,
        message_id: &'a str,
        failure: &'a Failure,
        _now: i64,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            locked(&self.state).count(message_id, failure);
            self.trouble.after(Dependency::Store).await
        })
    }

    fn claim_notice<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, Notice> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            let notice = locked(&self.state).records.get_mut(hash).map(|kept| kept.claim(now));
            self.trouble.after(Dependency::Store).await?;
            let missing = || PortError::new(Dependency::Store, "claiming", PortErrorKind::Corrupt);
            notice.ok_or_else(missing)
        })
    }

    fn notice_given<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            if let Some(kept) = locked(&self.state).records.get_mut(hash) {
                kept.notified_at = Some(now);
                kept.claimed_until = None;
            }
            self.trouble.after(Dependency::Store).await
        })
    }
}

impl Errors {
    fn count(&mut self, message_id: &str, failure: &Failure) {
        let hash = failure.hash();
        if !self.counted.insert((hash.clone(), message_id.to_owned())) {
            return;
        }
        let seen = failure.occurred_at.unix_timestamp();
        let new = || ErrorRecord {
            hash: hash.clone(),
            kind: failure.kind,
            operation: failure.operation.clone(),
            detail: failure.detail.clone(),
            count: 0,
            first_seen: seen,
            last_seen: seen,
            sample_request_id: failure.request_id.clone(),
        };
        let kept = self.records.entry(hash.clone()).or_insert_with(|| Kept {
            record: new(),
            notified_at: None,
            claimed_until: None,
        });
        kept.record.count += 1;
        kept.record.last_seen = seen;
    }
}

impl Kept {
    fn claim(&mut self, now: i64) -> Notice {
        if self.notified_at.is_some_and(|told| told > now - NOTICE_WINDOW_S) {
            return Notice::Given;
        }
        if self.claimed_until.is_some_and(|until| until > now) {
            return Notice::Claimed;
        }
        self.claimed_until = Some(now + CLAIM_S);
        Notice::Due(self.record.clone())
    }
}

/// Notifications.
#[derive(Debug, Default)]
pub struct MemoryAlerts {
    /// Makes it fail.
    pub trouble: Switch,
    given: Mutex<Vec<ErrorRecord>>,
}

impl MemoryAlerts {
    /// What people were told, in order.
    pub fn given(&self) -> Vec<ErrorRecord> {
        locked(&self.given).clone()
    }
}

impl Alerts for MemoryAlerts {
    fn notify<'a>(&'a self, error: &'a ErrorRecord) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Alerts).await?;
            locked(&self.given).push(error.clone());
            self.trouble.after(Dependency::Alerts).await
        })
    }
}

//! Announced uploads in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::manual::PendingUpload;
use crate::domain::user::UserId;
use crate::ports::{Dependency, Page, PendingStore, PortFuture};

/// Announced uploads.
#[derive(Debug, Default)]
pub struct MemoryPending {
    /// Makes them fail.
    pub trouble: Switch,
    notes: Mutex<BTreeMap<String, PendingUpload>>,
    place: Mutex<Option<String>>,
}

impl MemoryPending {
    /// The ids of the manuals that were announced.
    pub fn ids(&self) -> Vec<String> {
        locked(&self.notes).values().map(|pending| pending.manual_id.clone()).collect()
    }
}

impl PendingStore for MemoryPending {
    fn note<'a>(&'a self, pending: &'a PendingUpload) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            let place = place(&pending.user, &pending.manual_id);
            locked(&self.notes).insert(place, pending.clone());
            self.trouble.after(Dependency::Store).await
        })
    }

    fn find<'a>(
        &'a self,
        user: &'a UserId,
        manual_id: &'a str,
    ) -> PortFuture<'a, Option<PendingUpload>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            Ok(locked(&self.notes).get(&place(user, manual_id)).cloned())
        })
    }

    fn forget<'a>(&'a self, user: &'a UserId, manual_id: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            locked(&self.notes).remove(&place(user, manual_id));
            self.trouble.after(Dependency::Store).await
        })
    }

    fn all<'a>(
        &'a self,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<PendingUpload>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            let from = after.map_or(Bound::Unbounded, |place| Bound::Excluded(place.to_owned()));
            let notes = locked(&self.notes);
            let mut after = notes.range((from, Bound::Unbounded));
            let page: Vec<_> = after.by_ref().take(limit).collect();
            let last = page.last().map(|(place, _)| (*place).clone());
            let items = page.into_iter().map(|(_, pending)| pending.clone()).collect();
            Ok(Page { items, next_after: last.filter(|_| after.next().is_some()) })
        })
    }

    fn place(&self) -> PortFuture<'_, Option<String>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            Ok(locked(&self.place).clone())
        })
    }

    fn keep_place<'a>(&'a self, place: Option<&'a str>) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            *locked(&self.place) = place.map(str::to_owned);
            self.trouble.after(Dependency::Store).await
        })
    }
}

fn place(user: &UserId, manual_id: &str) -> String {
    format!("{manual_id}#{}", user.as_str())
}

//! Slots of rate limits in memory: taking one is one locked step, as a conditional write is one step for the table.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::rate_limit::{Subject, TakenSlot};
use crate::ports::{Dependency, PortFuture, RateLimitStore, SlotRequest};

/// The slots of all subjects.
#[derive(Debug, Default)]
pub struct MemoryRateLimit {
    /// Makes it fail.
    pub trouble: Switch,
    slots: Mutex<BTreeMap<(Subject, u32), TakenSlot>>,
    calls: Mutex<u64>,
}

impl MemoryRateLimit {
    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        *locked(&self.calls)
    }

    /// All slots that were ever taken.
    pub fn slots(&self) -> Vec<TakenSlot> {
        locked(&self.slots).values().cloned().collect()
    }
}

impl RateLimitStore for MemoryRateLimit {
    fn take<'a>(&'a self, request: SlotRequest<'a>) -> PortFuture<'a, bool> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            *locked(&self.calls) += 1;
            let taken = {
                let mut slots = locked(&self.slots);
                let key = (request.subject.clone(), request.slot);
                let free = slots.get(&key).is_none_or(|known| {
                    known.at_ms <= request.free_until_ms || known.at_ms > request.plausible_until_ms
                });
                if free {
                    let (slot, at_ms) = (request.slot, request.now_ms);
                    slots.insert(key, TakenSlot { slot, at_ms, by: request.by.to_owned() });
                }
                free
            };
            self.trouble.after(Dependency::Store).await?;
            Ok(taken)
        })
    }

    fn taken<'a>(&'a self, subject: &'a Subject) -> PortFuture<'a, Vec<TakenSlot>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Store).await?;
            *locked(&self.calls) += 1;
            let own = |(key, taken): (&(Subject, u32), &TakenSlot)| {
                (key.0 == *subject).then(|| taken.clone())
            };
            let taken = locked(&self.slots).iter().filter_map(own).collect();
            self.trouble.after(Dependency::Store).await?;
            Ok(taken)
        })
    }
}

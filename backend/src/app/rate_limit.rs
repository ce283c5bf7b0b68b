//! Admitting calls within a rate limit. The slots are in the store, so the limit holds across processes; what this
//! process has seen of them only saves calls: one per admitted call, none for most refused ones. A refused call takes
//! no slot, so it prolongs nothing.

use std::sync::{Arc, Mutex, PoisonError};

use moka::future::Cache;

use crate::app::error::{AppError, AppResult};
use crate::clock::Clock;
use crate::defects::{self, Defect};
use crate::domain::rate_limit::{AllTaken, RateLimit, SeenSlots, Subject};
use crate::ports::{RateLimitStore, SlotRequest};

/// Slots that one call asks for, at most. Each that it does not get was taken by another call in the meantime.
const TRIES_MAX: u32 = 16;

/// Subjects whose slots a process remembers.
const SUBJECTS_MAX: u64 = 4096;

/// Limits the calls of subjects.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    store: Arc<dyn RateLimitStore>,
    clock: Clock,
    limit: RateLimit,
    seen: Cache<Subject, Arc<Mutex<SeenSlots>>>,
}

impl RateLimiter {
    /// A limiter over a store.
    pub fn new(store: Arc<dyn RateLimitStore>, clock: Clock, limit: RateLimit) -> Self {
        let seen = Cache::builder().max_capacity(SUBJECTS_MAX).time_to_idle(limit.window).build();
        Self { store, clock, limit, seen }
    }

    /// Counts a call, or says when to come again.
    pub async fn admit(&self, subject: Subject) -> AppResult<()> {
        let seen = self.seen.get_with(subject.clone(), async { Arc::default() }).await;
        let by = uuid::Uuid::new_v4().simple().to_string();
        for _try in 0..TRIES_MAX {
            let now_ms = self.clock.unix_ms();
            let marked = self.mark(&seen, now_ms).map_err(refused)?;
            let slot = marked.slot;
            let request = self.request(&subject, slot, &by, now_ms);
            if self.store.take(request).await.map_err(AppError::Port)? {
                marked.taken();
                return Ok(());
            }
            let stored = self.store.taken(&subject).await.map_err(AppError::Port)?;
            marked.taken();
            locked(&seen).learn(slot, &stored);
            // The adapter repeats a step whose reply was lost, and then meets itself.
            if stored.iter().any(|taken| taken.slot == slot && taken.by == by) {
                return Ok(());
            }
        }
        Err(refused(AllTaken { wait_s: 1 }))
    }

    fn mark<'a>(&self, seen: &'a Mutex<SeenSlots>, now_ms: i64) -> Result<Marked<'a>, AllTaken> {
        let mut slots = locked(seen);
        let marked = slots.mark_free_one(self.limit, now_ms, rand::random());
        if marked.is_err() && defects::is_on(Defect::LimiterCountsRefused) {
            slots.prolong(now_ms);
        }
        Ok(Marked { seen, slot: marked?, at_ms: Some(now_ms) })
    }

    fn request<'a>(
        &self,
        subject: &'a Subject,
        slot: u32,
        by: &'a str,
        now_ms: i64,
    ) -> SlotRequest<'a> {
        let free_again_ms = now_ms.saturating_add(self.limit.window_ms());
        SlotRequest {
            subject,
            slot,
            by,
            now_ms,
            free_until_ms: self.limit.free_until_ms(now_ms),
            plausible_until_ms: self.limit.plausible_until_ms(now_ms),
            expires_at: free_again_ms / 1000 + 1,
        }
    }
}

/// A slot that was marked before the store was asked, so that no other call of this process asks for it meanwhile. If
/// the store does not answer, or nobody waits for it any more, the mark goes: a store that is out must not leave slots
/// that look taken, and a slot that was taken after all is found out by asking.
struct Marked<'a> {
    seen: &'a Mutex<SeenSlots>,
    slot: u32,
    at_ms: Option<i64>,
}

impl Marked<'_> {
    /// The store has answered.
    fn taken(mut self) {
        self.at_ms = None;
    }
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        if let Some(at_ms) = self.at_ms {
            locked(self.seen).unmark(self.slot, at_ms);
        }
    }
}

fn refused(AllTaken { wait_s }: AllTaken) -> AppError {
    AppError::RateLimited { retry_after_s: wait_s }
}

fn locked(seen: &Mutex<SeenSlots>) -> std::sync::MutexGuard<'_, SeenSlots> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

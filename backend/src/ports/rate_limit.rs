//! The slots of rate limits.

use std::fmt;

use crate::domain::rate_limit::{Subject, TakenSlot};
use crate::ports::PortFuture;

/// A call that wants a slot.
#[derive(Debug, Clone, Copy)]
pub struct SlotRequest<'a> {
    /// Whose slot.
    pub subject: &'a Subject,
    /// Which one.
    pub slot: u32,
    /// Names this call: a later read tells who took the slot.
    pub by: &'a str,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// It is free if it was taken at this time or before.
    pub free_until_ms: i64,
    /// It is free, too, if it was taken after this time.
    pub plausible_until_ms: i64,
    /// Unix seconds from which on nobody needs to know of it.
    pub expires_at: i64,
}

/// The slots. Both methods hold across processes.
pub trait RateLimitStore: Send + Sync + fmt::Debug {
    /// Takes a slot if it is free, in one step; whether it was taken.
    fn take<'a>(&'a self, request: SlotRequest<'a>) -> PortFuture<'a, bool>;
    /// All slots of a subject that were ever taken, in one consistent read; those that are free again may be missing.
    fn taken<'a>(&'a self, subject: &'a Subject) -> PortFuture<'a, Vec<TakenSlot>>;
}

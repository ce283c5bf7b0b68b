//! The counters of users.

use std::fmt;

use time::OffsetDateTime;

use crate::domain::quota::{Charge, Period, QuotaLimits, Reservation, UsageSnapshot};
use crate::domain::user::UserId;
use crate::ports::PortFuture;

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Both counters moved.
    Done,
    /// Neither moved: this one is full.
    Full(Period),
}

/// Whether a reservation was still there to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was, and it is settled now.
    Now,
    /// It was not: settled before, expired and given back, or never made.
    NotThere,
}

/// The counters. Every method is one atomic step or one read.
pub trait QuotaStore: Send + Sync + fmt::Debug {
    /// Moves both counters and notes the reservation, or does nothing.
    fn reserve<'a>(
        &'a self,
        held: &'a Reservation,
        limits: QuotaLimits,
    ) -> PortFuture<'a, Reserved>;
    /// The call was answered: books it on its day and leaves a receipt for [`QuotaStore::take_back`].
    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled>;
    /// The call was not answered: both counters go back.
    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled>;
    /// The call was booked but could not be answered after all: undoes [`QuotaStore::keep`] by its receipt.
    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled>;
    /// The counters from `first_day` to `now` and the open reservations, in one consistent read.
    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot>;
    /// Whether the store answers.
    fn probe(&self) -> PortFuture<'_, ()>;
}

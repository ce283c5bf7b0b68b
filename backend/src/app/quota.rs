//! Taking a call from the quota before it is worked on, and settling it after. A reservation that is dropped unsettled
//! (the client went away, the deadline passed) is given back by a task; one that a crash leaves heals by expiry.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::app::caller::Caller;
use crate::app::conflict;
use crate::app::error::{AppError, AppResult};
use crate::app::failures::Failures;
use crate::clock::Clock;
use crate::context::{self, Deadline};
use crate::defects::{self, Defect};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::quota::{
    Charge, Period, QuotaLimits, Reservation, UsageSnapshot, day_of, month_of, seconds_to_reset,
};
use crate::domain::user::UserId;
use crate::ports::{QuotaStore, Reserved, Settled};

/// A reservation outlives the deadline of its request by this: time for settling it.
const GRACE_S: i64 = 60;

/// How long a task may try to give back what a dropped request had reserved; then expiry heals it.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(10);

/// A store that failed is asked again after this; the pause doubles up to [`ASKED_AGAIN_MAX`].
const ASKED_AGAIN_MIN: Duration = Duration::from_millis(250);

/// The longest such pause.
const ASKED_AGAIN_MAX: Duration = Duration::from_secs(2);

/// Reserves, settles and heals.
#[derive(Debug, Clone)]
pub struct QuotaKeeper {
    store: Arc<dyn QuotaStore>,
    clock: Clock,
    limits: QuotaLimits,
    failures: Failures,
}

/// A reservation to be settled; dropping it gives it back.
#[derive(Debug)]
#[must_use = "a reservation that is dropped is given back"]
pub struct Held {
    keeper: QuotaKeeper,
    reservation: Option<Reservation>,
    charge: Option<Charge>,
}

impl QuotaKeeper {
    /// A keeper over a store; the tasks of `failures` run what outlives a request.
    pub fn new(
        store: Arc<dyn QuotaStore>,
        clock: Clock,
        limits: QuotaLimits,
        failures: Failures,
    ) -> Self {
        Self { store, clock, limits, failures }
    }

    /// The limits.
    pub const fn limits(&self) -> QuotaLimits {
        self.limits
    }

    /// Takes one call from both counters.
    pub async fn reserve(&self, caller: &Caller) -> AppResult<Held> {
        match self.try_reserve(caller).await {
            Err(AppError::QuotaExceeded { .. }) if self.heal_before_refusing(caller).await? => {
                self.try_reserve(caller).await
            }
            outcome => outcome,
        }
    }

    /// The user's counters after what expired was given back.
    pub async fn read(
        &self,
        user: &UserId,
        first_day: &str,
        deadline: Deadline,
    ) -> AppResult<UsageSnapshot> {
        let snapshot = self.snapshot(user, first_day, deadline).await?;
        let healed = self.heal(&snapshot.expired(self.clock.now()), deadline).await?;
        if healed { self.snapshot(user, first_day, deadline).await } else { Ok(snapshot) }
    }

    async fn try_reserve(&self, caller: &Caller) -> AppResult<Held> {
        let now = self.clock.now();
        let reservation = Self::reservation(caller, now);
        // Held before the call: if its outcome stays unknown, dropping gives back what it may have taken.
        let mut held =
            Held { keeper: self.clone(), reservation: Some(reservation.clone()), charge: None };
        let step = || self.store.reserve(&reservation, self.limits);
        match conflict::resolve(caller.deadline, step).await {
            Ok(Reserved::Done) => Ok(held),
            Ok(Reserved::Full(period)) => {
                held.reservation = None;
                Err(exceeded(period, now))
            }
            Err(AppError::Port(_)) if defects::is_on(Defect::QuotaFailsOpen) => {
                held.reservation = None;
                Ok(held)
            }
            Err(error) => {
                if matches!(&error, AppError::Port(port) if !port.was_begun()) {
                    held.reservation = None;
                }
                Err(error)
            }
        }
    }

    fn reservation(caller: &Caller, now: OffsetDateTime) -> Reservation {
        let remaining = i64::try_from(caller.deadline.remaining().as_secs()).unwrap_or(GRACE_S);
        Reservation {
            id: caller.request_id.clone(),
            user: caller.user.clone(),
            day: day_of(now),
            month: month_of(now),
            expires_at: now.unix_timestamp().saturating_add(remaining).saturating_add(GRACE_S),
        }
    }

    /// Whether anything had expired, so that a full counter may have room again.
    async fn heal_before_refusing(&self, caller: &Caller) -> AppResult<bool> {
        let now = self.clock.now();
        let snapshot = self.snapshot(&caller.user, &day_of(now), caller.deadline).await?;
        self.heal(&snapshot.expired(now), caller.deadline).await
    }

    /// Gives back what expired; whether there was anything, be it that another caller was faster.
    async fn heal(&self, expired: &[Reservation], deadline: Deadline) -> AppResult<bool> {
        for held in expired {
            conflict::resolve(deadline, || self.store.give_back(held)).await?;
        }
        Ok(!expired.is_empty())
    }

    /// A reservation expires; a call that may have been booked is nobody's to heal.
    fn report_left(&self, reservation: &Reservation, charge: Option<Charge>) {
        let (kind, operation, detail) = if charge.is_none() {
            (FailureKind::ReservationLeft, "give back", "a reservation is left to expiry")
        } else {
            (FailureKind::ChargeLeft, "take back", "a call without an answer may stay charged")
        };
        let failure = Failure::new(kind, operation, detail, self.clock.now());
        self.failures.report(failure.of_user(&reservation.user));
    }

    async fn snapshot(
        &self,
        user: &UserId,
        first_day: &str,
        deadline: Deadline,
    ) -> AppResult<UsageSnapshot> {
        let read = self.store.read(user, first_day, self.clock.now());
        deadline.bound(read).await.map_err(AppError::Deadline)?.map_err(AppError::Port)
    }
}

fn exceeded(period: Period, now: OffsetDateTime) -> AppError {
    AppError::QuotaExceeded { period, resets_in_s: seconds_to_reset(period, now) }
}

impl Held {
    /// Books the call; only after this may it be answered with a 2xx.
    pub async fn keep(mut self, charge: Charge, deadline: Deadline) -> AppResult<()> {
        let Some(reservation) = self.reservation.clone() else { return Ok(()) };
        self.charge = Some(charge);
        let step = || self.keeper.store.keep(&reservation, charge);
        // An error leaves it held: whether it was booked is unknown, so dropping undoes either.
        match conflict::resolve(deadline, step).await? {
            Settled::Now => {
                self.reservation = None;
                Ok(())
            }
            Settled::NotThere => {
                self.reservation = None;
                Err(AppError::ReservationLost)
            }
        }
    }

    /// Gives the call back before the failure is answered; what cannot be given back now is given back by a task.
    pub async fn give_back(mut self, deadline: Deadline) {
        if defects::is_on(Defect::ChargedOnFailure) {
            self.reservation = None;
        }
        let Some(reservation) = self.reservation.clone() else { return };
        let step = || self.keeper.store.give_back(&reservation);
        match conflict::resolve(deadline, step).await {
            Ok(_settled) => self.reservation = None,
            Err(error) => {
                let cause = crate::logging::chain(&error);
                tracing::warn!(message = "reservation not given back yet", cause);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation.take() else { return };
        if defects::is_on(Defect::ChargedOnFailure) {
            return;
        }
        let keeper = self.keeper.clone();
        let charge = self.charge;
        let undoing = async move {
            let patience = keeper.failures.patience(GIVE_BACK_WITHIN);
            let undone = undo(keeper.store.as_ref(), &reservation, charge, patience).await;
            if let Err(error) = undone {
                let cause = crate::logging::chain(&error);
                tracing::warn!(message = "reservation not settled", cause);
                keeper.report_left(&reservation, charge);
            }
        };
        let tasks = self.keeper.failures.tasks();
        // The request's trace goes on in what is done for it.
        match context::current() {
            Some(context) => tasks.spawn(context.scope(undoing)),
            None => tasks.spawn(undoing),
        };
    }
}

/// Gives back a reservation of which it is unknown whether it was made, and whether it was booked. A store that is out for a
/// moment is asked again: until the reservation expires, its user has a call less.
async fn undo(
    store: &dyn QuotaStore,
    reservation: &Reservation,
    charge: Option<Charge>,
    patience: Duration,
) -> AppResult<()> {
    let deadline = Deadline::after(GIVE_BACK_WITHIN);
    let patient = Deadline::after(patience);
    let mut pause = ASKED_AGAIN_MIN;
    loop {
        match undo_once(store, reservation, charge, deadline).await {
            Err(AppError::Port(_)) if patient.remaining() > pause => {
                crate::clock::pause(pause).await;
                pause = (pause * 2).min(ASKED_AGAIN_MAX);
            }
            outcome => return outcome,
        }
    }
}

async fn undo_once(
    store: &dyn QuotaStore,
    reservation: &Reservation,
    charge: Option<Charge>,
    deadline: Deadline,
) -> AppResult<()> {
    let settled = conflict::resolve(deadline, || store.give_back(reservation)).await?;
    if let (Settled::NotThere, Some(charge)) = (settled, charge) {
        conflict::resolve(deadline, || store.take_back(reservation, charge)).await?;
    }
    Ok(())
}

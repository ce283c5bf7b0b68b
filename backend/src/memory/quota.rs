//! Counters in memory: each method is one locked step, as a conditional transaction is one step for the table.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rust_decimal::Decimal;
use time::OffsetDateTime;

use super::{Switch, locked};
use crate::domain::quota::{
    Charge, Operation, Period, QuotaLimits, Reservation, UsageDay, UsageSnapshot, month_of,
};
use crate::domain::user::UserId;
use crate::ports::{Dependency, PortFuture, QuotaStore, Reserved, Settled};

/// The counters of all users.
#[derive(Debug, Default)]
pub struct MemoryQuota {
    /// Makes it fail.
    pub trouble: Switch,
    accounts: Mutex<BTreeMap<UserId, Account>>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    days: BTreeMap<String, Day>,
    months: BTreeMap<String, u64>,
    reservations: BTreeMap<String, Reservation>,
    receipts: BTreeMap<String, Charge>,
}

#[derive(Debug, Clone, Default)]
struct Day {
    used: u64,
    queries: u64,
    transcriptions: u64,
    cost: Decimal,
}

impl Day {
    /// The figure that a call of this kind counts in.
    fn answered(&mut self, operation: Operation) -> &mut u64 {
        match operation {
            Operation::Query => &mut self.queries,
            Operation::Transcribe => &mut self.transcriptions,
        }
    }
}

impl MemoryQuota {
    /// Puts a call in progress there that nobody will settle, as a crash does.
    pub fn leave_behind(&self, held: &Reservation) {
        let mut accounts = locked(&self.accounts);
        let account = accounts.entry(held.user.clone()).or_default();
        account.days.entry(held.day.clone()).or_default().used += 1;
        *account.months.entry(held.month.clone()).or_default() += 1;
        account.reservations.insert(held.id.clone(), held.clone());
    }

    /// What a check from outside would read: (used on the day, queries on the day, used in the month, open calls).
    pub fn figures(&self, user: &UserId, day: &str, month: &str) -> (u64, u64, u64, usize) {
        let accounts = locked(&self.accounts);
        let Some(account) = accounts.get(user) else { return (0, 0, 0, 0) };
        let counted = account.days.get(day).cloned().unwrap_or_default();
        let month = account.months.get(month).copied().unwrap_or_default();
        (counted.used, counted.queries, month, account.reservations.len())
    }

    async fn step<T>(
        &self,
        user: &UserId,
        effect: impl FnOnce(&mut Account) -> T + Send,
    ) -> Result<T, crate::ports::PortError>
    where
        T: Send,
    {
        self.trouble.before(Dependency::Store).await?;
        let done = effect(locked(&self.accounts).entry(user.clone()).or_default());
        self.trouble.after(Dependency::Store).await?;
        Ok(done)
    }
}

impl QuotaStore for MemoryQuota {
    fn reserve<'a>(
        &'a self,
        held: &'a Reservation,
        limits: QuotaLimits,
    ) -> PortFuture<'a, Reserved> {
        Box::pin(self.step(&held.user, move |account| {
            let day = account.days.entry(held.day.clone()).or_default();
            let month = account.months.entry(held.month.clone()).or_default();
            if *month >= limits.monthly {
                return Reserved::Full(Period::Month);
            }
            if day.used >= limits.daily {
                return Reserved::Full(Period::Day);
            }
            day.used += 1;
            *month += 1;
            account.reservations.insert(held.id.clone(), held.clone());
            Reserved::Done
        }))
    }

    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        Box::pin(self.step(&held.user, move |account| {
            if account.reservations.remove(&held.id).is_none() {
                return Settled::NotThere;
            }
            account.receipts.insert(held.id.clone(), charge);
            let day = account.days.entry(held.day.clone()).or_default();
            *day.answered(charge.operation) += 1;
            day.cost += charge.cost;
            Settled::Now
        }))
    }

    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled> {
        Box::pin(self.step(&held.user, move |account| {
            if account.reservations.remove(&held.id).is_none() {
                return Settled::NotThere;
            }
            account.count_down(held);
            Settled::Now
        }))
    }

    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        Box::pin(self.step(&held.user, move |account| {
            if account.receipts.remove(&held.id).is_none() {
                return Settled::NotThere;
            }
            account.count_down(held);
            let day = account.days.entry(held.day.clone()).or_default();
            let answered = day.answered(charge.operation);
            *answered = answered.saturating_sub(1);
            day.cost -= charge.cost;
            Settled::Now
        }))
    }

    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot> {
        Box::pin(self.step(user, move |account| {
            UsageSnapshot {
                days: account
                    .days
                    .range(first_day.to_owned()..)
                    .map(|(date, day)| UsageDay {
                        date: date.clone(),
                        used: day.used,
                        queries: day.queries,
                        transcriptions: day.transcriptions,
                        cost: day.cost,
                    })
                    .collect(),
                month_used: account.months.get(&month_of(now)).copied().unwrap_or_default(),
                reservations: account.reservations.values().cloned().collect(),
            }
        }))
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        Box::pin(self.trouble.before(Dependency::Store))
    }
}

impl Account {
    fn count_down(&mut self, held: &Reservation) {
        let day = self.days.entry(held.day.clone()).or_default();
        day.used = day.used.saturating_sub(1);
        let month = self.months.entry(held.month.clone()).or_default();
        *month = month.saturating_sub(1);
    }
}

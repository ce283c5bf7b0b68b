//! The two counters of a user, per UTC day and per UTC month, and what is reserved from them.

use rust_decimal::Decimal;
use time::{Date, OffsetDateTime, UtcOffset};

use crate::domain::user::UserId;

/// How many calls a user may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Per UTC day.
    pub daily: u64,
    /// Per UTC month.
    pub monthly: u64,
}

/// The counter that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The day's.
    Day,
    /// The month's.
    Month,
}

/// One call taken from both counters, not yet answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The request's id.
    pub id: String,
    /// Whose counters.
    pub user: UserId,
    /// The day that was charged, `YYYY-MM-DD`: giving back goes there, whatever day it is then.
    pub day: String,
    /// The month that was charged, `YYYY-MM`.
    pub month: String,
    /// Unix seconds after which the call is taken for crashed and anybody may give it back.
    pub expires_at: i64,
}

/// What was called; both kinds are taken from the same counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A question, typed or spoken.
    Query,
    /// A transcription alone.
    Transcribe,
}

impl Operation {
    /// The name in a cost.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Transcribe => "transcribe",
        }
    }
}

/// What an answered call adds to its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Which of the day's figures it counts in.
    pub operation: Operation,
    /// US dollars.
    pub cost: Decimal,
}

/// The counters of one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Calls answered and calls in progress.
    pub used: u64,
    /// Questions answered.
    pub queries: u64,
    /// Transcriptions answered.
    pub transcriptions: u64,
    /// US dollars.
    pub cost: Decimal,
}

/// Everything one read of a user's counters gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageSnapshot {
    /// From the first day asked for, ascending; days without a call are missing.
    pub days: Vec<UsageDay>,
    /// Calls of the current month, those in progress included.
    pub month_used: u64,
    /// Calls in progress, and those that a crash left.
    pub reservations: Vec<Reservation>,
}

impl UsageSnapshot {
    /// The calls of one day, those in progress included.
    pub fn day_used(&self, day: &str) -> u64 {
        self.days.iter().find(|row| row.date == day).map_or(0, |row| row.used)
    }

    /// The reservations that nobody will settle any more.
    pub fn expired(&self, now: OffsetDateTime) -> Vec<Reservation> {
        let now = now.unix_timestamp();
        self.reservations.iter().filter(|held| held.expires_at < now).cloned().collect()
    }
}

/// `YYYY-MM-DD` of the UTC day.
pub fn day_of(now: OffsetDateTime) -> String {
    iso_date(now.to_offset(UtcOffset::UTC).date())
}

/// `YYYY-MM` of the UTC month.
pub fn month_of(now: OffsetDateTime) -> String {
    let date = now.to_offset(UtcOffset::UTC).date();
    format!("{:04}-{:02}", date.year(), u8::from(date.month()))
}

/// The first of the last `days` days, today included.
pub fn first_day(now: OffsetDateTime, days: u32) -> String {
    let back = time::Duration::days(i64::from(days.saturating_sub(1)));
    iso_date(now.to_offset(UtcOffset::UTC).saturating_sub(back).date())
}

/// When the counter starts again at zero: the next UTC midnight, or the first of the next UTC month.
pub fn resets_at(period: Period, now: OffsetDateTime) -> OffsetDateTime {
    let today = now.to_offset(UtcOffset::UTC).date();
    let next = match period {
        Period::Day => today.next_day(),
        Period::Month => first_of_next_month(today),
    };
    next.unwrap_or(today).midnight().assume_utc()
}

/// Whole seconds until the counter starts again, rounded up, at least 1.
pub fn seconds_to_reset(period: Period, now: OffsetDateTime) -> u64 {
    let left = (resets_at(period, now) - now).whole_milliseconds();
    u64::try_from(left).unwrap_or(0).div_ceil(1000).max(1)
}

fn first_of_next_month(date: Date) -> Option<Date> {
    let month = date.month().next();
    let year = if month == time::Month::January { date.year() + 1 } else { date.year() };
    Date::from_calendar_date(year, month, 1).ok()
}

fn iso_date(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn days_and_months_roll_over_in_utc() {
        let eve = datetime!(2026-12-31 23:59:59.5 UTC);
        assert_eq!((day_of(eve), month_of(eve)), ("2026-12-31".into(), "2026-12".into()));
        assert_eq!(resets_at(Period::Day, eve), datetime!(2027-01-01 0:00 UTC));
        assert_eq!(resets_at(Period::Month, eve), datetime!(2027-01-01 0:00 UTC));
        assert_eq!(seconds_to_reset(Period::Day, eve), 1);

        let elsewhere = datetime!(2026-12-31 23:30 -2);
        assert_eq!(day_of(elsewhere), "2027-01-01");

        let leap = datetime!(2028-02-28 12:00 UTC);
        assert_eq!(resets_at(Period::Day, leap), datetime!(2028-02-29 0:00 UTC));
        assert_eq!(resets_at(Period::Month, leap), datetime!(2028-03-01 0:00 UTC));
        assert_eq!(first_day(datetime!(2028-03-01 0:00 UTC), 2), "2028-02-29");
    }

    proptest! {
        #[test]
        fn one_second_before_the_reset_is_still_the_old_period(seconds in 0_i64..4_000_000_000) {
            let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let second = time::Duration::SECOND;
            let midnight = resets_at(Period::Day, now);
            prop_assert!(midnight > now && midnight - now <= time::Duration::DAY);
            prop_assert_eq!(day_of(midnight - second), day_of(now));
            prop_assert_ne!(day_of(midnight), day_of(now));

            let first = resets_at(Period::Month, now);
            prop_assert!(first > now && first - now <= time::Duration::days(31));
            prop_assert_eq!(month_of(first - second), month_of(now));
            prop_assert_ne!(month_of(first), month_of(now));
            prop_assert!(day_of(first).ends_with("-01"));
        }
    }
}

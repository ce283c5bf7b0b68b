//! The usage table: counters, reservations and receipts of one user under `pk = USER#<sub>`.
//!
//! | `sk` | attributes |
//! |---|---|
//! | `DAY#YYYY-MM-DD` | `used` (answered and in progress), `queries`, `transcriptions`, `cost` (decimal US dollars), `purge_at` |
//! | `MONTH#YYYY-MM` | `used`, `purge_at` |
//! | `RES#<request id>` | a call in progress: `day`, `month`, `expires_at`, `purge_at` |
//! | `ANSWERED#<request id>` | receipt of an answered call, for a quarter of an hour: `day`, `month`, `cost`, `purge_at` |
//!
//! All times are Unix seconds. `expires_at` of a reservation is judged by us; the table's TTL is on `purge_at`, more
//! than a year later, so that an expired reservation is still there to be given back. The sort keys make the counters
//! and the reservations one range, `DAY#<first> ..= RES#~`, which leaves the receipts out.

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::aws::dynamo::{
    Change, Item, KeyRange, Table, Transacted, number, number_of, string, text_of, token, user_pk,
};
use crate::context::dependency;
use crate::defects::{self, Defect};
use crate::domain::quota::{
    Charge, Operation, Period, QuotaLimits, Reservation, UsageDay, UsageSnapshot, month_of,
};
use crate::domain::user::UserId;
use crate::ports::{
    Dependency, PortError, PortErrorKind, PortFuture, QuotaStore, Reserved, Settled,
};

/// How long counters are kept, in seconds.
const COUNTERS_KEPT_S: i64 = 400 * 24 * 3600;

/// How long a receipt is kept, in seconds: longer than anybody tries to undo a call.
const RECEIPT_KEPT_S: i64 = 15 * 60;

const USED: (&str, &str) = ("#used", "used");
const PURGE_AT: (&str, &str) = ("#purge_at", "purge_at");
const COST: (&str, &str) = ("#cost", "cost");

/// The counters in `DynamoDB`.
#[derive(Debug)]
pub(super) struct DynamoQuota {
    table: Table,
}

impl DynamoQuota {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }

    /// One more, but not more than the limit.
    fn count_up(
        &self,
        held: &Reservation,
        sk: &str,
        limit: u64,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, PortError> {
        let change = Change {
            update: "ADD #used :one SET #purge_at = :purge_at",
            condition: Some("attribute_not_exists(#used) OR #used < :limit"),
            names: &[USED, PURGE_AT],
            values: vec![
                (":one", number(1)),
                (":limit", number(limit)),
                (":purge_at", number(held.expires_at.saturating_add(COUNTERS_KEPT_S))),
            ],
        };
        self.table.update(&user_pk(&held.user), sk, change)
    }

    fn count_down(
        &self,
        held: &Reservation,
        sk: &str,
    ) -> Result<aws_sdk_dynamodb::types::TransactWriteItem, PortError> {
        let change = Change {
            update: "ADD #used :minus_one",
            condition: Some("#used >= :one"),
            names: &[USED],
            values: vec![(":minus_one", number(-1)), (":one", number(1))],
        };
        self.table.update(&user_pk(&held.user), sk, change)
    }

    fn reservation_item(held: &Reservation) -> Item {
        Item::from([
            ("pk".to_owned(), string(user_pk(&held.user))),
            ("sk".to_owned(), string(reservation_sk(&held.id))),
            ("day".to_owned(), string(&held.day)),
            ("month".to_owned(), string(&held.month)),
            ("expires_at".to_owned(), number(held.expires_at)),
            ("purge_at".to_owned(), number(held.expires_at.saturating_add(COUNTERS_KEPT_S))),
        ])
    }

    fn receipt_item(held: &Reservation, charge: Charge) -> Item {
        Item::from([
            ("pk".to_owned(), string(user_pk(&held.user))),
            ("sk".to_owned(), string(receipt_sk(&held.id))),
            ("day".to_owned(), string(&held.day)),
            ("month".to_owned(), string(&held.month)),
            ("cost".to_owned(), number(charge.cost)),
            ("purge_at".to_owned(), number(held.expires_at.saturating_add(RECEIPT_KEPT_S))),
        ])
    }

    /// The seeded defect: three steps, so that two callers can both see room for one.
    async fn reserve_in_steps(
        &self,
        held: &Reservation,
        limits: QuotaLimits,
    ) -> Result<Reserved, PortError> {
        let pk = user_pk(&held.user);
        let counters = [
            (day_sk(&held.day), limits.daily, Period::Day),
            (month_sk(&held.month), limits.monthly, Period::Month),
        ];
        let mut read = Vec::new();
        for (sk, limit, period) in counters {
            let item = self.table.get(&pk, &sk).await?.unwrap_or_default();
            let used: u64 = number_of(&item, "used")?;
            if used >= limit {
                return Ok(Reserved::Full(period));
            }
            read.push((sk, used));
        }
        for (sk, used) in read {
            let call = self
                .table
                .client
                .update_item()
                .table_name(&self.table.name)
                .key("pk", string(&pk))
                .key("sk", string(sk))
                .update_expression("SET #used = :used")
                .expression_attribute_names("#used", "used")
                .expression_attribute_values(":used", number(used + 1));
            dependency(call.send()).await.map_err(|error| {
                crate::aws::error::port_error(Dependency::Store, "UpdateItem", error)
            })?;
        }
        let note = vec![self.table.put(Self::reservation_item(held), false)?];
        self.table.transact(&token("reserve", &held.id), note).await?;
        Ok(Reserved::Done)
    }

    async fn reserve_at_once(
        &self,
        held: &Reservation,
        limits: QuotaLimits,
    ) -> Result<Reserved, PortError> {
        let writes = vec![
            self.count_up(held, &day_sk(&held.day), limits.daily)?,
            self.count_up(held, &month_sk(&held.month), limits.monthly)?,
            self.table.put(Self::reservation_item(held), true)?,
        ];
        match self.table.transact(&token("reserve", &held.id), writes).await? {
            Transacted::Done => Ok(Reserved::Done),
            Transacted::Refused(refused) => match refused.as_slice() {
                // A full month is named first: the day's counter starts again sooner, but that would not help.
                [_, true, _] => Ok(Reserved::Full(Period::Month)),
                [true, _, _] => Ok(Reserved::Full(Period::Day)),
                // Request ids are ours and used once, so the reservation cannot be there before.
                _ => Err(PortError::new(Dependency::Store, "reserve", PortErrorKind::Corrupt)),
            },
        }
    }

    async fn settle(
        &self,
        step: &str,
        held: &Reservation,
        writes: Vec<aws_sdk_dynamodb::types::TransactWriteItem>,
    ) -> Result<Settled, PortError> {
        match self.table.transact(&token(step, &held.id), writes).await? {
            Transacted::Done => Ok(Settled::Now),
            // The first write of every settlement removes what it settles.
            Transacted::Refused(refused) if refused.first() == Some(&true) => Ok(Settled::NotThere),
            Transacted::Refused(_) => {
                Err(PortError::new(Dependency::Store, "settle", PortErrorKind::Corrupt))
            }
        }
    }
}

impl QuotaStore for DynamoQuota {
    fn reserve<'a>(
        &'a self,
        held: &'a Reservation,
        limits: QuotaLimits,
    ) -> PortFuture<'a, Reserved> {
        Box::pin(async move {
            if defects::is_on(Defect::QuotaReadModifyWrite) {
                self.reserve_in_steps(held, limits).await
            } else {
                self.reserve_at_once(held, limits).await
            }
        })
    }

    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        Box::pin(async move {
            let pk = user_pk(&held.user);
            let booked = Change {
                update: "ADD #answered :one, #cost :cost",
                condition: None,
                names: &[answered(charge.operation), COST],
                values: vec![(":one", number(1)), (":cost", number(charge.cost))],
            };
            let writes = vec![
                self.table.delete(&pk, &reservation_sk(&held.id))?,
                self.table.put(Self::receipt_item(held, charge), false)?,
                self.table.update(&pk, &day_sk(&held.day), booked)?,
            ];
            self.settle("keep", held, writes).await
        })
    }

    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled> {
        Box::pin(async move {
            let writes = vec![
                self.table.delete(&user_pk(&held.user), &reservation_sk(&held.id))?,
                self.count_down(held, &day_sk(&held.day))?,
                self.count_down(held, &month_sk(&held.month))?,
            ];
            self.settle("give-back", held, writes).await
        })
    }

    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        Box::pin(async move {
            let pk = user_pk(&held.user);
            let undone = Change {
                update: "ADD #used :minus_one, #answered :minus_one, #cost :minus_cost",
                condition: Some("#used >= :one"),
                names: &[USED, answered(charge.operation), COST],
                values: vec![
                    (":one", number(1)),
                    (":minus_one", number(-1)),
                    (":minus_cost", number(-charge.cost)),
                ],
            };
            let writes = vec![
                self.table.delete(&pk, &receipt_sk(&held.id))?,
                self.table.update(&pk, &day_sk(&held.day), undone)?,
                self.count_down(held, &month_sk(&held.month))?,
            ];
            self.settle("take-back", held, writes).await
        })
    }

    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot> {
        Box::pin(async move {
            let range =
                KeyRange { pk: &user_pk(user), from: &day_sk(first_day), to: &reservation_sk("~") };
            let items = self.table.range(range, None).await?;
            let month = month_sk(&month_of(now));
            let mut snapshot = UsageSnapshot::default();
            for item in &items {
                let sk = text_of(item, "sk")?;
                if let Some(date) = sk.strip_prefix("DAY#") {
                    snapshot.days.push(day_in(item, date)?);
                } else if sk == month {
                    snapshot.month_used = number_of(item, "used")?;
                } else if let Some(id) = sk.strip_prefix("RES#") {
                    snapshot.reservations.push(reservation_in(item, id, user)?);
                }
            }
            Ok(snapshot)
        })
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        Box::pin(async move { self.table.get("HEALTH", "HEALTH").await.map(drop) })
    }
}

/// The day's figure that a call of this kind counts in.
const fn answered(operation: Operation) -> (&'static str, &'static str) {
    match operation {
        Operation::Query => ("#answered", "queries"),
        Operation::Transcribe => ("#answered", "transcriptions"),
    }
}

fn day_in(item: &Item, date: &str) -> Result<UsageDay, PortError> {
    Ok(UsageDay {
        date: date.to_owned(),
        used: number_of(item, "used")?,
        queries: number_of(item, "queries")?,
        transcriptions: number_of(item, "transcriptions")?,
        cost: number_of::<Decimal>(item, "cost")?.normalize(),
    })
}

fn reservation_in(item: &Item, id: &str, user: &UserId) -> Result<Reservation, PortError> {
    Ok(Reservation {
        id: id.to_owned(),
        user: user.clone(),
        day: text_of(item, "day")?,
        month: text_of(item, "month")?,
        expires_at: number_of(item, "expires_at")?,
    })
}

fn day_sk(day: &str) -> String {
    format!("DAY#{day}")
}

fn month_sk(month: &str) -> String {
    format!("MONTH#{month}")
}

fn reservation_sk(id: &str) -> String {
    format!("RES#{id}")
}

fn receipt_sk(id: &str) -> String {
    format!("ANSWERED#{id}")
}

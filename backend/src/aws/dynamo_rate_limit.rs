//! The rate-limit table's slots: `pk = RATE#<hash of user or address>`, `sk = SLOT#<5 digits>`, `at` (Unix milliseconds
//! of when it was taken last), `by` (the call that took it), `expires_at` (Unix seconds, the table's TTL).

use crate::aws::dynamo::{
    Demand, Item, KeyRange, Table, corrupt, number, number_of, string, text_of,
};
use crate::domain::rate_limit::{Subject, TakenSlot};
use crate::ports::{PortError, PortFuture, RateLimitStore, SlotRequest};

const SLOT: &str = "SLOT#";

/// A slot is free where it was never taken, was taken a window ago, or was taken by a clock that was wrong.
const FREE: &str = "attribute_not_exists(#pk) OR #at <= :free_until OR #at > :plausible_until";

/// The slots in `DynamoDB`.
#[derive(Debug)]
pub(super) struct DynamoRateLimit {
    table: Table,
}

impl DynamoRateLimit {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl RateLimitStore for DynamoRateLimit {
    fn take<'a>(&'a self, request: SlotRequest<'a>) -> PortFuture<'a, bool> {
        Box::pin(async move {
            let item = Item::from([
                ("pk".to_owned(), string(pk(request.subject))),
                ("sk".to_owned(), string(format!("{SLOT}{:05}", request.slot))),
                ("at".to_owned(), number(request.now_ms)),
                ("by".to_owned(), string(request.by)),
                ("expires_at".to_owned(), number(request.expires_at)),
            ]);
            let put = Demand {
                condition: FREE,
                names: &[("#pk", "pk"), ("#at", "at")],
                values: vec![
                    (":free_until", number(request.free_until_ms)),
                    (":plausible_until", number(request.plausible_until_ms)),
                ],
            };
            self.table.put_if(item, put).await
        })
    }

    fn taken<'a>(&'a self, subject: &'a Subject) -> PortFuture<'a, Vec<TakenSlot>> {
        Box::pin(async move {
            let pk = pk(subject);
            let range = KeyRange { pk: &pk, from: "SLOT#00000", to: "SLOT#99999" };
            self.table.range(range, None).await?.iter().map(slot).collect()
        })
    }
}

fn pk(subject: &Subject) -> String {
    format!("RATE#{}", subject.as_str())
}

fn slot(item: &Item) -> Result<TakenSlot, PortError> {
    let sk = text_of(item, "sk")?;
    let slot = sk.strip_prefix(SLOT).and_then(|digits| digits.parse().ok());
    Ok(TakenSlot {
        slot: slot.ok_or_else(corrupt)?,
        at_ms: number_of(item, "at")?,
        by: text_of(item, "by")?,
    })
}

//! The errors table. Every failure with one hash is one item: `pk = ERROR#<hash>`, `sk = ERROR`, `kind`, `severity`,
//! `operation`, `detail`, `count`, `first_seen`, `last_seen`, `sample_request_id`, `notified_at` and `notice_claimed_until`
//! (both once people were or are being told), `expires_at` (Unix seconds, the table's TTL). A message that was counted
//! leaves `sk = MESSAGE#<id>` beside it: however often it is delivered, it counts once.

use crate::aws::dynamo::{
    Change, Item, Table, Transacted, corrupt, number, number_of, string, text_of,
};
use crate::domain::failure::{
    CLAIM_S, ErrorRecord, Failure, FailureKind, KEPT_FOR_S, NOTICE_WINDOW_S,
};
use crate::ports::{ErrorStore, Notice, PortError, PortFuture};

/// How long a counted message is remembered: longer than SQS keeps one (14 days).
const MESSAGE_KEPT_FOR_S: i64 = 15 * 24 * 60 * 60;

const SK: &str = "ERROR";

/// The table.
#[derive(Debug)]
pub(super) struct DynamoErrors {
    table: Table,
}

impl DynamoErrors {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl ErrorStore for DynamoErrors {
    fn count<'a>(
        &'a self,
        message_id: &'a str,
        failure: &'a Failure,
        now: i64,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let pk = pk(&failure.hash());
            let message = Item::from([
                ("pk".to_owned(), string(&pk)),
                ("sk".to_owned(), string(format!("MESSAGE#{message_id}"))),
                ("expires_at".to_owned(), number(now.saturating_add(MESSAGE_KEPT_FOR_S))),
            ]);
            let writes = vec![
                self.table.put(message, true)?,
                self.table.update(&pk, SK, counted(failure, now))?,
            ];
            // Of this call, not of the message: a later delivery is another call, with another expiry.
            let token = uuid::Uuid::new_v4().to_string();
            match self.table.transact(&token, writes).await? {
                // Refused: the message was counted before.
                Transacted::Done | Transacted::Refused(_) => Ok(()),
            }
        })
    }

    fn claim_notice<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, Notice> {
        Box::pin(async move {
            let pk = pk(hash);
            if let Some(item) = self.table.update_if(&pk, SK, claim(now)).await? {
                return Ok(Notice::Due(record_in(&item, hash)?));
            }
            let item = self.table.get(&pk, SK).await?.ok_or_else(corrupt)?;
            let told: i64 = number_of(&item, "notified_at")?;
            let within =
                item.contains_key("notified_at") && told > now.saturating_sub(NOTICE_WINDOW_S);
            Ok(if within { Notice::Given } else { Notice::Claimed })
        })
    }

    fn notice_given<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let change = Change {
                update: "SET #notified_at = :now REMOVE #claimed_until",
                condition: Some("attribute_exists(#pk)"),
                names: &[
                    ("#pk", "pk"),
                    ("#notified_at", "notified_at"),
                    ("#claimed_until", "notice_claimed_until"),
                ],
                values: vec![(":now", number(now))],
            };
            self.table.update_if(&pk(hash), SK, change).await.map(drop)
        })
    }
}

fn counted(failure: &Failure, now: i64) -> Change<'static> {
    let seen = failure.occurred_at.unix_timestamp();
    Change {
        update: "SET #kind = :kind, #severity = :severity, #operation = :operation, #detail = :detail, \
                 #first_seen = if_not_exists(#first_seen, :seen), #last_seen = :seen, \
                 #sample = if_not_exists(#sample, :sample), #expires_at = :expires_at ADD #count :one",
        condition: None,
        names: &[
            ("#kind", "kind"),
            ("#severity", "severity"),
            ("#operation", "operation"),
            ("#detail", "detail"),
            ("#first_seen", "first_seen"),
            ("#last_seen", "last_seen"),
            ("#sample", "sample_request_id"),
            ("#expires_at", "expires_at"),
            ("#count", "count"),
        ],
        values: vec![
            (":kind", string(failure.kind.as_str())),
            (":severity", string(failure.severity().as_str())),
            (":operation", string(&failure.operation)),
            (":detail", string(&failure.detail)),
            (":seen", number(seen)),
            (":sample", string(&failure.request_id)),
            (":expires_at", number(now.saturating_add(KEPT_FOR_S))),
            (":one", number(1)),
        ],
    }
}

/// Due when nobody was told within the window and nobody is telling.
fn claim(now: i64) -> Change<'static> {
    Change {
        update: "SET #claimed_until = :until",
        condition: Some(
            "attribute_exists(#pk) AND (attribute_not_exists(#notified_at) OR #notified_at <= :since) \
             AND (attribute_not_exists(#claimed_until) OR #claimed_until <= :now)",
        ),
        names: &[
            ("#pk", "pk"),
            ("#notified_at", "notified_at"),
            ("#claimed_until", "notice_claimed_until"),
        ],
        values: vec![
            (":until", number(now.saturating_add(CLAIM_S))),
            (":since", number(now.saturating_sub(NOTICE_WINDOW_S))),
            (":now", number(now)),
        ],
    }
}

fn record_in(item: &Item, hash: &str) -> Result<ErrorRecord, PortError> {
    let kind = text_of(item, "kind")?;
    let kind = FailureKind::ALL.into_iter().find(|known| known.as_str() == kind);
    Ok(ErrorRecord {
        hash: hash.to_owned(),
        kind: kind.ok_or_else(corrupt)?,
        operation: text_of(item, "operation")?,
        detail: text_of(item, "detail")?,
        count: number_of(item, "count")?,
        first_seen: number_of(item, "first_seen")?,
        last_seen: number_of(item, "last_seen")?,
        sample_request_id: text_of(item, "sample_request_id")?,
    })
}

fn pk(hash: &str) -> String {
    format!("ERROR#{hash}")
}

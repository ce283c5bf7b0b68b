//! The rate-limit table's memory of used signatures: `pk = SIG#<hash>`, `sk = SIG`, `nonce`, `expires_at` (Unix seconds,
//! the table's TTL). The hash is of user and signature.

use crate::aws::dynamo::{Item, Table, number, string, text_of};
use crate::ports::{PortFuture, ReplayStore};

/// The memory in `DynamoDB`: it holds across processes.
#[derive(Debug)]
pub(super) struct DynamoReplay {
    table: Table,
}

impl DynamoReplay {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl ReplayStore for DynamoReplay {
    /// The nonce tells our own write from another's: the SDK repeats a write whose reply was lost, and the second
    /// attempt then meets the first.
    fn remember<'a>(&'a self, id: &'a str, now: i64, expires_at: i64) -> PortFuture<'a, bool> {
        Box::pin(async move {
            let pk = format!("SIG#{id}");
            let nonce = uuid::Uuid::new_v4().to_string();
            let item = Item::from([
                ("pk".to_owned(), string(&pk)),
                ("sk".to_owned(), string("SIG")),
                ("nonce".to_owned(), string(&nonce)),
                ("expires_at".to_owned(), number(expires_at)),
            ]);
            if self.table.put_if_free(item, now).await? {
                return Ok(true);
            }
            match self.table.get(&pk, "SIG").await? {
                Some(known) => Ok(text_of(&known, "nonce")? == nonce),
                None => Ok(false),
            }
        })
    }
}

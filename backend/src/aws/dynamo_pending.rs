//! The manuals table, the part of announced uploads, of all users, under `pk = PENDING`:
//!
//! | `sk` | attributes |
//! |---|---|
//! | `UPLOAD#<manual id>#<sub>` | `job_id`, `name`, `type` (the ending), `size`, `sha256`, `until` |
//! | `SWEEP` | `place` in the bucket where the next sweep goes on |
//!
//! `until` is in Unix seconds. It is no TTL: the sweep takes the object away before the item.

use crate::aws::dynamo::{Item, KeyRange, Table, corrupt, number, number_of, string, text_of};
use crate::aws::dynamo_manuals::cut;
use crate::domain::document::DocumentType;
use crate::domain::manual::PendingUpload;
use crate::domain::user::UserId;
use crate::ports::{Page, PendingStore, PortError, PortFuture};

const PENDING_PK: &str = "PENDING";
const SWEEP_SK: &str = "SWEEP";
const PREFIX: &str = "UPLOAD#";

/// Announced uploads in `DynamoDB`.
#[derive(Debug)]
pub(super) struct DynamoPending {
    table: Table,
}

impl DynamoPending {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }
}

impl PendingStore for DynamoPending {
    fn note<'a>(&'a self, pending: &'a PendingUpload) -> PortFuture<'a, ()> {
        Box::pin(self.table.put_item(pending_item(pending)))
    }

    fn find<'a>(
        &'a self,
        user: &'a UserId,
        manual_id: &'a str,
    ) -> PortFuture<'a, Option<PendingUpload>> {
        Box::pin(async move {
            let item = self.table.get(PENDING_PK, &pending_sk(user, manual_id)).await?;
            item.as_ref().map(pending_in).transpose()
        })
    }

    fn forget<'a>(&'a self, user: &'a UserId, manual_id: &'a str) -> PortFuture<'a, ()> {
        Box::pin(
            async move { self.table.delete_item(PENDING_PK, &pending_sk(user, manual_id)).await },
        )
    }

    fn all<'a>(
        &'a self,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<PendingUpload>> {
        Box::pin(async move {
            // A sort key follows directly on another when it is that and a NUL.
            let from = after.map_or_else(|| PREFIX.to_owned(), |place| format!("{place}\0"));
            let range = KeyRange { pk: PENDING_PK, from: &from, to: "UPLOAD#~" };
            let most = i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX);
            let items = self.table.range(range, Some(most)).await?;
            let found = items.iter().map(pending_in).collect::<Result<Vec<_>, _>>()?;
            Ok(cut(found, limit, |pending| pending_sk(&pending.user, &pending.manual_id)))
        })
    }

    fn place(&self) -> PortFuture<'_, Option<String>> {
        Box::pin(async move {
            let item = self.table.get(PENDING_PK, SWEEP_SK).await?;
            item.as_ref().map(|item| text_of(item, "place")).transpose()
        })
    }

    fn keep_place<'a>(&'a self, place: Option<&'a str>) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let Some(place) = place else {
                return self.table.delete_item(PENDING_PK, SWEEP_SK).await;
            };
            let item = Item::from([
                ("pk".to_owned(), string(PENDING_PK)),
                ("sk".to_owned(), string(SWEEP_SK)),
                ("place".to_owned(), string(place)),
            ]);
            self.table.put_item(item).await
        })
    }
}

fn pending_sk(user: &UserId, manual_id: &str) -> String {
    format!("{PREFIX}{manual_id}#{}", user.as_str())
}

fn pending_item(pending: &PendingUpload) -> Item {
    Item::from([
        ("pk".to_owned(), string(PENDING_PK)),
        ("sk".to_owned(), string(pending_sk(&pending.user, &pending.manual_id))),
        ("job_id".to_owned(), string(&pending.job_id)),
        ("name".to_owned(), string(&pending.name)),
        ("type".to_owned(), string(pending.document.extension())),
        ("size".to_owned(), number(pending.size)),
        ("sha256".to_owned(), string(&pending.sha256)),
        ("until".to_owned(), number(pending.expires_at)),
    ])
}

fn pending_in(item: &Item) -> Result<PendingUpload, PortError> {
    let sk = text_of(item, "sk")?;
    let (manual_id, user) =
        sk.strip_prefix(PREFIX).and_then(|rest| rest.split_once('#')).ok_or_else(corrupt)?;
    Ok(PendingUpload {
        user: UserId::parse(user).ok_or_else(corrupt)?,
        manual_id: manual_id.to_owned(),
        job_id: text_of(item, "job_id")?,
        name: text_of(item, "name")?,
        document: DocumentType::of_extension(&text_of(item, "type")?).ok_or_else(corrupt)?,
        size: number_of(item, "size")?,
        sha256: text_of(item, "sha256")?,
        expires_at: number_of(item, "until")?,
    })
}

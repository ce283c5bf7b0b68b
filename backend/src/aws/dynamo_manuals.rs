//! The manuals table, the part of a user: `pk = USER#<sub>`.
//!
//! | `sk` | attributes |
//! |---|---|
//! | `MANUAL#<id>` | `name`, `upload_date`, `size`, `pages`, `sha256`, `object_key`, `status`, `job_id` |
//! | `JOB#<id>` | `manual_id`, `status`, `reason?`, `created_at`, `updated_at`, `expires_at` |
//! | `DELETED#<manual id>` | `expires_at` |
//! | `SET` | `version` of the set of manuals |
//! | `IDEM#<hash of the key>` | `body_hash`, `manual_id`, `job_id`, `expires_at` |
//!
//! `expires_at` is in Unix seconds and the table's TTL. The work for the index is described in `dynamo_ingestion`.

use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem};

use crate::aws::dynamo::{
    Change, Item, KeyRange, Table, Transacted, corrupt, number, number_of, string, text_of, token,
    user_pk,
};
use crate::aws::dynamo_ingestion::{job_item, work_item};
use crate::aws::error::{other, port_error};
use crate::context::dependency;
use crate::domain::ingestion::{Job, Work, WorkKind};
use crate::domain::manual::{Manual, ManualStatus};
use crate::domain::user::UserId;
use crate::ports::{
    Claim, Dependency, IdempotencyRecord, Inserted, ManualStore, Page, PortError, PortErrorKind,
    PortFuture,
};

/// How often keys that a batch left unread are asked for again.
const BATCH_TRIES: usize = 4;

/// The item that holds the version of a user's set of manuals.
const SET_SK: &str = "SET";
const VERSION: (&str, &str) = ("#version", "version");

/// Rows of manuals in `DynamoDB`.
#[derive(Debug)]
pub(super) struct DynamoManuals {
    table: Table,
}

impl DynamoManuals {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }

    async fn batch(&self, keys: Vec<Item>) -> Result<Vec<Item>, PortError> {
        let mut found = Vec::new();
        let mut open = Some(keys);
        for _try in 0..BATCH_TRIES {
            let Some(keys) = open.take().filter(|keys| !keys.is_empty()) else { return Ok(found) };
            let wanted =
                KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| {
                other(Dependency::Store, "BatchGetItem", PortErrorKind::Corrupt, error)
            })?;
            let call = self.table.client.batch_get_item().request_items(&self.table.name, wanted);
            let got = dependency(call.send())
                .await
                .map_err(|error| port_error(Dependency::Store, "BatchGetItem", error))?;
            let items = got.responses.and_then(|mut tables| tables.remove(&self.table.name));
            found.extend(items.unwrap_or_default());
            open = got
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table.name))
                .map(|left| left.keys);
        }
        match open {
            Some(keys) if !keys.is_empty() => {
                Err(PortError::new(Dependency::Store, "BatchGetItem", PortErrorKind::Throttled))
            }
            _ => Ok(found),
        }
    }
}

impl ManualStore for DynamoManuals {
    fn insert<'a>(
        &'a self,
        user: &'a UserId,
        manual: &'a Manual,
        job: &'a Job,
    ) -> PortFuture<'a, Inserted> {
        Box::pin(async move {
            let work = Work {
                id: job.id.clone(),
                user: user.clone(),
                manual_id: manual.id.clone(),
                kind: WorkKind::Index,
                covered_by: None,
            };
            let writes = vec![
                self.table.absent(&user_pk(user), &deleted_sk(&manual.id))?,
                self.table.put(manual_item(user, manual), true)?,
                self.table.put(job_item(user, job)?, true)?,
                self.table.put(work_item(&work), true)?,
            ];
            match self.table.transact(&uuid::Uuid::new_v4().to_string(), writes).await? {
                Transacted::Refused(refused) if refused.first() == Some(&true) => {
                    Ok(Inserted::Deleted)
                }
                // Refused otherwise means that an earlier call with the same ids wrote them.
                Transacted::Refused(_) | Transacted::Done => Ok(Inserted::There),
            }
        })
    }

    fn get<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Manual>> {
        Box::pin(async move {
            let item = self.table.get(&user_pk(user), &manual_sk(id)).await?;
            item.as_ref().map(manual_in).transpose()
        })
    }

    fn list<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Manual>> {
        Box::pin(async move {
            let items = page_of(&self.table, user, "MANUAL#", limit, after).await?;
            let rows = items.iter().map(manual_in).collect::<Result<Vec<_>, _>>()?;
            Ok(cut(rows, limit, |manual| manual.id.clone()))
        })
    }

    fn delete<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let writes = vec![
                self.table.delete(&user_pk(&work.user), &manual_sk(&work.manual_id))?,
                self.table.put(mark_item(work, mark_until), false)?,
                self.table.put(work_item(work), false)?,
                set_changed(&self.table, &work.user)?,
            ];
            // Refused means that another call deleted the row in the meantime, mark and work included.
            self.table.transact(&token("delete", &work.id), writes).await.map(drop)
        })
    }

    fn abandon<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, bool> {
        Box::pin(async move {
            let writes = vec![
                self.table.absent(&user_pk(&work.user), &manual_sk(&work.manual_id))?,
                self.table.put(mark_item(work, mark_until), false)?,
                self.table.put(work_item(work), false)?,
            ];
            let done = self.table.transact(&token("abandon", &work.id), writes).await?;
            Ok(done == Transacted::Done)
        })
    }

    fn mark_failed<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let change = Change {
                update: "SET #status = :status",
                condition: Some("attribute_exists(#pk)"),
                names: &[("#status", "status"), ("#pk", "pk")],
                values: vec![(":status", string(ManualStatus::Failed.as_str()))],
            };
            let writes = vec![self.table.update(&user_pk(user), &manual_sk(id), change)?];
            // Refused means that the row is away.
            self.table.transact(&uuid::Uuid::new_v4().to_string(), writes).await.map(drop)
        })
    }

    fn deleted<'a>(
        &'a self,
        user: &'a UserId,
        ids: &'a [String],
        now: Option<i64>,
    ) -> PortFuture<'a, Vec<String>> {
        Box::pin(async move {
            let key = |id: &String| {
                Item::from([
                    ("pk".to_owned(), string(user_pk(user))),
                    ("sk".to_owned(), string(deleted_sk(id))),
                ])
            };
            let marks = self.batch(ids.iter().map(key).collect()).await?;
            let mut deleted = Vec::new();
            for mark in &marks {
                let expires_at: i64 = number_of(mark, "expires_at")?;
                if now.is_none_or(|now| expires_at >= now) {
                    let sk = text_of(mark, "sk")?;
                    deleted.push(sk.strip_prefix("DELETED#").ok_or_else(corrupt)?.to_owned());
                }
            }
            Ok(deleted)
        })
    }

    fn set_version<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, u64> {
        Box::pin(async move {
            let item = self.table.get(&user_pk(user), SET_SK).await?.unwrap_or_default();
            number_of(&item, VERSION.1)
        })
    }

    fn claim<'a>(
        &'a self,
        user: &'a UserId,
        claim: &'a IdempotencyRecord,
        now: i64,
    ) -> PortFuture<'a, Claim> {
        Box::pin(async move {
            let (pk, sk) = (user_pk(user), format!("IDEM#{}", claim.key_hash));
            let item = Item::from([
                ("pk".to_owned(), string(&pk)),
                ("sk".to_owned(), string(&sk)),
                ("body_hash".to_owned(), string(&claim.body_hash)),
                ("manual_id".to_owned(), string(&claim.manual_id)),
                ("job_id".to_owned(), string(&claim.job_id)),
                ("expires_at".to_owned(), number(claim.expires_at)),
            ]);
            if self.table.put_if_free(item, now).await? {
                return Ok(Claim::New);
            }
            // Gone between the two calls: it had just expired, and the client may try again.
            let gone = || PortError::new(Dependency::Store, "GetItem", PortErrorKind::Conflict);
            let known = self.table.get(&pk, &sk).await?.ok_or_else(gone)?;
            Ok(Claim::Known(IdempotencyRecord {
                key_hash: claim.key_hash.clone(),
                body_hash: text_of(&known, "body_hash")?,
                manual_id: text_of(&known, "manual_id")?,
                job_id: text_of(&known, "job_id")?,
                expires_at: number_of(&known, "expires_at")?,
            }))
        })
    }
}

/// The set of manuals has another version from now on.
pub(super) fn set_changed(table: &Table, user: &UserId) -> Result<TransactWriteItem, PortError> {
    let change = Change {
        update: "ADD #version :one",
        condition: None,
        names: &[VERSION],
        values: vec![(":one", number(1))],
    };
    table.update(&user_pk(user), SET_SK, change)
}

/// One more than `limit` items with a prefix, after an id: the one more tells whether there is another page.
pub(super) async fn page_of(
    table: &Table,
    user: &UserId,
    prefix: &str,
    limit: usize,
    after: Option<&str>,
) -> Result<Vec<Item>, PortError> {
    // A sort key follows directly on `<prefix><id>` when it is `<prefix><id>` and a NUL.
    let from = after.map_or_else(|| prefix.to_owned(), |id| format!("{prefix}{id}\0"));
    let range = KeyRange { pk: &user_pk(user), from: &from, to: &format!("{prefix}~") };
    let limit = i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX);
    table.range(range, Some(limit)).await
}

/// The first `limit` of the rows, and the id after which there are more.
pub(super) fn cut<T>(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> String) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_after = if more { rows.last().map(id) } else { None };
    Page { items: rows, next_after }
}

pub(super) fn manual_sk(id: &str) -> String {
    format!("MANUAL#{id}")
}

fn deleted_sk(id: &str) -> String {
    format!("DELETED#{id}")
}

fn mark_item(work: &Work, mark_until: i64) -> Item {
    Item::from([
        ("pk".to_owned(), string(user_pk(&work.user))),
        ("sk".to_owned(), string(deleted_sk(&work.manual_id))),
        ("expires_at".to_owned(), number(mark_until)),
    ])
}

fn manual_item(user: &UserId, manual: &Manual) -> Item {
    Item::from([
        ("pk".to_owned(), string(user_pk(user))),
        ("sk".to_owned(), string(manual_sk(&manual.id))),
        ("name".to_owned(), string(&manual.name)),
        ("upload_date".to_owned(), string(&manual.upload_date)),
        ("size".to_owned(), number(manual.size)),
        ("pages".to_owned(), number(manual.pages)),
        ("sha256".to_owned(), string(&manual.sha256)),
        ("object_key".to_owned(), string(&manual.key)),
        ("status".to_owned(), string(manual.status.as_str())),
        ("job_id".to_owned(), string(&manual.job_id)),
    ])
}

fn manual_in(item: &Item) -> Result<Manual, PortError> {
    let sk = text_of(item, "sk")?;
    let status = text_of(item, "status")?;
    Ok(Manual {
        id: sk.strip_prefix("MANUAL#").ok_or_else(corrupt)?.to_owned(),
        name: text_of(item, "name")?,
        upload_date: text_of(item, "upload_date")?,
        size: number_of(item, "size")?,
        pages: number_of(item, "pages")?,
        sha256: text_of(item, "sha256")?,
        key: text_of(item, "object_key")?,
        status: ManualStatus::parse(&status).ok_or_else(corrupt)?,
        job_id: text_of(item, "job_id")?,
    })
}

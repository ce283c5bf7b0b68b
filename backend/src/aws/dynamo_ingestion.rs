//! The manuals table, the part of the index: jobs as users see them (`USER#<sub>` / `JOB#<id>`, see `dynamo_manuals`)
//! and the work that is not finished, of all users, under `pk = INGESTION`:
//!
//! | `sk` | attributes |
//! |---|---|
//! | `WORK#<job id>` | `user_id`, `manual_id`, `kind` (`index` or `remove`), `covered_by?` (a run of the knowledge base) |
//!
//! A work item is the durable marker that a run is needed; it goes when a run has covered it. Each change of it demands
//! that `covered_by` is what the writer has read: any number of processes pump, and the one that is late must not
//! put an older run in the place of a newer.

use aws_sdk_dynamodb::types::TransactWriteItem;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::dynamo::{
    Change, Demand, Item, KeyRange, Table, Transacted, corrupt, number, string, text_of, user_pk,
};
use crate::aws::dynamo_manuals::{cut, manual_sk, page_of, set_changed};
use crate::domain::ingestion::{Job, JobState, Outcome, Work, WorkKind};
use crate::domain::manual::ManualStatus;
use crate::domain::timestamp::rfc3339;
use crate::domain::user::UserId;
use crate::ports::{IngestionStore, Page, PortError, PortFuture};

/// How long a job is kept, in seconds.
const JOB_KEPT_S: i64 = 90 * 24 * 3600;

/// How many work items a round looks at; the rest waits for the next.
const OPEN_MAX: i32 = 500;

const WORK_PK: &str = "INGESTION";
const STATUS: (&str, &str) = ("#status", "status");
const UPDATED_AT: (&str, &str) = ("#updated_at", "updated_at");

/// Jobs and work in `DynamoDB`.
#[derive(Debug)]
pub(super) struct DynamoIngestion {
    table: Table,
}

impl DynamoIngestion {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }

    /// The job's new state; a removal has no job.
    fn job_update(
        &self,
        work: &Work,
        state: &JobState,
        now: OffsetDateTime,
    ) -> Result<Option<TransactWriteItem>, PortError> {
        if work.kind == WorkKind::Remove {
            return Ok(None);
        }
        let mut names = vec![STATUS, UPDATED_AT];
        let mut values =
            vec![(":status", string(state.as_str())), (":updated_at", string(rfc3339(now)))];
        let mut update = "SET #status = :status, #updated_at = :updated_at";
        if let JobState::Failed { reason } = state {
            update = "SET #status = :status, #updated_at = :updated_at, #reason = :reason";
            names.push(("#reason", "reason"));
            values.push((":reason", string(reason)));
        }
        let change = Change { update, condition: None, names: &names, values };
        self.table.update(&user_pk(&work.user), &job_sk(&work.id), change).map(Some)
    }

    /// The manual's new status, if it is still there and this job is the one that counts.
    fn manual_update(
        &self,
        work: &Work,
        outcome: &Outcome,
    ) -> Result<TransactWriteItem, PortError> {
        let change = Change {
            update: "SET #status = :status",
            condition: Some("#job_id = :job_id"),
            names: &[STATUS, ("#job_id", "job_id")],
            values: vec![
                (":status", string(ManualStatus::from(outcome).as_str())),
                (":job_id", string(&work.id)),
            ],
        };
        self.table.update(&user_pk(&work.user), &manual_sk(&work.manual_id), change)
    }

    async fn write(&self, writes: Vec<TransactWriteItem>) -> Result<Transacted, PortError> {
        self.table.transact(&uuid::Uuid::new_v4().to_string(), writes).await
    }
}

impl IngestionStore for DynamoIngestion {
    fn job<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Job>> {
        Box::pin(async move {
            let item = self.table.get(&user_pk(user), &job_sk(id)).await?;
            item.as_ref().map(job_in).transpose()
        })
    }

    fn jobs<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Job>> {
        Box::pin(async move {
            let items = page_of(&self.table, user, "JOB#", limit, after).await?;
            let jobs = items.iter().map(job_in).collect::<Result<Vec<_>, _>>()?;
            Ok(cut(jobs, limit, |job| job.id.clone()))
        })
    }

    fn leave<'a>(&'a self, work: &'a Work) -> PortFuture<'a, ()> {
        Box::pin(self.table.put_item(work_item(work)))
    }

    fn open_work(&self) -> PortFuture<'_, Vec<Work>> {
        Box::pin(async move {
            let range = KeyRange { pk: WORK_PK, from: "WORK#", to: "WORK#~" };
            let items = self.table.range(range, Some(OPEN_MAX)).await?;
            items.iter().map(work_in).collect()
        })
    }

    fn cover<'a>(
        &'a self,
        work: &'a Work,
        run: Option<&'a str>,
        now: OffsetDateTime,
    ) -> PortFuture<'a, bool> {
        Box::pin(async move {
            let seen = as_seen(work);
            let (update, set, state) = match run {
                Some(run) => {
                    ("SET #covered_by = :run", Some((":run", string(run))), JobState::Running)
                }
                None => ("REMOVE #covered_by", None, JobState::Queued),
            };
            let change = Change {
                update,
                condition: Some(seen.condition),
                names: seen.names,
                values: seen.values.into_iter().chain(set).collect(),
            };
            let mut writes = vec![self.table.update(WORK_PK, &work_sk(&work.id), change)?];
            writes.extend(self.job_update(work, &state, now)?);
            // Refused means that the work was finished or covered anew in the meantime.
            Ok(self.write(writes).await? == Transacted::Done)
        })
    }

    fn manuals_changed<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, ()> {
        Box::pin(async move { self.write(vec![set_changed(&self.table, user)?]).await.map(drop) })
    }

    fn finish<'a>(
        &'a self,
        work: &'a Work,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let state = JobState::from(outcome);
            let base = || -> Result<Vec<TransactWriteItem>, PortError> {
                let work_item = self.table.delete_if(WORK_PK, &work_sk(&work.id), as_seen(work));
                let mut writes = vec![work_item?];
                writes.extend(self.job_update(work, &state, now)?);
                Ok(writes)
            };
            if work.kind == WorkKind::Remove {
                return self.write(base()?).await.map(drop);
            }
            let mut writes = base()?;
            writes.push(self.manual_update(work, outcome)?);
            match self.write(writes).await? {
                // The manual was deleted in the meantime: the job still ends.
                Transacted::Refused(refused) if refused.first() == Some(&false) => {
                    self.write(base()?).await.map(drop)
                }
                Transacted::Refused(_) | Transacted::Done => Ok(()),
            }
        })
    }
}

/// The work item is there, and covered as its reader saw it.
fn as_seen(work: &Work) -> Demand<'static> {
    let (condition, values) = match &work.covered_by {
        Some(run) => {
            ("attribute_exists(#pk) AND #covered_by = :seen", vec![(":seen", string(run))])
        }
        None => ("attribute_exists(#pk) AND attribute_not_exists(#covered_by)", Vec::new()),
    };
    Demand { condition, names: &[("#covered_by", "covered_by"), ("#pk", "pk")], values }
}

pub(super) fn job_item(user: &UserId, job: &Job) -> Result<Item, PortError> {
    let created = OffsetDateTime::parse(&job.created_at, &Rfc3339).map_err(|_date| corrupt())?;
    let expires_at = created.unix_timestamp().saturating_add(JOB_KEPT_S);
    Ok(Item::from([
        ("pk".to_owned(), string(user_pk(user))),
        ("sk".to_owned(), string(job_sk(&job.id))),
        ("manual_id".to_owned(), string(&job.manual_id)),
        ("status".to_owned(), string(job.state.as_str())),
        ("created_at".to_owned(), string(&job.created_at)),
        ("updated_at".to_owned(), string(&job.updated_at)),
        ("expires_at".to_owned(), number(expires_at)),
    ]))
}

pub(super) fn work_item(work: &Work) -> Item {
    Item::from([
        ("pk".to_owned(), string(WORK_PK)),
        ("sk".to_owned(), string(work_sk(&work.id))),
        ("user_id".to_owned(), string(work.user.as_str())),
        ("manual_id".to_owned(), string(&work.manual_id)),
        ("kind".to_owned(), string(work.kind.as_str())),
    ])
}

fn job_in(item: &Item) -> Result<Job, PortError> {
    let sk = text_of(item, "sk")?;
    let state = match text_of(item, "status")?.as_str() {
        "queued" => JobState::Queued,
        "running" => JobState::Running,
        "complete" => JobState::Complete,
        "failed" => JobState::Failed { reason: text_of(item, "reason")? },
        _ => return Err(corrupt()),
    };
    Ok(Job {
        id: sk.strip_prefix("JOB#").ok_or_else(corrupt)?.to_owned(),
        manual_id: text_of(item, "manual_id")?,
        state,
        created_at: text_of(item, "created_at")?,
        updated_at: text_of(item, "updated_at")?,
    })
}

fn work_in(item: &Item) -> Result<Work, PortError> {
    let sk = text_of(item, "sk")?;
    let covered_by = item.get("covered_by").and_then(|value| value.as_s().ok()).cloned();
    Ok(Work {
        id: sk.strip_prefix("WORK#").ok_or_else(corrupt)?.to_owned(),
        user: UserId::parse(&text_of(item, "user_id")?).ok_or_else(corrupt)?,
        manual_id: text_of(item, "manual_id")?,
        kind: WorkKind::parse(&text_of(item, "kind")?).ok_or_else(corrupt)?,
        covered_by,
    })
}

fn job_sk(id: &str) -> String {
    format!("JOB#{id}")
}

fn work_sk(id: &str) -> String {
    format!("WORK#{id}")
}

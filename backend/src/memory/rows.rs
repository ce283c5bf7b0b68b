//! Rows of manuals, jobs, work, idempotency records and used signatures in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Mutex;

use time::OffsetDateTime;

use super::{Switch, locked};
use crate::domain::ingestion::{Job, JobState, Outcome, Work, WorkKind};
use crate::domain::manual::{Manual, ManualStatus};
use crate::domain::user::UserId;
use crate::ports::{
    Claim, Dependency, IdempotencyRecord, IngestionStore, Inserted, ManualStore, Page, PortError,
    PortFuture, ReplayStore,
};

/// The tables of rows.
#[derive(Debug, Default)]
pub struct MemoryRows {
    /// Makes them fail.
    pub trouble: Switch,
    tables: Mutex<Tables>,
}

type Owned = (UserId, String);

#[derive(Debug, Default)]
struct Tables {
    manuals: BTreeMap<Owned, Manual>,
    jobs: BTreeMap<Owned, Job>,
    marks: BTreeMap<Owned, i64>,
    claims: BTreeMap<Owned, IdempotencyRecord>,
    work: BTreeMap<String, Work>,
    signatures: BTreeMap<String, i64>,
    versions: BTreeMap<UserId, u64>,
    calls: u64,
}

impl MemoryRows {
    /// Everything that is there but the used signatures, as text: to see that nothing changed.
    pub fn stored(&self) -> String {
        let tables = locked(&self.tables);
        let Tables { manuals, jobs, marks, claims, work, signatures: _, versions, calls: _ } =
            &*tables;
        format!("{manuals:?}\n{jobs:?}\n{marks:?}\n{claims:?}\n{work:?}\n{versions:?}")
    }

    /// How many calls were made, to see that a page costs a constant number.
    pub fn calls(&self) -> u64 {
        locked(&self.tables).calls
    }

    async fn step<T: Send>(
        &self,
        effect: impl FnOnce(&mut Tables) -> T + Send,
    ) -> Result<T, PortError> {
        self.trouble.before(Dependency::Store).await?;
        let done = {
            let mut tables = locked(&self.tables);
            tables.calls += 1;
            effect(&mut tables)
        };
        self.trouble.after(Dependency::Store).await?;
        Ok(done)
    }
}

fn page<T: Clone>(
    rows: &BTreeMap<Owned, T>,
    user: &UserId,
    limit: usize,
    after: Option<&str>,
) -> Page<T> {
    let from = match after {
        Some(id) => Bound::Excluded((user.clone(), id.to_owned())),
        None => Bound::Included((user.clone(), String::new())),
    };
    let own = rows.range((from, Bound::Unbounded)).take_while(|((owner, _), _)| owner == user);
    let mut found: Vec<(String, T)> =
        own.take(limit + 1).map(|((_, id), row)| (id.clone(), row.clone())).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_after = if more { found.last().map(|(id, _)| id.clone()) } else { None };
    Page { items: found.into_iter().map(|(_, row)| row).collect(), next_after }
}

impl ManualStore for MemoryRows {
    fn insert<'a>(
        &'a self,
        user: &'a UserId,
        manual: &'a Manual,
        job: &'a Job,
    ) -> PortFuture<'a, Inserted> {
        Box::pin(self.step(move |tables| {
            let key = (user.clone(), manual.id.clone());
            if tables.marks.contains_key(&key) {
                return Inserted::Deleted;
            }
            if tables.manuals.contains_key(&key) {
                return Inserted::There;
            }
            tables.manuals.insert(key, manual.clone());
            tables.jobs.insert((user.clone(), job.id.clone()), job.clone());
            let work = Work {
                id: job.id.clone(),
                user: user.clone(),
                manual_id: manual.id.clone(),
                kind: WorkKind::Index,
                covered_by: None,
            };
            tables.work.insert(work.id.clone(), work);
            Inserted::There
        }))
    }

    fn get<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Manual>> {
        Box::pin(
            self.step(move |tables| tables.manuals.get(&(user.clone(), id.to_owned())).cloned()),
        )
    }

    fn list<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Manual>> {
        Box::pin(self.step(move |tables| page(&tables.manuals, user, limit, after)))
    }

    fn delete<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, ()> {
        Box::pin(self.step(move |tables| {
            let key = (work.user.clone(), work.manual_id.clone());
            if tables.manuals.remove(&key).is_some() {
                tables.marks.insert(key, mark_until);
                tables.work.insert(work.id.clone(), work.clone());
                *tables.versions.entry(work.user.clone()).or_default() += 1;
            }
        }))
    }

    fn abandon<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, bool> {
        Box::pin(self.step(move |tables| {
            let key = (work.user.clone(), work.manual_id.clone());
            if tables.manuals.contains_key(&key) {
                return false;
            }
            tables.marks.insert(key, mark_until);
            tables.work.insert(work.id.clone(), work.clone());
            true
        }))
    }

    fn mark_failed<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, ()> {
        Box::pin(self.step(move |tables| {
            if let Some(manual) = tables.manuals.get_mut(&(user.clone(), id.to_owned())) {
                manual.status = ManualStatus::Failed;
            }
        }))
    }

    fn deleted<'a>(
        &'a self,
        user: &'a UserId,
        ids: &'a [String],
        now: Option<i64>,
    ) -> PortFuture<'a, Vec<String>> {
        Box::pin(self.step(move |tables| {
            let marked = |id: &&String| {
                let until = tables.marks.get(&(user.clone(), (*id).clone()));
                until.is_some_and(|until| now.is_none_or(|now| *until >= now))
            };
            ids.iter().filter(marked).cloned().collect()
        }))
    }

    fn set_version<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, u64> {
        Box::pin(self.step(move |tables| tables.versions.get(user).copied().unwrap_or_default()))
    }

    fn claim<'a>(
        &'a self,
        user: &'a UserId,
        claim: &'a IdempotencyRecord,
        now: i64,
    ) -> PortFuture<'a, Claim> {
        Box::pin(self.step(move |tables| {
            let key = (user.clone(), claim.key_hash.clone());
            let known = tables.claims.get(&key).filter(|known| known.expires_at >= now).cloned();
            if known.is_none() {
                tables.claims.insert(key, claim.clone());
            }
            known.map_or(Claim::New, Claim::Known)
        }))
    }
}

impl IngestionStore for MemoryRows {
    fn job<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Job>> {
        Box::pin(self.step(move |tables| tables.jobs.get(&(user.clone(), id.to_owned())).cloned()))
    }

    fn jobs<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Job>> {
        Box::pin(self.step(move |tables| page(&tables.jobs, user, limit, after)))
    }

    fn leave<'a>(&'a self, work: &'a Work) -> PortFuture<'a, ()> {
        Box::pin(self.step(move |tables| {
            tables.work.insert(work.id.clone(), work.clone());
        }))
    }

    fn open_work(&self) -> PortFuture<'_, Vec<Work>> {
        Box::pin(self.step(|tables| tables.work.values().cloned().collect()))
    }

    fn cover<'a>(
        &'a self,
        work: &'a Work,
        run: Option<&'a str>,
        _now: OffsetDateTime,
    ) -> PortFuture<'a, bool> {
        Box::pin(self.step(move |tables| {
            let stored = tables.work.get_mut(&work.id);
            let Some(open) = stored.filter(|open| open.covered_by == work.covered_by) else {
                return false;
            };
            open.covered_by = run.map(str::to_owned);
            let state = if run.is_some() { JobState::Running } else { JobState::Queued };
            tables.set_job(work, state);
            true
        }))
    }

    fn manuals_changed<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, ()> {
        Box::pin(self.step(move |tables| {
            *tables.versions.entry(user.clone()).or_default() += 1;
        }))
    }

    fn finish<'a>(
        &'a self,
        work: &'a Work,
        outcome: &'a Outcome,
        _now: OffsetDateTime,
    ) -> PortFuture<'a, ()> {
        Box::pin(self.step(move |tables| {
            let stored = tables.work.get(&work.id);
            if stored.is_none_or(|open| open.covered_by != work.covered_by) {
                return;
            }
            tables.work.remove(&work.id);
            if work.kind == WorkKind::Remove {
                return;
            }
            tables.set_job(work, JobState::from(outcome));
            let key = (work.user.clone(), work.manual_id.clone());
            if let Some(manual) = tables.manuals.get_mut(&key) {
                manual.status = ManualStatus::from(outcome);
            }
        }))
    }
}

impl ReplayStore for MemoryRows {
    fn remember<'a>(&'a self, id: &'a str, now: i64, expires_at: i64) -> PortFuture<'a, bool> {
        Box::pin(self.step(move |tables| {
            let known = tables.signatures.get(id).is_some_and(|until| *until >= now);
            if !known {
                tables.signatures.insert(id.to_owned(), expires_at);
            }
            !known
        }))
    }
}

impl Tables {
    fn set_job(&mut self, work: &Work, state: JobState) {
        if let Some(job) = self.jobs.get_mut(&(work.user.clone(), work.id.clone())) {
            job.state = state;
        }
    }
}

impl MemoryRows {
    /// Takes work away that no call of ours finished.
    pub fn lose_work(&self, id: &str) {
        locked(&self.tables).work.remove(id);
    }

    /// The manuals for which a run is needed or going on.
    pub fn open_manuals(&self) -> BTreeSet<String> {
        locked(&self.tables).work.values().map(|work| work.manual_id.clone()).collect()
    }
}

//! The repairs of one run: announcements, recordings, transcription jobs, and rows against objects.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Swept;
use crate::app::conflict;
use crate::app::error::{AppError, AppResult};
use crate::app::manuals::MARK_KEPT_S;
use crate::context::Deadline;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ingestion::{Outcome, Work, WorkKind};
use crate::domain::leftovers::{JOBS, MANUALS, RECORDINGS, Stored, job_name_of, place_of, whole};
use crate::domain::manual::{Manual, ManualStatus, sidecar, sidecar_key};
use crate::domain::user::UserId;
use crate::state::App;

/// What is younger may be somebody's who is still at work.
const GRACE: time::Duration = time::Duration::HOUR;

/// A manual that the index has not taken in by then has failed.
const INDEXED_WITHIN: time::Duration = time::Duration::DAY;

/// Pages of objects in a run.
const PAGES_MAX: usize = 20;

/// Objects in a page: the most that the store gives.
const PAGE: u16 = 1000;

/// Rows in a page.
const ROWS: usize = 100;

/// Pages of rows of one user, of announcements, of recordings and of transcription jobs in a run.
const SMALL_PAGES_MAX: usize = 100;

/// More open work than this may not have been seen in full.
const WORK_SEEN_MAX: usize = 500;

/// One run.
pub(super) struct Run<'a> {
    pub(super) app: &'a App,
    pub(super) deadline: Deadline,
    pub(super) now: OffsetDateTime,
    pub(super) swept: Swept,
}

impl Run<'_> {
    /// Announcements that can be completed no more.
    pub(super) async fn announcements(&mut self) -> AppResult<()> {
        let pending = &self.app.ports.pending;
        let mut after: Option<String> = None;
        for _page in 0..SMALL_PAGES_MAX {
            let page = pending.all(ROWS, after.as_deref()).await.map_err(AppError::Port)?;
            for announced in page.items {
                if announced.expires_at >= self.now.unix_timestamp() {
                    continue;
                }
                let (user, id) = (&announced.user, &announced.manual_id);
                self.swept.discarded += u32::from(self.discard(user, id, &announced.key()).await?);
                // Last: until then the next run finds it again.
                pending.forget(user, id).await.map_err(AppError::Port)?;
            }
            after = page.next_after;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Recordings and transcripts whose request is long over.
    pub(super) async fn recordings(&mut self) -> AppResult<()> {
        let audio = &self.app.ports.audio;
        let mut after: Option<String> = None;
        for _page in 0..SMALL_PAGES_MAX {
            let listing = audio.list(RECORDINGS, after.as_deref(), PAGE).await;
            let listing = listing.map_err(AppError::Port)?;
            for object in &listing.objects {
                if !self.is_old(object.modified) {
                    continue;
                }
                if let Some(job) = job_name_of(&object.key) {
                    // One that is still at work writes its transcript later: for the next run.
                    self.app.ports.transcriber.delete(&job).await.map_err(AppError::Port)?;
                }
                audio.delete(&object.key).await.map_err(AppError::Port)?;
                self.swept.recordings += 1;
                self.report("a recording or transcript was left");
            }
            after = listing.objects.last().filter(|_| listing.more).map(|o| o.key.clone());
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Transcription jobs that came to their end after their recording and transcript were away: no object leads to them, and
    /// the service itself would keep them for 90 days. Of another stage in the same account they are leftovers as well.
    pub(super) async fn jobs(&mut self) -> AppResult<()> {
        let transcriber = &self.app.ports.transcriber;
        let mut after: Option<String> = None;
        for _page in 0..SMALL_PAGES_MAX {
            let page = transcriber.jobs(JOBS, after.as_deref()).await.map_err(AppError::Port)?;
            for job in page.items {
                if job.running || !self.is_old(job.started) {
                    continue;
                }
                transcriber.delete(&job.name).await.map_err(AppError::Port)?;
                self.swept.jobs += 1;
                self.report("a transcription job was left");
            }
            after = page.next_after;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Objects and rows, from where the last run ended.
    pub(super) async fn manuals(&mut self) -> AppResult<()> {
        let ports = &self.app.ports;
        let mut after = ports.pending.place().await.map_err(AppError::Port)?;
        for _page in 0..PAGES_MAX {
            // Before the rows: work that is away when its row still waits was never there.
            let open = ports.ingestion.open_work().await.map_err(AppError::Port)?;
            let listing = ports.files.list(MANUALS, after.as_deref(), PAGE).await;
            let listing = listing.map_err(AppError::Port)?;
            let (manuals, next) = whole(&listing.objects, listing.more);
            let mut of_user: BTreeMap<UserId, BTreeMap<String, Stored>> = BTreeMap::new();
            // The page may begin or end inside of a user who has nothing stored there but rows.
            for place in [&after, &next].into_iter().flatten() {
                if let Some((user, _id)) = place_of(place) {
                    of_user.entry(user).or_default();
                }
            }
            // Users who may have lost everything that was stored are known by their open work.
            if after.is_none() {
                for work in &open {
                    of_user.entry(work.user.clone()).or_default();
                }
            }
            for stored in manuals {
                let ids = of_user.entry(stored.user.clone()).or_default();
                ids.insert(stored.manual_id.clone(), stored);
            }
            for (user, stored) in of_user {
                let within = (after.as_deref(), next.as_deref());
                self.compare(&user, stored, within, &open).await?;
            }
            ports.pending.keep_place(next.as_deref()).await.map_err(AppError::Port)?;
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// One user's objects and rows between two places.
    async fn compare(
        &mut self,
        user: &UserId,
        mut stored: BTreeMap<String, Stored>,
        (after, until): (Option<&str>, Option<&str>),
        open: &[Work],
    ) -> AppResult<()> {
        let id_at = |place: Option<&str>| {
            let (owner, id) = place.and_then(place_of)?;
            (owner == *user).then(|| id.to_owned())
        };
        let (mut from, until) = (id_at(after), id_at(until));
        for _page in 0..SMALL_PAGES_MAX {
            let rows = self.app.ports.manuals.list(user, ROWS, from.as_deref()).await;
            let rows = rows.map_err(AppError::Port)?;
            for row in rows.items {
                if until.as_ref().is_some_and(|until| row.id >= *until) {
                    return self.discard_all(stored).await;
                }
                let found = stored.remove(&row.id);
                self.mend(user, &row, found.as_ref(), open).await?;
            }
            from = rows.next_after;
            if from.is_none() {
                return self.discard_all(stored).await;
            }
        }
        // More rows than are looked at: what has no row yet may have one further on.
        Ok(())
    }

    /// What is stored and has no row.
    async fn discard_all(&mut self, stored: BTreeMap<String, Stored>) -> AppResult<()> {
        for (id, found) in stored {
            if !self.is_old(found.modified) || self.is_announced(&found.user, &id).await? {
                continue;
            }
            if self.discard(&found.user, &id, &found.key).await? {
                self.swept.discarded += 1;
                self.report("an object without a row");
            }
        }
        Ok(())
    }

    async fn is_announced(&self, user: &UserId, id: &str) -> AppResult<bool> {
        let pending = self.app.ports.pending.find(user, id).await.map_err(AppError::Port)?;
        Ok(pending.is_some_and(|pending| pending.expires_at >= self.now.unix_timestamp()))
    }

    /// Removes objects for good, unless there is a row after all.
    async fn discard(&self, user: &UserId, id: &str, key: &str) -> AppResult<bool> {
        let (manuals, files) = (&self.app.ports.manuals, &self.app.ports.files);
        let work = catch_up(user, id);
        let mark_until = self.now.unix_timestamp().saturating_add(MARK_KEPT_S);
        let abandon = || manuals.abandon(&work, mark_until);
        if !conflict::resolve(self.deadline, abandon).await? {
            return Ok(false);
        }
        let sidecar = sidecar_key(key);
        let deleted = tokio::try_join!(files.delete(key), files.delete(&sidecar));
        deleted.map_err(AppError::Port)?;
        Ok(true)
    }

    /// One row and what is stored for it.
    async fn mend(
        &mut self,
        user: &UserId,
        row: &Manual,
        stored: Option<&Stored>,
        open: &[Work],
    ) -> AppResult<()> {
        let Ok(uploaded) = OffsetDateTime::parse(&row.upload_date, &Rfc3339) else { return Ok(()) };
        if !self.is_old(uploaded) {
            return Ok(());
        }
        let Some(stored) = stored.filter(|stored| stored.object) else {
            let work = open.iter().find(|work| work.id == row.job_id);
            return self.end_without_object(user, row, work, stored.is_some()).await;
        };
        if row.status == ManualStatus::Failed {
            return Ok(());
        }
        if !stored.sidecar {
            self.write_sidecar(user, row).await?;
            self.swept.sidecars += 1;
        }
        if row.status == ManualStatus::Processing {
            self.swept.requeued += u32::from(self.hurry(user, row, uploaded, open).await?);
        }
        Ok(())
    }

    /// A row whose object is missing has failed; what a deletion that broke off has left of its sidecar goes.
    async fn end_without_object(
        &mut self,
        user: &UserId,
        row: &Manual,
        work: Option<&Work>,
        sidecar: bool,
    ) -> AppResult<()> {
        let open_end = row.status != ManualStatus::Failed;
        if !open_end && !sidecar {
            return Ok(());
        }
        let files = &self.app.ports.files;
        if files.head(&row.key).await.map_err(AppError::Port)?.is_some() {
            return Ok(());
        }
        if sidecar {
            files.delete(&sidecar_key(&row.key)).await.map_err(AppError::Port)?;
        }
        if open_end {
            self.fail(user, row, work, "the stored file is missing").await?;
            self.swept.failed += 1;
            self.report("a row without its object");
        }
        Ok(())
    }

    async fn write_sidecar(&self, user: &UserId, row: &Manual) -> AppResult<()> {
        let bytes = Bytes::from(sidecar(user, &row.id, &row.name));
        let key = sidecar_key(&row.key);
        let put = self.app.ports.files.put(&key, "application/json", bytes).await;
        put.map_err(AppError::Port)?;
        self.leave(&catch_up(user, &row.id)).await?;
        self.report("a row without its sidecar");
        Ok(())
    }

    /// Work that is missing is left again; work that was never done has failed.
    async fn hurry(
        &self,
        user: &UserId,
        row: &Manual,
        uploaded: OffsetDateTime,
        open: &[Work],
    ) -> AppResult<bool> {
        if let Some(work) = open.iter().find(|work| work.id == row.job_id) {
            if self.now - uploaded > INDEXED_WITHIN {
                let reason = "the index did not take the manual in in time";
                self.fail(user, row, Some(work), reason).await?;
                self.report("a manual that waited a day for the index");
            }
            return Ok(false);
        }
        if open.len() >= WORK_SEEN_MAX {
            return Ok(false);
        }
        let kind = WorkKind::Index;
        self.leave(&Work { id: row.job_id.clone(), kind, ..catch_up(user, &row.id) }).await?;
        self.report("a manual without work for the index");
        Ok(true)
    }

    /// Job, work and row end; the row alone, where there is no work or a run has come upon it since it was read.
    async fn fail(
        &self,
        user: &UserId,
        row: &Manual,
        work: Option<&Work>,
        reason: &str,
    ) -> AppResult<()> {
        let ports = &self.app.ports;
        if let Some(work) = work {
            let outcome = Outcome::Failed { reason: reason.to_owned() };
            let finish = || ports.ingestion.finish(work, &outcome, self.now);
            conflict::resolve(self.deadline, finish).await?;
        }
        let mark = || ports.manuals.mark_failed(user, &row.id);
        conflict::resolve(self.deadline, mark).await
    }

    async fn leave(&self, work: &Work) -> AppResult<()> {
        conflict::resolve(self.deadline, || self.app.ports.ingestion.leave(work)).await
    }

    fn is_old(&self, at: OffsetDateTime) -> bool {
        self.now - at > GRACE
    }

    fn report(&self, detail: &'static str) {
        let failure = Failure::new(FailureKind::SweepFinding, "sweep", detail, self.now);
        crate::app::failures::report(self.app, failure);
    }
}

/// Work for which nobody waits: a run looks at the whole bucket, whatever asked for it.
fn catch_up(user: &UserId, manual_id: &str) -> Work {
    Work {
        id: Uuid::new_v4().to_string(),
        user: user.clone(),
        manual_id: manual_id.to_owned(),
        kind: WorkKind::Remove,
        covered_by: None,
    }
}

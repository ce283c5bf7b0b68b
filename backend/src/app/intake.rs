//! The one way into the store for a file whose bytes were checked: object, then sidecar, then row (with its job and the
//! work for the index), then the index is pushed. Every step can be repeated with the same result.
//!
//! The row is written only if the manual is not marked as deleted, so a repetition at the moment of a deletion cannot
//! bring it back; what such a loser has stored it takes away again, and so does one that the store failed half-way. A crash
//! between two steps leaves an object without a row, which the sweep removes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::app::caller::Caller;
use crate::app::conflict;
use crate::app::error::{AppError, AppResult};
use crate::app::idempotency::Ids;
use crate::clock;
use crate::context::{self, Deadline};
use crate::defects::{self, Defect};
use crate::domain::document::DocumentType;
use crate::domain::ingestion::{Job, JobState, Work, WorkKind};
use crate::domain::manual::{Manual, ManualStatus, object_key, sidecar, sidecar_key};
use crate::domain::timestamp::rfc3339;
use crate::ports::{Inserted, PortError};
use crate::spool::Spooled;
use crate::state::App;

/// How long a task may try to take away what a refused manual has left; then the sweep does.
const TAKEN_AWAY_WITHIN: Duration = Duration::from_secs(10);

/// A store that failed is asked again after this, and after twice as long each time.
const ASKED_AGAIN_MIN: Duration = Duration::from_millis(250);

/// A manual that is stored and on its way into the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its id.
    pub manual_id: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256 of the file.
    pub sha256: String,
    /// The job that indexes it.
    pub job_id: String,
}

impl From<Manual> for Uploaded {
    fn from(manual: Manual) -> Self {
        Self {
            manual_id: manual.id,
            name: manual.name,
            size: manual.size,
            sha256: manual.sha256,
            job_id: manual.job_id,
        }
    }
}

/// A file that is a manual.
#[derive(Debug)]
pub(super) struct CheckedFile {
    pub(super) name: String,
    pub(super) document: DocumentType,
    /// Bytes.
    pub(super) size: u64,
    /// Hex.
    pub(super) sha256: String,
    pub(super) pages: u32,
    pub(super) content: Content,
}

/// Where a checked file's bytes are.
#[derive(Debug)]
pub(super) enum Content {
    /// Here.
    Bytes(Bytes),
    /// On disk.
    File(Spooled),
    /// In the store already, at their key.
    Stored,
}

/// What an earlier call with these ids has made, if it came to its end.
pub(super) async fn earlier(
    app: &App,
    caller: &Caller,
    manual_id: &str,
) -> AppResult<Option<Uploaded>> {
    let row = app.ports.manuals.get(&caller.user, manual_id).await.map_err(AppError::Port)?;
    if row.is_some() {
        app.indexing.wake();
    }
    Ok(row.map(Uploaded::from))
}

/// Stores the file and has it indexed.
pub(super) async fn take_in(
    app: &App,
    caller: &Caller,
    ids: Ids,
    file: CheckedFile,
) -> AppResult<Uploaded> {
    // Nobody else can be storing the same manual, and nobody stored it before: what fails half-way may be taken away.
    let own = !ids.shared && !matches!(file.content, Content::Stored);
    let (manual, job) = rows(app, caller, ids, &file);
    let insert = || app.ports.manuals.insert(&caller.user, &manual, &job);
    if defects::is_on(Defect::RowBeforeObject) {
        conflict::resolve(caller.deadline, insert).await?;
    }
    if let Err(error) = store(app, caller, &manual, file).await {
        if own {
            leave_nothing(app, &manual);
        }
        return Err(AppError::Port(error));
    }
    match conflict::resolve(caller.deadline, insert).await? {
        Inserted::There => {
            Arc::clone(&app.indexing).push(caller.deadline).await;
            Ok(Uploaded::from(manual))
        }
        Inserted::Deleted => {
            if let Err(error) = withdraw(app, caller, &manual).await {
                left_to_the_sweep(&error);
            }
            Err(AppError::IdempotencyKeyOfDeleted)
        }
    }
}

/// The file and what the index reads about it.
async fn store(
    app: &App,
    caller: &Caller,
    manual: &Manual,
    file: CheckedFile,
) -> Result<(), PortError> {
    let document = file.document.content_type();
    let files = &app.ports.files;
    match file.content {
        Content::Bytes(bytes) => files.put(&manual.key, document, bytes).await?,
        Content::File(file) => files.put_file(&manual.key, document, &file).await?,
        Content::Stored => {}
    }
    let sidecar_bytes = Bytes::from(sidecar(&caller.user, &manual.id, &manual.name));
    files.put(&sidecar_key(&manual.key), "application/json", sidecar_bytes).await
}

/// Takes away what was stored of a manual that is refused, soon and by a task: whoever sent it does not wait. What that
/// does not reach, the sweep does.
fn leave_nothing(app: &App, manual: &Manual) {
    let files = Arc::clone(&app.ports.files);
    let keys = [manual.key.clone(), sidecar_key(&manual.key)];
    let patience = app.failures.patience(TAKEN_AWAY_WITHIN);
    let taking_away = async move {
        let deadline = Deadline::after(TAKEN_AWAY_WITHIN);
        let patient = Deadline::after(patience);
        let mut pause = ASKED_AGAIN_MIN;
        loop {
            let [key, sidecar] = &keys;
            let done = async {
                // Neither is dropped half-way for the other's sake.
                let (object, sidecar) = tokio::join!(files.delete(key), files.delete(sidecar));
                object.and(sidecar)
            };
            match deadline.bound(done).await {
                Ok(Ok(_gone)) => return,
                Ok(Err(_failed)) if patient.remaining() > pause => {
                    clock::pause(pause).await;
                    pause *= 2;
                }
                Ok(Err(error)) => return left_to_the_sweep(&error),
                Err(passed) => return left_to_the_sweep(&passed),
            }
        }
    };
    match context::current() {
        // The request's trace goes on in what is done for it.
        Some(context) => app.failures.tasks().spawn(context.scope(taking_away)),
        None => app.failures.tasks().spawn(taking_away),
    };
}

fn left_to_the_sweep(error: &(dyn std::error::Error + 'static)) {
    let cause = crate::logging::chain(error);
    tracing::warn!(message = "an object is left to the sweep", cause);
}

/// Takes away what was stored for a manual that was deleted meanwhile. A run may have seen it, so the index is told.
async fn withdraw(app: &App, caller: &Caller, manual: &Manual) -> AppResult<()> {
    let files = &app.ports.files;
    let sidecar = sidecar_key(&manual.key);
    tokio::try_join!(files.delete(&manual.key), files.delete(&sidecar)).map_err(AppError::Port)?;
    let work = Work {
        id: Uuid::new_v4().to_string(),
        user: caller.user.clone(),
        manual_id: manual.id.clone(),
        kind: WorkKind::Remove,
        covered_by: None,
    };
    conflict::resolve(caller.deadline, || app.ports.ingestion.leave(&work)).await?;
    app.indexing.wake();
    Ok(())
}

fn rows(app: &App, caller: &Caller, ids: Ids, file: &CheckedFile) -> (Manual, Job) {
    let date = rfc3339(app.clock.now());
    let job = Job {
        id: ids.job_id.clone(),
        manual_id: ids.manual_id.clone(),
        state: JobState::Queued,
        created_at: date.clone(),
        updated_at: date.clone(),
    };
    let manual = Manual {
        key: object_key(&caller.user, &ids.manual_id, file.document.extension()),
        id: ids.manual_id,
        name: file.name.clone(),
        upload_date: date,
        size: file.size,
        pages: file.pages,
        sha256: file.sha256.clone(),
        status: ManualStatus::Processing,
        job_id: ids.job_id,
    };
    (manual, job)
}

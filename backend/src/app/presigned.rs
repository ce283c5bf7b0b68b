//! Large manuals: announced first, then written to the store by their owner with a URL that takes nothing else, then
//! completed, which reads them and stores the rest as for every manual (`intake`).
//!
//! An announced upload is in no list. Completing one again gives the same answer. One that is not completed in time is
//! gone, and the sweep removes its object.

use std::time::Duration;

use time::OffsetDateTime;

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult, InputError};
use crate::app::idempotency::{Ids, Repeatable, ids, key_hash};
use crate::app::intake::{CheckedFile, Content, Uploaded, earlier, take_in};
use crate::defects::{self, Defect};
use crate::domain::document::{DocumentType, LARGE_BYTES, LARGE_BYTES_MAX};
use crate::domain::manual::{PendingUpload, is_id, valid_name};
use crate::ports::{PresignedPut, PromisedObject};
use crate::spool::{SpoolError, Spooled, disk_error};
use crate::state::App;

/// How long the URL can be used.
const URL_VALID: Duration = Duration::from_mins(15);

/// How long the upload can be completed: a PUT may begin at the last moment of its URL, and take its time.
const COMPLETE_WITHIN: Duration = Duration::from_hours(1);

/// An upload as it is announced.
#[derive(Debug)]
pub struct Announcement {
    /// The name of the file.
    pub filename: String,
    /// Its type.
    pub content_type: String,
    /// Its bytes.
    pub size: u64,
    /// Hex SHA-256 of the file.
    pub sha256: String,
    /// The request that carried it.
    pub request: Repeatable,
}

/// The right to write one object.
#[derive(Debug)]
pub struct Slot {
    /// The id that the manual will have.
    pub manual_id: String,
    /// Where and how to write it.
    pub put: PresignedPut,
    /// When the URL ends.
    pub expires_at: OffsetDateTime,
}

/// Notes the upload and gives a URL for its object. Repeated with its idempotency key, it gives a new URL for the same.
pub async fn announce(app: &App, caller: &Caller, announced: Announcement) -> AppResult<Slot> {
    let key_hash = key_hash(&announced.request)?;
    let (name, document, sha256) = check(&announced)?;
    let ids = ids(app, caller, key_hash, announced.request.body_hash).await?;
    let now = app.clock.now();
    let pending = PendingUpload {
        user: caller.user.clone(),
        manual_id: ids.manual_id,
        job_id: ids.job_id,
        name,
        document,
        size: announced.size,
        sha256,
        expires_at: (now + COMPLETE_WITHIN).unix_timestamp(),
    };
    app.ports.pending.note(&pending).await.map_err(AppError::Port)?;
    let promised = PromisedObject {
        key: pending.key(),
        content_type: document.content_type(),
        size: pending.size,
        sha256: pending.sha256,
    };
    let put = app.ports.files.presign_put(&promised, now, URL_VALID).await;
    let put = put.map_err(AppError::Port)?;
    Ok(Slot { manual_id: pending.manual_id, put, expires_at: now + URL_VALID })
}

fn check(announced: &Announcement) -> AppResult<(String, DocumentType, String)> {
    let name = valid_name(&announced.filename).ok_or(AppError::Input(InputError::FileName))?;
    let document = DocumentType::of_content_type(&announced.content_type)
        .ok_or(AppError::Input(InputError::ContentType))?;
    if announced.size < *LARGE_BYTES.start() {
        return Err(AppError::Input(InputError::FileTooSmall));
    }
    if announced.size > *LARGE_BYTES.end() {
        return Err(AppError::Input(InputError::FileTooLarge));
    }
    let digits = announced.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    if announced.sha256.len() != 64 || !digits {
        return Err(AppError::Input(InputError::Checksum));
    }
    Ok((name, document, announced.sha256.to_ascii_lowercase()))
}

/// Makes a manual of an announced upload whose object is there.
pub async fn complete(app: &App, caller: &Caller, id: &str) -> AppResult<Uploaded> {
    if !is_id(id) {
        return Err(AppError::NotFound);
    }
    if let Some(uploaded) = earlier(app, caller, id).await? {
        return Ok(uploaded);
    }
    let now = app.clock.unix_seconds();
    let pending = app.ports.pending.find(&caller.user, id).await.map_err(AppError::Port)?;
    let pending = pending.filter(|pending| pending.expires_at >= now);
    let pending = pending.ok_or(AppError::NotFound)?;
    let file = caller.deadline.bound(stored(app, &pending)).await.map_err(AppError::Deadline)??;
    let ids =
        Ids { manual_id: pending.manual_id, job_id: pending.job_id, known: true, shared: true };
    let uploaded = match take_in(app, caller, ids, file).await {
        // Deleted, or swept away: there is nothing to complete any more.
        Err(AppError::IdempotencyKeyOfDeleted) => Err(AppError::NotFound),
        outcome => outcome,
    }?;
    // What is left of the announcement harms nobody, and the sweep removes it.
    if let Err(error) = app.ports.pending.forget(&caller.user, id).await {
        let cause = crate::logging::chain(&error);
        tracing::warn!(message = "an announcement is left to the sweep", cause);
    }
    Ok(uploaded)
}

/// The object, if it is the one that was announced and a manual.
async fn stored(app: &App, pending: &PendingUpload) -> AppResult<CheckedFile> {
    let key = pending.key();
    let compared = !defects::is_on(Defect::PartialUploadAccepted);
    let facts = app.ports.files.head(&key).await.map_err(AppError::Port)?;
    let facts = facts.ok_or(AppError::UploadIncomplete)?;
    let other_sum = facts.sha256.is_some_and(|sha256| sha256 != pending.sha256);
    if compared && (facts.size != pending.size || other_sum) {
        return Err(AppError::UploadMismatch);
    }
    let parts = app.ports.files.fetch(&key).await.map_err(AppError::Port)?;
    let parts = parts.ok_or(AppError::UploadIncomplete)?;
    let file = Spooled::write(parts, LARGE_BYTES_MAX).await.map_err(|error| match error {
        SpoolError::TooLong(_) => AppError::UploadMismatch,
        SpoolError::Disk(error) => AppError::Port(disk_error(error)),
        SpoolError::Source(error) => AppError::Port(error),
    })?;
    // The store may not know the checksum; and between the two calls another object may have been written.
    if compared && (file.size != pending.size || file.sha256 != pending.sha256) {
        return Err(AppError::UploadMismatch);
    }
    let pages = app.ports.documents.pages_of_file(pending.document, &file).await;
    let pages = pages
        .map_err(AppError::Port)?
        .map_err(|error| AppError::Input(InputError::Document(error)))?;
    Ok(CheckedFile {
        name: pending.name.clone(),
        document: pending.document,
        size: file.size,
        sha256: file.sha256,
        pages,
        content: Content::Stored,
    })
}

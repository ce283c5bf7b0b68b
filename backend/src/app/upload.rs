//! Taking a manual in: object, then sidecar, then row (with its job and the work for the index), then the index is
//! pushed. Every step can be repeated with the same result, which is what makes an `Idempotency-Key` work: it fixes the
//! ids, and the rest follows from them and the body.
//!
//! A key that is known is answered as the first call was (201), with 409 `idempotency_key_reused` when the body is
//! another, and with 409 `manual_deleted` when the manual was deleted since: nothing is written then, for a deleted
//! manual stays deleted. Uploading it once more takes a new key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::caller::Caller;
use crate::app::conflict;
use crate::app::error::{AppError, AppResult, InputError};
use crate::domain::document::{DocumentType, NotADocument, UPLOAD_BYTES_MAX};
use crate::domain::ingestion::{Job, JobState};
use crate::domain::manual::{Manual, ManualStatus, object_key, sidecar, sidecar_key, valid_name};
use crate::domain::timestamp::rfc3339;
use crate::ports::{Claim, IdempotencyRecord};
use crate::state::App;

/// How long an idempotency key is remembered, in seconds.
const KEY_REMEMBERED_S: i64 = 24 * 3600;

/// A manual as it was sent.
#[derive(Debug)]
pub struct UploadCommand {
    /// The name of the file.
    pub filename: String,
    /// Its type.
    pub content_type: String,
    /// Its bytes in base64.
    pub file_data: String,
    /// `Idempotency-Key`, if there was one.
    pub idempotency_key: Option<String>,
    /// Hex SHA-256 of the request's body.
    pub body_hash: String,
}

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

struct CheckedFile {
    name: String,
    document: DocumentType,
    bytes: Bytes,
    pages: u32,
}

/// Stores a manual and has it indexed.
pub async fn upload(app: &App, caller: &Caller, command: UploadCommand) -> AppResult<Uploaded> {
    let key_hash = command.idempotency_key.as_deref().map(key_hash).transpose()?;
    let body_hash = command.body_hash.clone();
    let file = check(app, caller, command).await?;
    let now = app.clock.now();
    let (manual_id, job_id) = ids(app, caller, key_hash, body_hash, now).await?;
    let (manual, job) = rows(caller, &file, manual_id, job_id, now);

    let document = file.document.content_type();
    let files = &app.ports.files;
    files.put(&manual.key, document, file.bytes).await.map_err(AppError::Port)?;
    let sidecar_bytes = Bytes::from(sidecar(&caller.user, &manual.id, &manual.name));
    let sidecar_key = sidecar_key(&manual.key);
    let stored = files.put(&sidecar_key, "application/json", sidecar_bytes).await;
    stored.map_err(AppError::Port)?;
    let insert = || app.ports.manuals.insert(&caller.user, &manual, &job);
    conflict::resolve(caller.deadline, insert).await?;
    Arc::clone(&app.indexing).push(caller.deadline).await;

    Ok(Uploaded {
        manual_id: manual.id,
        name: manual.name,
        size: manual.size,
        sha256: manual.sha256,
        job_id: job.id,
    })
}

fn key_hash(key: &str) -> AppResult<String> {
    let fits = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let refused = AppError::Input(InputError::IdempotencyKey);
    if fits { Ok(hex::encode(Sha256::digest(key.as_bytes()))) } else { Err(refused) }
}

/// Decodes the file, on a thread that may block (some megabytes are work), and has it read, within the deadline.
async fn check(app: &App, caller: &Caller, command: UploadCommand) -> AppResult<CheckedFile> {
    let name = valid_name(&command.filename).ok_or(AppError::Input(InputError::FileName))?;
    let document = DocumentType::of_content_type(&command.content_type)
        .ok_or(AppError::Input(InputError::ContentType))?;
    let unreadable = |source| InputError::Document(NotADocument::unreadable(source));
    // The thread can end before its work only by a panic over these bytes: they are what cannot be read.
    let decoded = tokio::task::spawn_blocking(move || decode(&command.file_data))
        .await
        .map_err(|panicked| AppError::Input(unreadable(panicked)))?;
    let bytes = Bytes::from(decoded.map_err(AppError::Input)?);
    let reading = app.ports.documents.pages(document, bytes.clone());
    let read = caller.deadline.bound(reading).await.map_err(AppError::Deadline)?;
    let pages = read
        .map_err(AppError::Port)?
        .map_err(|error| AppError::Input(InputError::Document(error)))?;
    Ok(CheckedFile { name, document, bytes, pages })
}

fn decode(file_data: &str) -> Result<Vec<u8>, InputError> {
    let bytes = STANDARD.decode(file_data.trim()).map_err(InputError::Base64)?;
    if bytes.is_empty() {
        Err(InputError::EmptyFile)
    } else if bytes.len() > UPLOAD_BYTES_MAX {
        Err(InputError::FileTooLarge)
    } else {
        Ok(bytes)
    }
}

/// New ids, or those that the idempotency key stands for.
async fn ids(
    app: &App,
    caller: &Caller,
    key_hash: Option<String>,
    body_hash: String,
    now: OffsetDateTime,
) -> AppResult<(String, String)> {
    let (manual_id, job_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    let Some(key_hash) = key_hash else { return Ok((manual_id, job_id)) };
    let now = now.unix_timestamp();
    let expires_at = now.saturating_add(KEY_REMEMBERED_S);
    let record = IdempotencyRecord { key_hash, body_hash, manual_id, job_id, expires_at };
    match app.ports.manuals.claim(&caller.user, &record, now).await.map_err(AppError::Port)? {
        Claim::New => Ok((record.manual_id, record.job_id)),
        Claim::Known(known) if known.body_hash == record.body_hash => {
            not_deleted(app, caller, &known.manual_id).await?;
            Ok((known.manual_id, known.job_id))
        }
        Claim::Known(_) => Err(AppError::IdempotencyKeyReused),
    }
}

/// Writing a deleted manual again would store what nobody can find: its mark hides its passages. Any mark counts, however
/// old, since the table's TTL is late by design.
async fn not_deleted(app: &App, caller: &Caller, manual_id: &str) -> AppResult<()> {
    let ids = [manual_id.to_owned()];
    let marks = app.ports.manuals.deleted(&caller.user, &ids, None).await;
    let deleted = !marks.map_err(AppError::Port)?.is_empty();
    if deleted { Err(AppError::IdempotencyKeyOfDeleted) } else { Ok(()) }
}

fn rows(
    caller: &Caller,
    file: &CheckedFile,
    manual_id: String,
    job_id: String,
    now: OffsetDateTime,
) -> (Manual, Job) {
    let date = rfc3339(now);
    let job = Job {
        id: job_id.clone(),
        manual_id: manual_id.clone(),
        state: JobState::Queued,
        created_at: date.clone(),
        updated_at: date.clone(),
    };
    let manual = Manual {
        key: object_key(&caller.user, &manual_id, file.document.extension()),
        id: manual_id,
        name: file.name.clone(),
        upload_date: date,
        size: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
        pages: file.pages,
        sha256: hex::encode(Sha256::digest(&file.bytes)),
        status: ManualStatus::Processing,
        job_id,
    };
    (manual, job)
}

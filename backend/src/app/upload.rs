//! Taking a manual in: object, then sidecar, then row (with its job and the work for the index), then the index is
//! pushed. Every step can be repeated with the same result, which is what makes an `Idempotency-Key` work: it fixes the
//! ids, and the rest follows from them and the body.

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
use crate::domain::document::{DocumentType, UPLOAD_BYTES_MAX};
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
    let file = check(command).await?;
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

/// Decodes and reads the file on a thread that may block: a PDF of some megabytes is work.
async fn check(command: UploadCommand) -> AppResult<CheckedFile> {
    let name = valid_name(&command.filename).ok_or(AppError::Input(InputError::FileName))?;
    let document = DocumentType::of_content_type(&command.content_type)
        .ok_or(AppError::Input(InputError::ContentType))?;
    let read = move || {
        let bytes = decode(&command.file_data)?;
        let pages = document.pages(&bytes).map_err(InputError::Document)?;
        Ok((Bytes::from(bytes), pages))
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(AppError::Worker)?;
    let (bytes, pages) = read.map_err(AppError::Input)?;
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
            Ok((known.manual_id, known.job_id))
        }
        Claim::Known(_) => Err(AppError::IdempotencyKeyReused),
    }
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

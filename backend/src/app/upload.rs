//! A manual that comes in the body of its request: decoded, read, and then stored as every manual is (`intake`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult, InputError};
use crate::app::idempotency::{Repeatable, ids, key_hash};
use crate::app::intake::{CheckedFile, Content, Uploaded, earlier, take_in};
use crate::domain::document::{DocumentType, NotADocument, UPLOAD_BYTES_MAX};
use crate::domain::manual::valid_name;
use crate::state::App;

/// A manual as it was sent.
#[derive(Debug)]
pub struct UploadCommand {
    /// The name of the file.
    pub filename: String,
    /// Its type.
    pub content_type: String,
    /// Its bytes in base64.
    pub file_data: String,
    /// The request that carried it.
    pub request: Repeatable,
}

/// Stores a manual and has it indexed.
pub async fn upload(app: &App, caller: &Caller, command: UploadCommand) -> AppResult<Uploaded> {
    let key_hash = key_hash(&command.request)?;
    let body_hash = command.request.body_hash.clone();
    let file = check(app, caller, command).await?;
    let ids = ids(app, caller, key_hash, body_hash).await?;
    if ids.known
        && let Some(uploaded) = earlier(app, caller, &ids.manual_id).await?
    {
        return Ok(uploaded);
    }
    take_in(app, caller, ids, file).await
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
    let (bytes, sha256) = decoded.map_err(AppError::Input)?;
    let reading = app.ports.documents.pages(document, bytes.clone());
    let read = caller.deadline.bound(reading).await.map_err(AppError::Deadline)?;
    let pages = read
        .map_err(AppError::Port)?
        .map_err(|error| AppError::Input(InputError::Document(error)))?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(CheckedFile { name, document, size, sha256, pages, content: Content::Bytes(bytes) })
}

/// The file and the hex SHA-256 of it.
fn decode(file_data: &str) -> Result<(Bytes, String), InputError> {
    let bytes = STANDARD.decode(file_data.trim()).map_err(InputError::Base64)?;
    if bytes.is_empty() {
        Err(InputError::EmptyFile)
    } else if bytes.len() > UPLOAD_BYTES_MAX {
        Err(InputError::FileTooLarge)
    } else {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok((Bytes::from(bytes), sha256))
    }
}

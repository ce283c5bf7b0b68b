//! `/api/manuals`: upload, list, read, delete.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::idempotency::Repeatable;
use crate::app::intake::Uploaded;
use crate::app::manuals::{self, PageRequest, cursor};
use crate::app::upload::{self, UploadCommand};
use crate::domain::manual::Manual;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::state::App;

#[derive(Debug, Deserialize)]
pub(in crate::http) struct UploadBody {
    filename: String,
    content_type: String,
    file_data: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct UploadAnswer {
    manual_id: String,
    name: String,
    size: u64,
    sha256: String,
    status: &'static str,
    ingestion_job_id: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct ManualAnswer {
    id: String,
    name: String,
    upload_date: String,
    size: u64,
    pages: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct ListAnswer {
    manuals: Vec<ManualAnswer>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `?limit=&cursor=`
#[derive(Debug, Deserialize)]
pub(in crate::http) struct PageQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

pub(in crate::http) async fn upload(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<UploadBody>,
) -> Result<(StatusCode, Json<UploadAnswer>), ApiError> {
    let command = UploadCommand {
        filename: body.value.filename,
        content_type: body.value.content_type,
        file_data: body.value.file_data,
        request: repeatable(&headers, &body.bytes)?,
    };
    let uploaded = upload::upload(&app, &caller, command).await?;
    Ok((StatusCode::CREATED, Json(taken_in(uploaded))))
}

pub(in crate::http) async fn list(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<ListAnswer>, ApiError> {
    let page = manuals::list(&app, &caller, &page_request(query)?).await?;
    let manuals: Vec<ManualAnswer> = page.items.into_iter().map(|row| shape(row, None)).collect();
    let next_cursor = page.next_after.as_deref().map(cursor);
    Ok(Json(ListAnswer { count: manuals.len(), manuals, next_cursor }))
}

pub(in crate::http) async fn get(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ManualAnswer>, ApiError> {
    let (manual, url) = manuals::get(&app, &caller, &known_id(id)?).await?;
    Ok(Json(shape(manual, Some(url))))
}

pub(in crate::http) async fn delete(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    manuals::delete(&app, &caller, &known_id(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What makes a request known when it is repeated.
fn repeatable(headers: &HeaderMap, body: &[u8]) -> Result<Repeatable, AppError> {
    let bad = |_not_ascii| AppError::Input(InputError::IdempotencyKey);
    let key = headers.get("idempotency-key").map(|key| key.to_str().map(str::to_owned));
    let key = key.transpose().map_err(bad)?;
    Ok(Repeatable { key, body_hash: hex::encode(Sha256::digest(body)) })
}

fn taken_in(uploaded: Uploaded) -> UploadAnswer {
    UploadAnswer {
        manual_id: uploaded.manual_id,
        name: uploaded.name,
        size: uploaded.size,
        sha256: uploaded.sha256,
        status: "processing",
        ingestion_job_id: uploaded.job_id,
    }
}

/// The page that a query string asks for.
pub(super) fn page_request(
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<PageRequest, AppError> {
    let bad = |_unreadable| AppError::Input(InputError::Parameter("query"));
    let Query(query) = query.map_err(bad)?;
    PageRequest::parse(query.limit.as_deref(), query.cursor.as_deref())
}

/// A path that is no text names nothing of ours.
pub(super) fn known_id(id: Result<Path<String>, PathRejection>) -> Result<String, AppError> {
    id.map(|Path(id)| id).map_err(|_not_text| AppError::NotFound)
}

fn shape(manual: Manual, download_url: Option<String>) -> ManualAnswer {
    ManualAnswer {
        id: manual.id,
        name: manual.name,
        upload_date: manual.upload_date,
        size: manual.size,
        pages: manual.pages,
        status: manual.status.as_str(),
        sha256: download_url.is_some().then_some(manual.sha256),
        download_url,
    }
}

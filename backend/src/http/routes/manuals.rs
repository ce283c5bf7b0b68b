//! `/api/manuals`: upload, list, read, delete.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::idempotency::Repeatable;
use crate::app::intake::Uploaded;
use crate::app::manuals::{self, PageRequest, cursor};
use crate::app::upload::{self, UploadCommand};
use crate::domain::manual::Manual;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::openapi::causes::{
    Absent, Files, IdempotencyKey, JsonBody as JsonText, ManualFile, PageParameters, Reader,
    Signed, SignedIn, Store,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas::{self, PathId};
use crate::many_bytes;
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({
    "filename": "kettle.md", "content_type": "text/markdown", "file_data": "IyBLZXR0bGUKSG9sZCB0aGUgYnV0dG9uLgo=",
})))]
pub(in crate::http) struct UploadBody {
    /// Trimmed; it is what sources are called by.
    #[schema(schema_with = schemas::file_name)]
    filename: String,
    /// Must be what the bytes are.
    #[schema(schema_with = schemas::manual_type)]
    content_type: String,
    /// At most 4 500 000 bytes before encoding.
    #[schema(schema_with = schemas::manual_data)]
    file_data: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "manual_id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
    "name": "kettle.md",
    "size": 26,
    "sha256": "9d4b1d8dd5f3b8f1cf3e4a9f3f8a1f77f0f0b0f1a2c3d4e5f60718293a4b5c6d",
    "status": "processing",
    "ingestion_job_id": "7a1d3c52-0d0f-4b43-9c55-3f8f0e5b7f02",
})))]
pub(in crate::http) struct UploadAnswer {
    #[schema(schema_with = schemas::uuid)]
    manual_id: String,
    name: String,
    /// Bytes.
    size: u64,
    #[schema(schema_with = schemas::sha256)]
    sha256: String,
    #[schema(pattern = "^processing$")]
    status: &'static str,
    #[schema(schema_with = schemas::uuid)]
    ingestion_job_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
    "name": "kettle.md",
    "upload_date": "2026-03-02T09:30:00Z",
    "size": 26,
    "pages": 1,
    "status": "ready",
    "sha256": "9d4b1d8dd5f3b8f1cf3e4a9f3f8a1f77f0f0b0f1a2c3d4e5f60718293a4b5c6d",
    "download_url": "https://manuals.s3.eu-west-1.amazonaws.com/kettle.md",
})))]
pub(in crate::http) struct ManualAnswer {
    #[schema(schema_with = schemas::uuid)]
    id: String,
    name: String,
    #[schema(format = DateTime)]
    upload_date: String,
    /// Bytes.
    size: u64,
    /// Of a PDF; text is one page.
    pages: u32,
    /// Whether questions can be answered from it.
    #[schema(schema_with = schemas::manual_status)]
    status: &'static str,
    /// Only where one manual is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::sha256)]
    sha256: Option<String>,
    /// Only where one manual is asked for; good for 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::uri)]
    download_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "manuals": [{
        "id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab", "name": "kettle.md",
        "upload_date": "2026-03-02T09:30:00Z", "size": 26, "pages": 1, "status": "ready",
    }],
    "count": 1,
})))]
pub(in crate::http) struct ListAnswer {
    manuals: Vec<ManualAnswer>,
    count: usize,
    /// There are more: pass this as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::cursor)]
    next_cursor: Option<String>,
}

/// `?limit=&cursor=`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageQuery {
    /// The most rows of the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50, nullable = false, example = 20)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// Takes a manual of up to 4.5 MB
///
/// The file is stored and read before the answer; it can be asked about once its ingestion job is complete.
#[utoipa::path(
    post,
    path = "/api/manuals/upload",
    operation_id = "upload_manual",
    tag = "manuals",
    params((
        "Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same manual, once.",
        nullable = false, pattern = "^[!-~]{1,128}$", example = "9b2d7c1e-kettle",
    )),
    request_body = UploadBody,
    responses(
        (status = 201, description = "Stored.", body = UploadAnswer),
        Fails<(SignedIn, Signed, JsonText, ManualFile, IdempotencyKey, Reader, Files, Store)>,
    ),
    security(("token" = [], "timestamp" = [], "signature" = [])),
)]
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
        request: repeatable(&headers, &body.bytes).await?,
    };
    let uploaded = upload::upload(&app, &caller, command).await?;
    Ok((StatusCode::CREATED, Json(taken_in(uploaded))))
}

/// The caller's manuals, page by page
#[utoipa::path(
    get,
    path = "/api/manuals",
    operation_id = "list_manuals",
    tag = "manuals",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = ListAnswer),
        Fails<(SignedIn, PageParameters, Store)>,
    ),
    security(("token" = [])),
)]
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

/// One manual and a URL to download it
#[utoipa::path(
    get,
    path = "/api/manuals/{id}",
    operation_id = "get_manual",
    tag = "manuals",
    params(PathId),
    responses(
        (status = 200, description = "The manual.", body = ManualAnswer),
        Fails<(SignedIn, Absent, Files, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn get(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ManualAnswer>, ApiError> {
    let (manual, url) = manuals::get(&app, &caller, &known_id(id)?).await?;
    Ok(Json(shape(manual, Some(url))))
}

/// Removes a manual everywhere
///
/// Object, sidecar, row and index entries. Deleting again is 204 too.
#[utoipa::path(
    delete,
    path = "/api/manuals/{id}",
    operation_id = "delete_manual",
    tag = "manuals",
    params(PathId),
    responses(
        (status = 204, description = "It is gone."),
        Fails<(SignedIn, Signed, Absent, Files, Store)>,
    ),
    security(("token" = [], "timestamp" = [], "signature" = [])),
)]
pub(in crate::http) async fn delete(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    manuals::delete(&app, &caller, &known_id(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What makes a request known when it is repeated.
pub(super) async fn repeatable(headers: &HeaderMap, body: &Bytes) -> Result<Repeatable, AppError> {
    let bad = |_not_ascii| AppError::Input(InputError::IdempotencyKey);
    let key = headers.get("idempotency-key").map(|key| key.to_str().map(str::to_owned));
    let key = key.transpose().map_err(bad)?;
    let body = body.clone();
    let hash = many_bytes::over(body.len(), move || hex::encode(Sha256::digest(&body)));
    let body_hash = if key.is_some() { hash.await } else { String::new() };
    Ok(Repeatable { key, body_hash })
}

pub(super) fn taken_in(uploaded: Uploaded) -> UploadAnswer {
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

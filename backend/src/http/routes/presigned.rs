//! `/api/manuals/upload-url` and `/api/manuals/{id}/complete`: large manuals.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::caller::Caller;
use crate::app::presigned::{self, Announcement};
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::number::whole_number;
use crate::http::openapi::causes::{
    Absent, AnnouncedFile, Files, IdempotencyKey, JsonBody as JsonText, Reader, Signed, SignedIn,
    Store, WrittenFile,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas::{self, PathId};
use crate::http::routes::manuals::{UploadAnswer, known_id, repeatable, taken_in};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({
    "filename": "excavator.pdf", "content_type": "application/pdf", "size": 31_457_280,
    "sha256": "9d4b1d8dd5f3b8f1cf3e4a9f3f8a1f77f0f0b0f1a2c3d4e5f60718293a4b5c6d",
})))]
pub(in crate::http) struct UploadUrlBody {
    /// Trimmed; it is what sources are called by.
    #[schema(schema_with = schemas::file_name)]
    filename: String,
    /// Must be what the bytes are.
    #[schema(schema_with = schemas::manual_type)]
    content_type: String,
    /// Bytes: more than 4 MiB, 50 MiB at most.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 4_194_305, maximum = 52_428_800)]
    size: u64,
    /// Of the file.
    #[schema(schema_with = schemas::any_case_sha256)]
    sha256: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "manual_id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
    "upload_url": "https://manuals.s3.eu-west-1.amazonaws.com/excavator.pdf",
    "expires_at": "2026-03-02T09:45:00Z",
    "headers": { "content-length": "31457280", "content-type": "application/pdf" },
})))]
pub(in crate::http) struct UploadUrlAnswer {
    #[schema(schema_with = schemas::uuid)]
    manual_id: String,
    /// Takes one PUT of the announced file, and no other.
    #[schema(schema_with = schemas::uri)]
    upload_url: String,
    /// When the URL ends: after 15 minutes.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What the PUT must send, as it is: the signature binds it.
    headers: BTreeMap<String, String>,
}

/// Announces a manual of 4 to 50 MB
///
/// The file is then written by a PUT to the URL, and completed.
#[utoipa::path(
    post,
    path = "/api/manuals/upload-url",
    operation_id = "announce_manual",
    tag = "manuals",
    params((
        "Idempotency-Key" = Option<String>, Header, description = "The same key and body announce the same manual, once.",
        nullable = false, pattern = "^[!-~]{1,128}$", example = "9b2d7c1e-excavator",
    )),
    request_body = UploadUrlBody,
    responses(
        (status = 201, description = "Announced.", body = UploadUrlAnswer),
        Fails<(SignedIn, Signed, JsonText, AnnouncedFile, IdempotencyKey, Files, Store)>,
    ),
    security(("token" = [], "timestamp" = [], "signature" = [])),
)]
pub(in crate::http) async fn upload_url(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonBody<UploadUrlBody>,
) -> Result<(StatusCode, Json<UploadUrlAnswer>), ApiError> {
    let announced = Announcement {
        filename: body.value.filename,
        content_type: body.value.content_type,
        size: body.value.size,
        sha256: body.value.sha256,
        request: repeatable(&headers, &body.bytes).await?,
    };
    let slot = presigned::announce(&app, &caller, announced).await?;
    let answer = UploadUrlAnswer {
        manual_id: slot.manual_id,
        upload_url: slot.put.url,
        expires_at: rfc3339(slot.expires_at),
        headers: slot.put.headers,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Makes a manual of an announced file
///
/// The file must have been written to its URL. Completing again gives the same answer.
#[utoipa::path(
    post,
    path = "/api/manuals/{id}/complete",
    operation_id = "complete_manual",
    tag = "manuals",
    params(PathId),
    responses(
        (status = 201, description = "Stored.", body = UploadAnswer),
        Fails<(SignedIn, Signed, Absent, WrittenFile, Reader, Files, Store)>,
    ),
    security(("token" = [], "timestamp" = [], "signature" = [])),
)]
pub(in crate::http) async fn complete(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<(StatusCode, Json<UploadAnswer>), ApiError> {
    let uploaded = presigned::complete(&app, &caller, &known_id(id)?).await?;
    Ok((StatusCode::CREATED, Json(taken_in(uploaded))))
}

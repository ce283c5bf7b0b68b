//! `POST /api/manuals/download`: a manual from a public URL.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::caller::Caller;
use crate::app::download::{self, DownloadCommand};
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::openapi::causes::{
    FetchedFile, Files, JsonBody as JsonText, Reader, Signed, SignedIn, Store,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas;
use crate::http::routes::manuals::{UploadAnswer, taken_in};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({ "url": "https://example.com/manuals/kettle.pdf", "filename": "kettle.pdf" })))]
pub(in crate::http) struct DownloadBody {
    /// Of a public server: https on its own port, without credentials, fragment and control characters.
    #[schema(schema_with = schemas::public_url)]
    url: String,
    /// What sources are called by; otherwise what the server calls the file, or the end of the address.
    #[schema(schema_with = schemas::file_name, required = false)]
    filename: Option<String>,
}

/// Fetches a manual of up to 50 MB from a public address
///
/// The server must say what it is (PDF, plain text or Markdown), and send it unpacked.
#[utoipa::path(
    post,
    path = "/api/manuals/download",
    operation_id = "download_manual",
    tag = "manuals",
    request_body = DownloadBody,
    responses(
        (status = 201, description = "Stored.", body = UploadAnswer),
        Fails<(SignedIn, Signed, JsonText, FetchedFile, Reader, Files, Store)>,
    ),
    security(("token" = [], "timestamp" = [], "signature" = [])),
)]
pub(in crate::http) async fn download(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<DownloadBody>,
) -> Result<(StatusCode, Json<UploadAnswer>), ApiError> {
    let command = DownloadCommand { url: body.value.url, filename: body.value.filename };
    let uploaded = download::download(&app, &caller, command).await?;
    Ok((StatusCode::CREATED, Json(taken_in(uploaded))))
}

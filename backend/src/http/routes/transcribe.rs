//! `POST /api/transcribe`: what was said in a recording.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::voice::{self, SpokenCommand};
use crate::domain::manual::valid_name;
use crate::domain::quota::Operation;
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::openapi::causes::{
    JsonBody as JsonText, Quota, RecordingName, SignedIn, Store, Transcription,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas;
use crate::http::routes::query::{CostAnswer, UsageFiguresAnswer};
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({ "audio_data": schemas::RECORDING, "content_type": "audio/flac" })))]
pub(in crate::http) struct TranscribeBody {
    #[schema(schema_with = schemas::audio_data)]
    audio_data: String,
    #[schema(schema_with = schemas::audio_type)]
    content_type: String,
    /// Checked and not used: nothing is stored by this name.
    #[schema(schema_with = schemas::optional_file_name)]
    filename: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "transcription": "How do I descale the kettle?",
    "usage": { "daily_used": 3, "daily_limit": 50, "monthly_used": 41, "monthly_limit": 1000 },
    "cost": {
        "request_id": "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11",
        "operation": "transcribe",
        "total_cost": 0.006,
        "currency": "USD",
        "cost_breakdown": [{
            "service": "transcribe", "operation": "transcription", "cost": 0.006, "unit": "second", "quantity": 15,
        }],
        "prices_as_of": "2025-06-01",
        "timestamp": "2026-03-02T09:30:00Z",
    },
    "request_id": "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11",
})))]
pub(in crate::http) struct TranscribeAnswer {
    transcription: String,
    usage: UsageFiguresAnswer,
    cost: CostAnswer,
    #[schema(schema_with = schemas::uuid)]
    request_id: String,
}

/// Writes down what was said in a recording
///
/// Counts against the quota when it is answered, and only then.
#[utoipa::path(
    post,
    path = "/api/transcribe",
    tag = "questions",
    request_body = TranscribeBody,
    responses(
        (status = 200, description = "What was said.", body = TranscribeAnswer),
        Fails<(SignedIn, JsonText, RecordingName, Transcription, Quota, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn transcribe(
    State(app): State<App>,
    caller: Caller,
    JsonBody { value, bytes }: JsonBody<TranscribeBody>,
) -> Result<Json<TranscribeAnswer>, ApiError> {
    // Megabytes, which are not to wait for the answer.
    drop(bytes);
    let TranscribeBody { audio_data: data, content_type, filename } = value;
    if filename.is_some_and(|name| valid_name(&name).is_none()) {
        return Err(AppError::Input(InputError::FileName).into());
    }
    let heard = voice::transcribe(&app, &caller, SpokenCommand { content_type, data }).await?;
    let timestamp = rfc3339(heard.at);
    Ok(Json(TranscribeAnswer {
        transcription: heard.text,
        usage: heard.usage.into(),
        cost: CostAnswer::new(Operation::Transcribe, &heard.cost, &caller.request_id, &timestamp),
        request_id: caller.request_id,
    }))
}

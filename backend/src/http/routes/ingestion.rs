//! `/api/ingestion`: how far the indexing is, own jobs only.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::caller::Caller;
use crate::app::jobs;
use crate::app::manuals::cursor;
use crate::domain::ingestion::{Job, JobState};
use crate::http::error::ApiError;
use crate::http::openapi::causes::{Absent, PageParameters, SignedIn, Store};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas::{self, PathId};
use crate::http::routes::manuals::{PageQuery, known_id, page_request};
use crate::state::App;

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "job_id": "7a1d3c52-0d0f-4b43-9c55-3f8f0e5b7f02",
    "manual_id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
    "status": "complete",
    "created_at": "2026-03-02T09:30:00Z",
    "updated_at": "2026-03-02T09:30:41Z",
})))]
pub(in crate::http) struct JobAnswer {
    #[schema(schema_with = schemas::uuid)]
    job_id: String,
    #[schema(schema_with = schemas::uuid)]
    manual_id: String,
    #[schema(schema_with = schemas::job_status)]
    status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "jobs": [{
        "job_id": "7a1d3c52-0d0f-4b43-9c55-3f8f0e5b7f02",
        "manual_id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
        "status": "failed",
        "reason": "the manual could not be read by the index",
        "created_at": "2026-03-02T09:30:00Z",
        "updated_at": "2026-03-02T09:30:41Z",
    }],
    "count": 1,
})))]
pub(in crate::http) struct StatusAnswer {
    jobs: Vec<JobAnswer>,
    count: usize,
    /// There are more: pass this as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::cursor)]
    next_cursor: Option<String>,
}

/// The caller's jobs, page by page
#[utoipa::path(
    get,
    path = "/api/ingestion/status",
    operation_id = "ingestion_status",
    tag = "ingestion",
    params(PageQuery),
    responses(
        (status = 200, description = "A page.", body = StatusAnswer),
        Fails<(SignedIn, PageParameters, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn status(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<StatusAnswer>, ApiError> {
    let page = jobs::status(&app, &caller, &page_request(query)?).await?;
    let jobs: Vec<JobAnswer> = page.items.into_iter().map(shape).collect();
    let next_cursor = page.next_after.as_deref().map(cursor);
    Ok(Json(StatusAnswer { count: jobs.len(), jobs, next_cursor }))
}

/// One job
#[utoipa::path(
    get,
    path = "/api/ingestion/job/{id}",
    operation_id = "ingestion_job",
    tag = "ingestion",
    params(PathId),
    responses(
        (status = 200, description = "How far it is.", body = JobAnswer),
        Fails<(SignedIn, Absent, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn job(
    State(app): State<App>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobAnswer>, ApiError> {
    Ok(Json(shape(jobs::job(&app, &caller, &known_id(id)?).await?)))
}

fn shape(job: Job) -> JobAnswer {
    let status = job.state.as_str();
    let reason = match job.state {
        JobState::Failed { reason } => Some(reason),
        JobState::Queued | JobState::Running | JobState::Complete => None,
    };
    JobAnswer {
        job_id: job.id,
        manual_id: job.manual_id,
        status,
        reason,
        created_at: job.created_at,
        updated_at: job.updated_at,
    }
}

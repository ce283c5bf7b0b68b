//! `/api/ingestion`: how far the indexing is, own jobs only.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Serialize;

use crate::app::caller::Caller;
use crate::app::jobs;
use crate::app::manuals::cursor;
use crate::domain::ingestion::{Job, JobState};
use crate::http::error::ApiError;
use crate::http::routes::manuals::{PageQuery, known_id, page_request};
use crate::state::App;

#[derive(Debug, Serialize)]
pub(in crate::http) struct JobAnswer {
    job_id: String,
    manual_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct StatusAnswer {
    jobs: Vec<JobAnswer>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

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

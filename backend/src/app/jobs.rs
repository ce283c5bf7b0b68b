//! How far the indexing of the caller's manuals is; another user's job is not there.

use std::sync::Arc;

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::app::manuals::PageRequest;
use crate::domain::ingestion::Job;
use crate::domain::manual::is_id;
use crate::ports::Page;
use crate::state::App;

/// One of the caller's jobs. A job that is not final pushes the index first, so that asking is enough to see the end.
pub async fn job(app: &App, caller: &Caller, id: &str) -> AppResult<Job> {
    if !is_id(id) {
        return Err(AppError::NotFound);
    }
    let read = || app.ports.ingestion.job(&caller.user, id);
    let job = read().await.map_err(AppError::Port)?.ok_or(AppError::NotFound)?;
    if job.state.is_final() {
        return Ok(job);
    }
    Arc::clone(&app.indexing).push(caller.deadline).await;
    read().await.map_err(AppError::Port)?.ok_or(AppError::NotFound)
}

/// One page of the caller's jobs.
pub async fn status(app: &App, caller: &Caller, page: &PageRequest) -> AppResult<Page<Job>> {
    let read = || app.ports.ingestion.jobs(&caller.user, page.limit, page.after.as_deref());
    let jobs = read().await.map_err(AppError::Port)?;
    if jobs.items.iter().all(|job| job.state.is_final()) {
        return Ok(jobs);
    }
    Arc::clone(&app.indexing).push(caller.deadline).await;
    read().await.map_err(AppError::Port)
}

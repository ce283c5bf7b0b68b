//! Listing, reading and deleting manuals.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::app::caller::Caller;
use crate::app::conflict;
use crate::app::error::{AppError, AppResult, InputError};
use crate::domain::ingestion::{Work, WorkKind};
use crate::domain::manual::{Manual, ManualStatus, is_id, sidecar_key};
use crate::ports::Page;
use crate::state::App;

/// Rows in a page when the client names no number.
const LIMIT_DEFAULT: usize = 50;

/// The most rows in a page.
const LIMIT_MAX: usize = 100;

/// How long a download URL can be used.
const DOWNLOAD_VALID: Duration = Duration::from_mins(15);

/// How long a deleted manual is known as deleted, in seconds: longer than any run of the index is late.
pub(super) const MARK_KEPT_S: i64 = 30 * 24 * 3600;

/// What part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// 1–100.
    pub limit: usize,
    /// The id after which the page starts.
    pub after: Option<String>,
}

impl PageRequest {
    /// From `limit` (1–100, 50 by default) and `cursor` (from an answer of ours).
    pub fn parse(limit: Option<&str>, cursor: Option<&str>) -> AppResult<Self> {
        let bad = |name| AppError::Input(InputError::Parameter(name));
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or(bad("limit"))?,
        };
        let after = cursor.map(|text| id_in(text).ok_or(bad("cursor"))).transpose()?;
        Ok(Self { limit, after })
    }
}

/// The cursor for the page after an id; it holds no user, that comes from the token.
pub fn cursor(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

fn id_in(cursor: &str) -> Option<String> {
    let id = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    is_id(&id).then_some(id)
}

/// One page of the caller's manuals: one call of the store, whatever their number.
pub async fn list(app: &App, caller: &Caller, page: &PageRequest) -> AppResult<Page<Manual>> {
    let rows = app.ports.manuals.list(&caller.user, page.limit, page.after.as_deref());
    let rows = rows.await.map_err(AppError::Port)?;
    if rows.items.iter().any(|manual| manual.status == ManualStatus::Processing) {
        app.indexing.wake();
    }
    Ok(rows)
}

/// A manual and a URL to download it.
pub async fn get(app: &App, caller: &Caller, id: &str) -> AppResult<(Manual, String)> {
    let manual = find(app, caller, id).await?.ok_or(AppError::NotFound)?;
    if manual.status == ManualStatus::Processing {
        app.indexing.wake();
    }
    let url = app.ports.files.presign(&manual.key, app.clock.now(), DOWNLOAD_VALID).await;
    Ok((manual, url.map_err(AppError::Port)?))
}

/// Removes object, sidecar and row, marks the manual as deleted, and has the index forget it. Deleting again succeeds.
///
/// Object and sidecar go first: a failure half-way leaves the row, and with it the right to try again.
pub async fn delete(app: &App, caller: &Caller, id: &str) -> AppResult<()> {
    let Some(manual) = find(app, caller, id).await? else {
        return deleted_before(app, caller, id).await;
    };
    let files = &app.ports.files;
    let sidecar = sidecar_key(&manual.key);
    tokio::try_join!(files.delete(&manual.key), files.delete(&sidecar)).map_err(AppError::Port)?;
    let work = Work {
        id: Uuid::new_v4().to_string(),
        user: caller.user.clone(),
        manual_id: manual.id,
        kind: WorkKind::Remove,
        covered_by: None,
    };
    let mark_until = app.clock.unix_seconds().saturating_add(MARK_KEPT_S);
    conflict::resolve(caller.deadline, || app.ports.manuals.delete(&work, mark_until)).await?;
    Arc::clone(&app.indexing).push(caller.deadline).await;
    Ok(())
}

async fn deleted_before(app: &App, caller: &Caller, id: &str) -> AppResult<()> {
    if !is_id(id) {
        return Err(AppError::NotFound);
    }
    let now = app.clock.unix_seconds();
    let ids = [id.to_owned()];
    let marks = app.ports.manuals.deleted(&caller.user, &ids, Some(now)).await;
    if marks.map_err(AppError::Port)?.is_empty() { Err(AppError::NotFound) } else { Ok(()) }
}

async fn find(app: &App, caller: &Caller, id: &str) -> AppResult<Option<Manual>> {
    if !is_id(id) {
        return Ok(None);
    }
    app.ports.manuals.get(&caller.user, id).await.map_err(AppError::Port)
}

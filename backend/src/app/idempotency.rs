//! What an `Idempotency-Key` stands for: it fixes the ids of a manual and of its job, and the rest follows from them and
//! the body.
//!
//! A key that is known is answered as the first call was, with 409 `idempotency_key_reused` when the body is another, and
//! with 409 `manual_deleted` when the manual was deleted since: nothing is written then, for a deleted manual stays
//! deleted. Sending it once more takes a new key.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult, InputError};
use crate::defects::{self, Defect};
use crate::ports::{Claim, IdempotencyRecord};
use crate::state::App;

/// How long an idempotency key is remembered, in seconds.
const KEY_REMEMBERED_S: i64 = 24 * 3600;

/// A request that may be repeated.
#[derive(Debug, Clone, Default)]
pub struct Repeatable {
    /// `Idempotency-Key`, if there was one.
    pub key: Option<String>,
    /// Hex SHA-256 of the request's body; empty without a key.
    pub body_hash: String,
}

/// The ids of a manual and its job.
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) manual_id: String,
    pub(super) job_id: String,
    /// Whether a call before this one had them.
    pub(super) known: bool,
    /// Whether another call can have them: they are those of an idempotency key.
    pub(super) shared: bool,
}

impl Ids {
    pub(super) fn fresh() -> Self {
        let id = || Uuid::new_v4().to_string();
        Self { manual_id: id(), job_id: id(), known: false, shared: false }
    }
}

/// A key that can be one: its hash.
pub(super) fn key_hash(request: &Repeatable) -> AppResult<Option<String>> {
    let Some(key) = request.key.as_deref() else { return Ok(None) };
    let fits = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let refused = AppError::Input(InputError::IdempotencyKey);
    if fits { Ok(Some(hex::encode(Sha256::digest(key.as_bytes())))) } else { Err(refused) }
}

/// New ids, or those that the key stands for.
pub(super) async fn ids(
    app: &App,
    caller: &Caller,
    key_hash: Option<String>,
    body_hash: String,
) -> AppResult<Ids> {
    let ids = Ids::fresh();
    let Some(key_hash) = key_hash else { return Ok(ids) };
    if defects::is_on(Defect::IdempotencyKeyIgnored) {
        return Ok(ids);
    }
    let now = app.clock.unix_seconds();
    let expires_at = now.saturating_add(KEY_REMEMBERED_S);
    let Ids { manual_id, job_id, .. } = ids;
    let record = IdempotencyRecord { key_hash, body_hash, manual_id, job_id, expires_at };
    match app.ports.manuals.claim(&caller.user, &record, now).await.map_err(AppError::Port)? {
        Claim::New => {
            let IdempotencyRecord { manual_id, job_id, .. } = record;
            Ok(Ids { manual_id, job_id, known: false, shared: true })
        }
        Claim::Known(known) if known.body_hash == record.body_hash => {
            not_deleted(app, caller, &known.manual_id).await?;
            Ok(Ids { manual_id: known.manual_id, job_id: known.job_id, known: true, shared: true })
        }
        Claim::Known(_) => Err(AppError::IdempotencyKeyReused),
    }
}

/// Writing a deleted manual again would store what nobody can find: its mark hides its passages. Any mark counts, however
/// old, since the table's TTL is late by design. A deletion after this look is met by the condition of the insert.
async fn not_deleted(app: &App, caller: &Caller, manual_id: &str) -> AppResult<()> {
    let ids = [manual_id.to_owned()];
    let marks = app.ports.manuals.deleted(&caller.user, &ids, None).await;
    let deleted = !marks.map_err(AppError::Port)?.is_empty();
    if deleted { Err(AppError::IdempotencyKeyOfDeleted) } else { Ok(()) }
}

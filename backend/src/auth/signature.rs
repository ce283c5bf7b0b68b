//! Whether a call that changes state was signed by the user's client, just now, and for the first time.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::config::SignatureForms;
use crate::defects::{self, Defect};
use crate::domain::signature::{self, Signed, WINDOW_S};
use crate::domain::user::UserId;
use crate::many_bytes;
use crate::ports::PortError;
use crate::state::App;

/// What came with a call.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// `X-Manuel-Timestamp`.
    pub timestamp: Option<&'a str>,
    /// `X-Manuel-Signature`.
    pub signature: Option<&'a str>,
    /// The method in upper case.
    pub method: &'a str,
    /// The path as it was requested, without the query.
    pub path: &'a str,
    /// The bytes of the body.
    pub body: &'a Bytes,
}

/// Why a call counts as not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing.
    #[error("the call is not signed")]
    Missing,
    /// The timestamp is no number or too far from now.
    #[error("the signature is outside its window")]
    OutsideWindow,
    /// The signature is another call's, or another key's.
    #[error("the signature does not match")]
    Mismatch,
    /// It was used before.
    #[error("the signature was used before")]
    Replayed,
    /// There is no key, so nothing can be right.
    #[error("no signing key is configured")]
    NoKey,
    /// Key or memory cannot be reached.
    #[error("signatures cannot be checked")]
    Port(#[source] PortError),
}

/// Checks and uses up a signature.
pub async fn check(
    app: &App,
    user: &UserId,
    presented: Presented<'_>,
) -> Result<(), SignatureError> {
    let (Some(timestamp), Some(given)) = (presented.timestamp, presented.signature) else {
        if defects::is_on(Defect::HmacSkippedWhenMissing) {
            return Ok(());
        }
        return Err(SignatureError::Missing);
    };
    let now = app.clock.unix_seconds();
    let signed_at =
        signature::timestamp_in_window(timestamp, now).ok_or(SignatureError::OutsideWindow)?;
    let given = signature::parse(given).ok_or(SignatureError::Mismatch)?;
    let key = app.signing_key.current().await.map_err(SignatureError::Port)?;
    let key = key.ok_or(SignatureError::NoKey)?;

    if !is_signed(app.config.signatures, key, given, timestamp, presented).await {
        return Err(SignatureError::Mismatch);
    }
    use_up(app, user, given, now, signed_at).await
}

/// Whether the call was signed in a form that is accepted.
async fn is_signed(
    forms: SignatureForms,
    key: Arc<[u8]>,
    given: [u8; 32],
    timestamp: &str,
    presented: Presented<'_>,
) -> bool {
    let Presented { method, path, body, .. } = presented;
    let (timestamp, method, path) = (timestamp.to_owned(), method.to_owned(), path.to_owned());
    let body = body.clone();
    many_bytes::over(body.len(), move || {
        let signed = Signed { timestamp: &timestamp, method: &method, path: &path, body: &body };
        let current = signature::matches(&given, signature::sign(&key, signed));
        let legacy = forms == SignatureForms::CurrentAndLegacy
            && signature::matches(&given, signature::sign_legacy(&key, &timestamp, &body));
        current || legacy
    })
    .await
}

/// The pair of user and signature works once: remembered until no clock would accept its timestamp any more.
async fn use_up(
    app: &App,
    user: &UserId,
    given: [u8; 32],
    now: i64,
    signed_at: i64,
) -> Result<(), SignatureError> {
    let mut id = Sha256::new();
    id.update(user.as_str().as_bytes());
    id.update(b"\n");
    id.update(given);
    let id = hex::encode(id.finalize());
    let expires_at = signed_at.saturating_add(2 * WINDOW_S);
    let first = app.ports.replay.remember(&id, now, expires_at).await;
    if first.map_err(SignatureError::Port)? { Ok(()) } else { Err(SignatureError::Replayed) }
}

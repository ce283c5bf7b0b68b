//! Manuals of an attack: uploaded, put into the store, waited for, and deleted again.

use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use manuel_client::Request;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;

use super::AttackError;
use super::call::Bent;
use super::call::bare;
use super::call::call;
use super::call::good_call;
use super::call::post;
use super::seen::Answered;
use super::seen::Role;
use super::send::Shot;
use crate::adapters::plain_http;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A small manual is in the index within this; each look counts towards the attacker's rate limit.
const INDEXED: Duration = Duration::from_secs(10);
/// The store takes 50 MB on one machine in a moment.
const PUT: Duration = Duration::from_secs(20);

/// An upload of these bytes.
pub(super) fn request(filename: &str, content_type: &str, bytes: Vec<u8>) -> Request {
    Request::UploadManual {
        filename: filename.to_owned(),
        content_type: content_type.to_owned(),
        bytes: Bytes::from(bytes),
        idempotency_key: None,
    }
}

/// A small good upload that no other play makes.
pub(super) fn small(shot: &Shot<'_>) -> Request {
    let text = format!("# Kettle {}\n\nThe kettle holds 1.7 litres.\n", shot.nonce);
    request("kettle.md", "text/markdown", text.into_bytes())
}

/// The manual's text in the answer to an upload.
pub(super) fn text_of(answered: &Answered, field: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&answered.exchange()?.body).ok()?;
    Some(body.get(field)?.as_str()?.to_owned())
}

/// Waits until a manual is indexed, or refused by the index.
pub(super) async fn indexed(shot: &Shot<'_>, id: &str) -> Result<(), AttackError> {
    let request = || Request::GetManual { id: id.to_owned() };
    let asked = poll::until(Pace::sparing(INDEXED), String::new(), || async {
        match call(shot, Role::Before, request(), Bent::default()).await {
            Ok(answered) => match text_of(&answered, "status").as_deref() {
                Some("ready" | "failed") => ControlFlow::Break(Ok(())),
                Some(_) | None => ControlFlow::Continue(answered.got.to_string()),
            },
            Err(error) => ControlFlow::Break(Err(error)),
        }
    });
    asked.await.unwrap_or_else(|expired| {
        Err(AttackError::Unprepared {
            attack: shot.attack.name.clone(),
            what: format!("the manual in the index within {:?}", expired.within),
            seen: expired.last_seen,
        })
    })
}

/// Announces a manual, puts it into the store, and completes it.
pub(super) async fn large(
    shot: &Shot<'_>,
    content_type: &str,
    bytes: Vec<u8>,
) -> Result<Vec<Answered>, AttackError> {
    let digest = Sha256::digest(&bytes);
    let announcement = json!({
        "filename": "large.txt", "content_type": content_type, "size": bytes.len(),
        "sha256": hex::encode(digest),
    });
    let announcement = post("/api/manuals/upload-url", &announcement, true);
    let announced = call(shot, Role::Attack, announcement, Bent::default()).await?;
    let (Some(id), Some(url)) =
        (text_of(&announced, "manual_id"), text_of(&announced, "upload_url"))
    else {
        return Ok(vec![announced]);
    };
    let unprepared = |seen: String| AttackError::Unprepared {
        attack: shot.attack.name.clone(),
        what: "the file in the store".to_owned(),
        seen,
    };
    let http = plain_http::client(&url, PUT).build();
    let put = http.map_err(|error| unprepared(error.to_string()))?.put(url);
    let put = put
        .header("content-type", content_type)
        .header("x-amz-checksum-sha256", STANDARD.encode(digest))
        .body(bytes);
    // The URL is a secret for as long as it lives.
    let put = put.send().await.map_err(|error| unprepared(error.without_url().to_string()))?;
    if !put.status().is_success() {
        return Err(unprepared(format!("the store answered {}", put.status())));
    }
    let complete = bare(Method::POST, format!("/api/manuals/{id}/complete"), true);
    let completed = call(shot, Role::Attack, complete, Bent::default()).await?;
    Ok(vec![announced, completed])
}

/// Takes away what an attack was allowed to store.
pub(super) async fn delete_all(
    shot: &Shot<'_>,
    ids: impl Iterator<Item = &String>,
) -> Result<(), AttackError> {
    for id in ids {
        good_call(shot, Request::DeleteManual { id: id.clone() }, 204).await?;
    }
    Ok(())
}

//! The size of a body: judged by `Content-Length` before a byte is read, and by counting where there is none.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::http::error::{ApiError, BodyError};

/// What a synchronous Lambda call takes.
pub(super) const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// A body that is too large is read and thrown away up to this, so that a client that writes before it reads gets to
/// see the answer instead of a reset connection.
const DRAINED_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

pub(super) async fn limit_size(request: Request, next: Next) -> Response {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|digits| digits.parse::<usize>().ok());
    if declared.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        drain(request.into_body()).await;
        return ApiError::Body(BodyError::TooLarge).into_response();
    }
    next.run(request).await
}

/// The whole body, if it is not too large.
pub(super) async fn read(body: Body) -> Result<Bytes, BodyError> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(error) => Err(BodyError::Broken(error)),
    }
}

async fn drain(body: Body) {
    let mut body = Limited::new(body, DRAINED_BYTES_MAX);
    while let Some(Ok(_frame)) = body.frame().await {}
}

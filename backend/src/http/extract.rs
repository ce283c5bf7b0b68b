//! JSON in, and the caller of a request.

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::caller::Caller;
use crate::auth::jwt::TokenError;
use crate::http::body;
use crate::http::error::{ApiError, BodyError};
use crate::many_bytes;

/// A JSON body and the bytes it was.
#[derive(Debug)]
pub(super) struct JsonBody<T> {
    pub(super) value: T,
    pub(super) bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = content_type.and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            return Err(ApiError::Body(BodyError::NotJson));
        }
        let bytes = body::read(request.into_body()).await.map_err(ApiError::Body)?;
        let text = bytes.clone();
        let parsed = many_bytes::over(bytes.len(), move || serde_json::from_slice(&text)).await;
        let value = parsed.map_err(|error| ApiError::Body(BodyError::Malformed(error)))?;
        Ok(Self { value, bytes })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// Routes that ask for a caller are behind `authenticate`; one that is not lets nobody in.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Token(TokenError::Missing))
    }
}

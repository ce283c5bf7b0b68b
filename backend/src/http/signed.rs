//! The signature of calls that change state. It covers the body's bytes, so the body is read here and handed on.

use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;

use crate::app::caller::Caller;
use crate::auth::jwt::TokenError;
use crate::auth::signature::{Presented, check};
use crate::http::body;
use crate::http::error::ApiError;
use crate::state::App;

pub(super) async fn verify_signature(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return ApiError::Token(TokenError::Missing).into_response();
    };
    let (parts, body) = request.into_parts();
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(error) => return ApiError::Body(error).into_response(),
    };
    let presented = Presented {
        timestamp: text(&parts.headers, "x-manuel-timestamp"),
        signature: text(&parts.headers, "x-manuel-signature"),
        method: parts.method.as_str(),
        path: uri.path(),
        body: &body,
    };
    if let Err(error) = check(&app, &caller.user, presented).await {
        return ApiError::Signature(error).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

//! The token in `Authorization: Bearer`: whoever passes is a [`Caller`] in the request's extensions.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};

use crate::app::caller::Caller;
use crate::auth::jwt::{Expected, TokenError, verify};
use crate::context::{self, Deadline};
use crate::domain::user::UserId;
use crate::http::error::ApiError;
use crate::state::App;

pub(super) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = match user_of(&app, request.headers()).await {
        Ok(user) => user,
        Err(error) => return ApiError::Token(error).into_response(),
    };
    let context = context::current();
    if let Some(context) = &context {
        context.identify(&user);
    }
    let deadline = context
        .as_ref()
        .map_or_else(|| Deadline::after(app.config.request_deadline), |context| context.deadline);
    let request_id = context::request_id();
    request.extensions_mut().insert(Caller { user, request_id, deadline });
    next.run(request).await
}

async fn user_of(app: &App, headers: &HeaderMap) -> Result<UserId, TokenError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(TokenError::Missing)?;
    let value = value.to_str().map_err(|_not_text| TokenError::Invalid(None))?;
    let (scheme, token) = value.split_once(' ').ok_or(TokenError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Missing);
    }
    let issuer = app.config.issuer();
    let expected = Expected {
        issuer: &issuer,
        client_id: &app.config.user_pool_client_id,
        now: app.clock.unix_seconds(),
    };
    verify(token.trim(), &app.keys, expected).await
}

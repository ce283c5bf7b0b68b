//! The rate limits: per address for everything that comes that far, refused tokens and unknown paths too; per user for
//! everything with a valid token, refused signatures and bad input too. A refused call counts nowhere.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::caller::Caller;
use crate::auth::jwt::TokenError;
use crate::domain::rate_limit::Subject;
use crate::http::error::ApiError;
use crate::http::source::SourceAddress;
use crate::state::App;

pub(super) async fn limit_address(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let source = request.extensions().get::<SourceAddress>().map(|source| source.0);
    admit(&app, Subject::address(source), request, next).await
}

pub(super) async fn limit_user(State(app): State<App>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<Caller>().map(|caller| Subject::user(&caller.user));
    match user {
        Some(subject) => admit(&app, subject, request, next).await,
        None => ApiError::Token(TokenError::Missing).into_response(),
    }
}

async fn admit(app: &App, subject: Subject, request: Request, next: Next) -> Response {
    match app.rate_limiter.admit(subject).await {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError::App(error).into_response(),
    }
}

//! The routes, and the one place where the layers are put in their order.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Stage;
use crate::http::authenticate::authenticate;
use crate::http::body::limit_size;
use crate::http::cors::cors;
use crate::http::docs;
use crate::http::envelope::envelope;
use crate::http::error::ApiError;
use crate::http::routes::{health, ingestion, manuals, presigned, query, transcribe, user};
use crate::http::signed::verify_signature;
use crate::http::source::source_address;
use crate::state::App;

/// The whole service.
///
/// A request passes, outermost first (axum's `layer` wraps, so the list below reads from the bottom up):
///
/// ```text
/// 1 request id, trace, deadline, security headers, Server-Timing, access log    envelope
/// 2 CORS; OPTIONS is answered here                                              cors
/// 3 source address                                                              source_address
/// 4 IP allowlist                                      (its issue puts it here)
/// 5 size limit                                                                  limit_size
/// 6 rate limit per address                            (its issue puts it here)
/// 7 authentication                                                              authenticate
/// 8 rate limit per user                               (its issue puts it here)
/// 9 signature, for what changes state                                           verify_signature
/// 10 input                                                                      the routes
/// ```
///
/// `/health`, `/version`, `/docs` and `OPTIONS` are open: they pass 4, 6 and 7–9.
pub fn router(app: App) -> Router {
    let limited =
        Router::new().merge(protected(&app)).fallback(no_such_route).layer(from_fn(limit_size));
    let described =
        if app.config.stage == Stage::Production { Router::new() } else { described().into() };
    Router::from(open())
        .merge(described)
        .merge(limited)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), source_address))
        .layer(from_fn_with_state(app.clone(), cors))
        .layer(from_fn_with_state(app.clone(), envelope))
        .with_state(app)
}

/// What needs a user: a token, and for what changes state a signature too.
fn protected(app: &App) -> Router<App> {
    let signed = signed().route_layer(from_fn_with_state(app.clone(), verify_signature));
    let routes = reading().merge(signed);
    Router::from(routes.route_layer(from_fn_with_state(app.clone(), authenticate)))
}

/// Every route and what its handler says of itself; `routes!` takes no handler that says nothing.
pub(super) fn documented() -> OpenApiRouter<App> {
    open().merge(described()).merge(reading()).merge(signed())
}

/// Needs no user.
fn open() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(health::health))
        .routes(routes!(health::deep))
        .routes(routes!(health::version))
}

/// What the service says of itself to developers; in production these are no routes.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::script))
        .routes(routes!(docs::style))
}

/// Needs a token.
fn reading() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(query::query))
        .routes(routes!(transcribe::transcribe))
        .routes(routes!(manuals::list))
        .routes(routes!(manuals::get))
        .routes(routes!(user::usage))
        .routes(routes!(user::quota))
        .routes(routes!(ingestion::status))
        .routes(routes!(ingestion::job))
}

/// Changes state: needs a token and a signature.
fn signed() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(manuals::upload))
        .routes(routes!(manuals::delete))
        .routes(routes!(presigned::upload_url))
        .routes(routes!(presigned::complete))
}

async fn no_such_route(_request: Request) -> ApiError {
    ApiError::NoSuchRoute
}

async fn wrong_method(_request: Request) -> ApiError {
    ApiError::MethodNotAllowed
}

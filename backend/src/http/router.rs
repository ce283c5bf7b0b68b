//! The routes, and the one place where the layers are put in their order.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Stage;
use crate::http::allowlist::allow_listed;
use crate::http::authenticate::authenticate;
use crate::http::body::limit_size;
use crate::http::cors::cors;
use crate::http::docs;
use crate::http::envelope::{envelope, within_deadline};
use crate::http::error::ApiError;
use crate::http::rate_limit::{limit_address, limit_user};
use crate::http::routes::{
    download, health, ingestion, manuals, presigned, query, transcribe, user,
};
use crate::http::signed::verify_signature;
use crate::http::source::source_address;
use crate::state::App;

/// The functions with routes that Manuel is deployed as; each has a program of its own. The server has the routes of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Questions.
    Query,
    /// Speech to text.
    Transcribe,
    /// Manuals and their indexing.
    Manuals,
    /// Counters.
    Usage,
    /// What needs no user.
    Health,
}

impl Function {
    /// All of them: a route that is in none of these is nowhere.
    pub const ALL: [Self; 5] =
        [Self::Query, Self::Transcribe, Self::Manuals, Self::Usage, Self::Health];

    /// The name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Transcribe => "transcribe",
            Self::Manuals => "manuals",
            Self::Usage => "usage",
            Self::Health => "health",
        }
    }

    /// The one list of routes; `routes!` takes no handler that says nothing of itself.
    fn routes(self) -> Routes {
        let none = OpenApiRouter::<App>::default;
        match self {
            Self::Query => {
                Routes { reading: none().routes(routes!(query::query)), ..Routes::default() }
            }
            Self::Transcribe => Routes {
                reading: none().routes(routes!(transcribe::transcribe)),
                ..Routes::default()
            },
            Self::Manuals => Routes {
                reading: none()
                    .routes(routes!(manuals::list))
                    .routes(routes!(manuals::get))
                    .routes(routes!(ingestion::status))
                    .routes(routes!(ingestion::job)),
                signed: none()
                    .routes(routes!(manuals::upload))
                    .routes(routes!(manuals::delete))
                    .routes(routes!(presigned::upload_url))
                    .routes(routes!(presigned::complete))
                    .routes(routes!(download::download)),
                ..Routes::default()
            },
            Self::Usage => Routes {
                reading: none().routes(routes!(user::usage)).routes(routes!(user::quota)),
                ..Routes::default()
            },
            Self::Health => Routes {
                open: none().routes(routes!(health::health)).routes(routes!(health::version)),
                unlimited: none().routes(routes!(health::deep)),
                described: none()
                    .routes(routes!(docs::openapi))
                    .routes(routes!(docs::page))
                    .routes(routes!(docs::script))
                    .routes(routes!(docs::style)),
                ..Routes::default()
            },
        }
    }
}

/// Routes by what a request must show.
#[derive(Default)]
struct Routes {
    /// Nothing: they are for everybody, from everywhere.
    open: OpenApiRouter<App>,
    /// An address that is allowed; they count towards no limit.
    unlimited: OpenApiRouter<App>,
    /// The same: what the service says of itself to developers; in production these are no routes.
    described: OpenApiRouter<App>,
    /// A token.
    reading: OpenApiRouter<App>,
    /// A token and a signature: they change state.
    signed: OpenApiRouter<App>,
}

impl Routes {
    fn of(functions: &[Function]) -> Self {
        let mut all = Self::default();
        for routes in functions.iter().map(|function| function.routes()) {
            all.open = all.open.merge(routes.open);
            all.unlimited = all.unlimited.merge(routes.unlimited);
            all.described = all.described.merge(routes.described);
            all.reading = all.reading.merge(routes.reading);
            all.signed = all.signed.merge(routes.signed);
        }
        all
    }
}

/// The whole service.
pub fn router(app: App) -> Router {
    layered(app, &Function::ALL)
}

/// One function of it: the same layers, its routes only.
pub fn router_of(function: Function, app: App) -> Router {
    layered(app, &[function])
}

/// Every route and what its handler says of itself.
pub(super) fn documented() -> OpenApiRouter<App> {
    let Routes { open, unlimited, described, reading, signed } = Routes::of(&Function::ALL);
    open.merge(unlimited).merge(described).merge(reading).merge(signed)
}

/// The routes of these functions within the layers.
///
/// A request passes, outermost first (axum's `layer` wraps, so the list below reads from the bottom up):
///
/// ```text
/// 1 request id, trace, deadline, security headers, Server-Timing, access log    envelope
/// 2 CORS; OPTIONS is answered here                                              cors
/// 3 source address                                                              source_address
///   deadline                                                                    within_deadline
/// 4 IP allowlist                                                                allow_listed
/// 5 size limit                                                                  limit_size
/// 6 rate limit per address                                                      limit_address
/// 7 authentication                                                              authenticate
/// 8 rate limit per user                                                         limit_user
/// 9 signature, for what changes state                                           verify_signature
/// 10 input                                                                      the routes
/// ```
///
/// `/health`, `/version` and `OPTIONS` are open: they pass 4 and 6–9. `/health/deep` passes 6–9, since what it says of a
/// store that is out must not depend on that store; so does `/docs`.
fn layered(app: App, functions: &[Function]) -> Router {
    let Routes { open, unlimited, described, reading, signed } = Routes::of(functions);
    let described =
        if app.config.stage == Stage::Production { Router::new() } else { described.into() };
    let protected = protected(&app, reading.into(), signed.into());
    let listed = protected
        .fallback(no_such_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), limit_address))
        .layer(from_fn(limit_size))
        .merge(Router::from(unlimited))
        .merge(described)
        .layer(from_fn_with_state(app.clone(), allow_listed));
    Router::from(open)
        .merge(listed)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(within_deadline))
        .layer(from_fn_with_state(app.clone(), source_address))
        .layer(from_fn_with_state(app.clone(), cors))
        .layer(from_fn_with_state(app.clone(), envelope))
        .with_state(app)
}

/// What needs a user: a token, and for what changes state a signature too. A layer around no route would be a mistake
/// to axum, but not every function has routes of both kinds.
fn protected(app: &App, reading: Router<App>, signed: Router<App>) -> Router<App> {
    let mut routes = reading;
    if signed.has_routes() {
        routes =
            routes.merge(signed.route_layer(from_fn_with_state(app.clone(), verify_signature)));
    }
    if routes.has_routes() {
        routes = routes
            .route_layer(from_fn_with_state(app.clone(), limit_user))
            .route_layer(from_fn_with_state(app.clone(), authenticate));
    }
    routes
}

async fn no_such_route(_request: Request) -> ApiError {
    ApiError::NoSuchRoute
}

async fn wrong_method(_request: Request) -> ApiError {
    ApiError::MethodNotAllowed
}

//! Whether the service is there, what it is, and how its dependencies are. Nothing here needs a user, and `/health`
//! and `/version` need no dependency.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::health::{self, Health, Picture};
use crate::defects;
use crate::http::error::AFTER_OUTAGE_S;
use crate::http::openapi::causes::{Deadline, Listed};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas;
use crate::state::App;
use crate::{COMMIT, VERSION};

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({ "status": "ok", "version": "0.1.0", "stage": "production" })))]
pub(in crate::http) struct HealthAnswer {
    #[schema(pattern = "^ok$")]
    status: &'static str,
    version: &'static str,
    #[schema(schema_with = schemas::stage)]
    stage: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "version": "0.1.0", "git_commit": "4bf92f3577b34da6a3ce929d0e0e473600f067aa", "api": "v1",
})))]
pub(in crate::http) struct VersionAnswer {
    version: &'static str,
    /// The commit this was built from, with `-dirty` when tracked files differed.
    git_commit: &'static str,
    #[schema(pattern = "^v1$")]
    api: &'static str,
    /// Seeded defects that are on: only in builds that can have them, which are never deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    defects: Option<Vec<&'static str>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "status": "degraded",
    "checks": [
        { "name": "store", "status": "ok", "latency_ms": 4, "breaker": "closed" },
        { "name": "files", "status": "down", "latency_ms": 2000, "breaker": "open" },
    ],
})))]
struct DeepAnswer {
    #[schema(schema_with = schemas::health)]
    status: &'static str,
    checks: Vec<CheckAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    test_hooks: Option<TestHooksAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CheckAnswer {
    name: &'static str,
    #[schema(schema_with = schemas::check)]
    status: &'static str,
    latency_ms: u64,
    #[schema(schema_with = schemas::breaker)]
    breaker: &'static str,
}

/// Hooks for tests that are in use: never on a deployed stage.
#[derive(Debug, Serialize, ToSchema)]
struct TestHooksAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clock_offset_ms: Option<i64>,
    egress_pinned: bool,
}

/// Whether the service is there
///
/// Needs no dependency, and answers within 50 ms.
#[utoipa::path(
    get,
    path = "/health",
    tag = "service",
    responses((status = 200, description = "It is.", body = HealthAnswer)),
)]
pub(in crate::http) async fn health(State(app): State<App>) -> Json<HealthAnswer> {
    Json(HealthAnswer { status: "ok", version: VERSION, stage: app.config.stage.as_str() })
}

/// What the service is
#[utoipa::path(
    get,
    path = "/version",
    tag = "service",
    responses((status = 200, description = "The build.", body = VersionAnswer)),
)]
pub(in crate::http) async fn version() -> Json<VersionAnswer> {
    Json(VersionAnswer {
        version: VERSION,
        git_commit: COMMIT,
        api: "v1",
        defects: defects::reported(),
    })
}

/// How the dependencies are
///
/// Each check is bounded to 2 s; a picture is shown again for 1 s. Retrieval, the model and ingestion are not called: their
/// checks say what the calls of requests told.
#[utoipa::path(
    get,
    path = "/health/deep",
    operation_id = "deep_health",
    tag = "service",
    responses(
        (status = 200, description = "Requests can be served.", body = DeepAnswer),
        Fails<(Deadline, Listed)>,
        (status = 503, description = "No request can be served.", body = DeepAnswer),
    ),
)]
pub(in crate::http) async fn deep(State(app): State<App>) -> Response {
    let Picture { health, checks } = health::deep(&app).await;
    let (status, word) = match health {
        Health::Ok => (StatusCode::OK, "ok"),
        Health::Degraded => (StatusCode::OK, "degraded"),
        Health::Down => (StatusCode::SERVICE_UNAVAILABLE, "down"),
    };
    let checks = checks.into_iter().map(|check| CheckAnswer {
        name: check.name,
        status: if check.answered { "ok" } else { "down" },
        latency_ms: u64::try_from(check.latency.as_millis()).unwrap_or(u64::MAX),
        breaker: check.breaker.as_str(),
    });
    let hooks = TestHooksAnswer {
        clock_offset_ms: app.clock.test_offset_ms(),
        egress_pinned: app.config.test_hooks.egress.is_some(),
    };
    let in_use = hooks.egress_pinned || hooks.clock_offset_ms.is_some();
    let test_hooks = in_use.then_some(hooks);
    let answer = DeepAnswer { status: word, checks: checks.collect(), test_hooks };
    let mut response = (status, Json(answer)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AFTER_OUTAGE_S));
    }
    response
}

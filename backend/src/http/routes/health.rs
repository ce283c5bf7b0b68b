//! Whether the service is there, what it is, and how its dependencies are. Nothing here needs a user, and `/health`
//! and `/version` need no dependency.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Serialize;

use crate::app::health::{self, Health};
use crate::defects;
use crate::state::App;
use crate::{COMMIT, VERSION};

#[derive(Debug, Serialize)]
pub(in crate::http) struct HealthAnswer {
    status: &'static str,
    version: &'static str,
    stage: &'static str,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct VersionAnswer {
    version: &'static str,
    git_commit: &'static str,
    api: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    defects: Option<Vec<&'static str>>,
}

#[derive(Debug, Serialize)]
struct DeepAnswer {
    status: &'static str,
    checks: Vec<CheckAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_hooks: Option<TestHooksAnswer>,
}

#[derive(Debug, Serialize)]
struct CheckAnswer {
    name: &'static str,
    status: &'static str,
    latency_ms: u64,
}

#[derive(Debug, Serialize)]
struct TestHooksAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<i64>,
    egress_pinned: bool,
}

pub(in crate::http) async fn health(State(app): State<App>) -> Json<HealthAnswer> {
    Json(HealthAnswer { status: "ok", version: VERSION, stage: app.config.stage.as_str() })
}

pub(in crate::http) async fn version() -> Json<VersionAnswer> {
    Json(VersionAnswer {
        version: VERSION,
        git_commit: COMMIT,
        api: "v1",
        defects: defects::reported(),
    })
}

pub(in crate::http) async fn deep(State(app): State<App>) -> Response {
    let (health, checks) = health::deep(&app).await;
    let (status, word) = match health {
        Health::Ok => (StatusCode::OK, "ok"),
        Health::Degraded => (StatusCode::OK, "degraded"),
        Health::Down => (StatusCode::SERVICE_UNAVAILABLE, "down"),
    };
    let checks = checks.into_iter().map(|check| CheckAnswer {
        name: check.name,
        status: if check.answered { "ok" } else { "down" },
        latency_ms: u64::try_from(check.latency.as_millis()).unwrap_or(u64::MAX),
    });
    let hooks = TestHooksAnswer {
        clock_offset_ms: app.clock.test_offset_ms(),
        egress_pinned: app.config.test_hooks.egress.is_some(),
    };
    let in_use = hooks.egress_pinned || hooks.clock_offset_ms.is_some();
    let test_hooks = in_use.then_some(hooks);
    (status, Json(DeepAnswer { status: word, checks: checks.collect(), test_hooks }))
        .into_response()
}

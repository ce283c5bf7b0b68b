//! `/api/user`: what was used and what is left.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::usage;
use crate::domain::cost::JsonDecimal;
use crate::domain::quota::UsageDay;
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::openapi::causes::{DaysParameter, SignedIn, Store};
use crate::http::openapi::fails::Fails;
use crate::http::routes::query::UsageFiguresAnswer;
use crate::state::App;

/// `?days=`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DaysQuery {
    /// How many days back, today being the first.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 90, nullable = false, example = 7)]
    days: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "daily_used": 3, "daily_limit": 50, "monthly_used": 41, "monthly_limit": 1000,
    "days": [{ "date": "2026-03-02", "queries": 2, "transcriptions": 1, "cost": 0.0123 }],
})))]
pub(in crate::http) struct UsageAnswer {
    #[serde(flatten)]
    figures: UsageFiguresAnswer,
    days: Vec<DayAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DayAnswer {
    /// UTC.
    #[schema(format = Date)]
    date: String,
    queries: u64,
    transcriptions: u64,
    /// US dollars, decimal.
    #[schema(value_type = f64, minimum = 0)]
    cost: JsonDecimal,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "daily_limit": 50, "monthly_limit": 1000, "daily_remaining": 47, "monthly_remaining": 959,
    "resets_at": "2026-03-03T00:00:00Z",
})))]
pub(in crate::http) struct QuotaAnswer {
    daily_limit: u64,
    monthly_limit: u64,
    daily_remaining: u64,
    monthly_remaining: u64,
    /// When the day's counter starts again.
    #[schema(format = DateTime)]
    resets_at: String,
}

/// What was used, day by day
#[utoipa::path(
    get,
    path = "/api/user/usage",
    tag = "user",
    params(DaysQuery),
    responses(
        (status = 200, description = "Counters and days.", body = UsageAnswer),
        Fails<(SignedIn, DaysParameter, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn usage(
    State(app): State<App>,
    caller: Caller,
    query: Result<Query<DaysQuery>, QueryRejection>,
) -> Result<Json<UsageAnswer>, ApiError> {
    let bad = |_unreadable| AppError::Input(InputError::Parameter("query"));
    let Query(query) = query.map_err(bad)?;
    let usage = usage::usage(&app, &caller, query.days.as_deref()).await?;
    let days = usage.days.into_iter().map(day).collect();
    Ok(Json(UsageAnswer { figures: usage.figures.into(), days }))
}

/// What is left
#[utoipa::path(
    get,
    path = "/api/user/quota",
    tag = "user",
    responses(
        (status = 200, description = "Limits and what is left of them.", body = QuotaAnswer),
        Fails<(SignedIn, Store)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn quota(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<QuotaAnswer>, ApiError> {
    let quota = usage::quota(&app, &caller).await?;
    let figures = quota.figures;
    Ok(Json(QuotaAnswer {
        daily_limit: figures.daily_limit,
        monthly_limit: figures.monthly_limit,
        daily_remaining: figures.daily_limit.saturating_sub(figures.daily_used),
        monthly_remaining: figures.monthly_limit.saturating_sub(figures.monthly_used),
        resets_at: rfc3339(quota.resets_at),
    }))
}

fn day(day: UsageDay) -> DayAnswer {
    DayAnswer {
        date: day.date,
        queries: day.queries,
        transcriptions: day.transcriptions,
        cost: JsonDecimal(day.cost),
    }
}

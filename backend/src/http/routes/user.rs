//! `/api/user`: what was used and what is left.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::usage;
use crate::domain::cost::JsonDecimal;
use crate::domain::quota::UsageDay;
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::routes::query::UsageFiguresAnswer;
use crate::state::App;

/// `?days=`
#[derive(Debug, Deserialize)]
pub(in crate::http) struct DaysQuery {
    days: Option<String>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct UsageAnswer {
    #[serde(flatten)]
    figures: UsageFiguresAnswer,
    days: Vec<DayAnswer>,
}

#[derive(Debug, Serialize)]
struct DayAnswer {
    date: String,
    queries: u64,
    transcriptions: u64,
    cost: JsonDecimal,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct QuotaAnswer {
    daily_limit: u64,
    monthly_limit: u64,
    daily_remaining: u64,
    monthly_remaining: u64,
    resets_at: String,
}

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

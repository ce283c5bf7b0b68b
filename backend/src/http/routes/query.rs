//! `POST /api/query`: a typed question.

use axum::Json;
use axum::extract::State;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::query::{Answered, UsageFigures, answer};
use crate::context;
use crate::domain::cost::{CostLine, JsonDecimal, PRICES_AS_OF, total};
use crate::domain::prompt::Passage;
use crate::domain::question::Question;
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::openapi::causes::{
    JsonBody as JsonText, Model, Quota, Search, SignedIn, Store, TypedQuestion,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas;
use crate::state::App;

#[derive(Debug, Deserialize, ToSchema)]
#[schema(examples(json!({ "question": "How do I descale the kettle?" })))]
pub(in crate::http) struct QueryBody {
    /// Trimmed.
    #[schema(schema_with = schemas::question, required)]
    question: Option<String>,
    #[schema(ignore)]
    file_data: Option<IgnoredAny>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "answer": "Hold the button for ten seconds [1].",
    "question": "How do I descale the kettle?",
    "sources": [{
        "manual_id": "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab",
        "manual_name": "kettle.pdf",
        "page_number": 4,
        "chunk_text": "To descale, hold the button for ten seconds.",
        "score": 0.87,
    }],
    "context_used": true,
    "context_found": true,
    "cache_status": "miss",
    "usage": { "daily_used": 3, "daily_limit": 50, "monthly_used": 41, "monthly_limit": 1000 },
    "cost": {
        "request_id": "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11",
        "operation": "query",
        "total_cost": 0.00045,
        "currency": "USD",
        "cost_breakdown": [{
            "service": "bedrock", "operation": "converse_input", "cost": 0.00045, "unit": "token", "quantity": 1800,
        }],
        "prices_as_of": "2025-06-01",
        "timestamp": "2026-03-02T09:30:00Z",
    },
    "request_id": "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11",
    "timestamp": "2026-03-02T09:30:00Z",
    "response_time_ms": 812,
})))]
pub(in crate::http) struct QueryAnswer {
    answer: String,
    question: String,
    /// What the answer rests on, of the caller's own manuals.
    sources: Vec<SourceAnswer>,
    context_used: bool,
    context_found: bool,
    #[schema(schema_with = schemas::cache_status)]
    cache_status: &'static str,
    usage: UsageFiguresAnswer,
    cost: CostAnswer,
    #[schema(schema_with = schemas::uuid)]
    request_id: String,
    #[schema(format = DateTime)]
    timestamp: String,
    response_time_ms: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceAnswer {
    manual_id: String,
    manual_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    page_number: Option<u32>,
    chunk_text: String,
    score: f64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsageFiguresAnswer {
    daily_used: u64,
    daily_limit: u64,
    monthly_used: u64,
    monthly_limit: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct CostAnswer {
    #[schema(schema_with = schemas::uuid)]
    request_id: String,
    operation: &'static str,
    /// The sum of the lines, decimal.
    #[schema(value_type = f64, minimum = 0)]
    total_cost: JsonDecimal,
    #[schema(pattern = "^USD$")]
    currency: &'static str,
    cost_breakdown: Vec<CostLineAnswer>,
    /// The day of the price table.
    #[schema(format = Date)]
    prices_as_of: &'static str,
    #[schema(format = DateTime)]
    timestamp: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct CostLineAnswer {
    service: &'static str,
    operation: &'static str,
    /// US dollars, decimal.
    #[schema(value_type = f64, minimum = 0)]
    cost: JsonDecimal,
    unit: &'static str,
    quantity: u64,
}

/// Answers a question from the caller's own manuals
///
/// Counts against the quota when it is answered, and only then.
#[utoipa::path(
    post,
    path = "/api/query",
    tag = "questions",
    request_body = QueryBody,
    responses(
        (status = 200, description = "The answer.", body = QueryAnswer),
        Fails<(SignedIn, JsonText, TypedQuestion, Quota, Store, Search, Model)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn query(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<QueryBody>,
) -> Result<Json<QueryAnswer>, ApiError> {
    if body.value.file_data.is_some() {
        return Err(ApiError::App(AppError::Input(InputError::Voice)));
    }
    let text = body.value.question.unwrap_or_default();
    let question =
        Question::parse(&text).map_err(|error| AppError::Input(InputError::Question(error)))?;
    let answered = answer(&app, &caller, question).await?;
    Ok(Json(shape(answered, caller.request_id)))
}

fn shape(answered: Answered, request_id: String) -> QueryAnswer {
    let timestamp = rfc3339(answered.at);
    let elapsed = context::current().map(|context| context.elapsed().as_millis());
    QueryAnswer {
        answer: answered.cited.answer,
        question: answered.question,
        sources: answered.cited.sources.into_iter().map(source).collect(),
        context_used: answered.context_used,
        context_found: answered.cited.found,
        cache_status: if answered.from_cache { "hit" } else { "miss" },
        usage: answered.usage.into(),
        cost: CostAnswer {
            request_id: request_id.clone(),
            operation: "query",
            total_cost: JsonDecimal(total(&answered.cost)),
            currency: "USD",
            cost_breakdown: answered.cost.iter().map(cost_line).collect(),
            prices_as_of: PRICES_AS_OF,
            timestamp: timestamp.clone(),
        },
        request_id,
        timestamp,
        response_time_ms: elapsed.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0),
    }
}

fn source(passage: Passage) -> SourceAnswer {
    SourceAnswer {
        manual_id: passage.manual_id,
        manual_name: passage.manual_name,
        page_number: passage.page,
        chunk_text: passage.text,
        score: passage.score,
    }
}

fn cost_line(line: &CostLine) -> CostLineAnswer {
    CostLineAnswer {
        service: line.service,
        operation: line.operation,
        cost: JsonDecimal(line.cost),
        unit: line.unit,
        quantity: line.quantity,
    }
}

impl From<UsageFigures> for UsageFiguresAnswer {
    fn from(figures: UsageFigures) -> Self {
        let UsageFigures { daily_used, daily_limit, monthly_used, monthly_limit } = figures;
        Self { daily_used, daily_limit, monthly_used, monthly_limit }
    }
}

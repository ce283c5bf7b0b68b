//! `POST /api/query`: a typed question.

use axum::Json;
use axum::extract::State;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

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
use crate::state::App;

#[derive(Debug, Deserialize)]
pub(in crate::http) struct QueryBody {
    question: Option<String>,
    file_data: Option<IgnoredAny>,
}

#[derive(Debug, Serialize)]
pub(in crate::http) struct QueryAnswer {
    answer: String,
    question: String,
    sources: Vec<SourceAnswer>,
    context_used: bool,
    context_found: bool,
    cache_status: &'static str,
    usage: UsageFiguresAnswer,
    cost: CostAnswer,
    request_id: String,
    timestamp: String,
    response_time_ms: u64,
}

#[derive(Debug, Serialize)]
struct SourceAnswer {
    manual_id: String,
    manual_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_number: Option<u32>,
    chunk_text: String,
    score: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct UsageFiguresAnswer {
    daily_used: u64,
    daily_limit: u64,
    monthly_used: u64,
    monthly_limit: u64,
}

#[derive(Debug, Serialize)]
struct CostAnswer {
    request_id: String,
    operation: &'static str,
    total_cost: JsonDecimal,
    currency: &'static str,
    cost_breakdown: Vec<CostLineAnswer>,
    prices_as_of: &'static str,
    timestamp: String,
}

#[derive(Debug, Serialize)]
struct CostLineAnswer {
    service: &'static str,
    operation: &'static str,
    cost: JsonDecimal,
    unit: &'static str,
    quantity: u64,
}

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

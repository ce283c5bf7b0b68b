//! `POST /api/query`: a question, typed or spoken.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::app::caller::Caller;
use crate::app::error::{AppError, InputError};
use crate::app::query::{Answered, UsageFigures, answer};
use crate::app::voice::{self, SpokenCommand};
use crate::context;
use crate::domain::cost::{CostLine, JsonDecimal, PRICES_AS_OF, total};
use crate::domain::prompt::Passage;
use crate::domain::question::Question;
use crate::domain::quota::Operation;
use crate::domain::timestamp::rfc3339;
use crate::http::error::ApiError;
use crate::http::extract::JsonBody;
use crate::http::openapi::causes::{
    JsonBody as JsonText, Model, Quota, Search, SignedIn, SpokenQuestion, Store, Transcription,
    TypedQuestion,
};
use crate::http::openapi::fails::Fails;
use crate::http::openapi::schemas;
use crate::state::App;

/// Either a question or a recording of one. Which of the two it is, and that it is not both, is not for serde to say.
#[derive(Debug, Deserialize)]
pub(in crate::http) struct QueryBody {
    question: Option<String>,
    file_data: Option<String>,
    content_type: Option<String>,
}

impl PartialSchema for QueryBody {
    fn schema() -> RefOr<Schema> {
        let typed = ObjectBuilder::new()
            .property("question", schemas::question())
            .property("file_data", schemas::nothing())
            .property("content_type", schemas::ignored_text());
        let spoken = ObjectBuilder::new()
            .property("question", schemas::nothing())
            .property("file_data", schemas::audio_data())
            .property("content_type", schemas::audio_type());
        OneOfBuilder::new()
            .item(typed.required("question").description(Some("A typed question.")))
            .item(
                spoken
                    .required("file_data")
                    .required("content_type")
                    .description(Some("A spoken question: half a second to a minute.")),
            )
            .examples([
                json!({ "question": "How do I descale the kettle?" }),
                json!({ "file_data": schemas::RECORDING, "content_type": "audio/flac" }),
            ])
            .into()
    }
}

impl ToSchema for QueryBody {}

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
pub(super) struct CostAnswer {
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
        Fails<(SignedIn, JsonText, TypedQuestion, SpokenQuestion, Transcription, Quota, Store, Search, Model)>,
    ),
    security(("token" = [])),
)]
pub(in crate::http) async fn query(
    State(app): State<App>,
    caller: Caller,
    JsonBody { value, bytes }: JsonBody<QueryBody>,
) -> Result<Json<QueryAnswer>, ApiError> {
    // Megabytes, when it is spoken; they are not to wait for the answer.
    drop(bytes);
    let QueryBody { question, file_data, content_type } = value;
    let answered = match (question, file_data) {
        (Some(_), Some(_)) => return Err(AppError::Input(InputError::TypedAndSpoken).into()),
        (None, Some(data)) => {
            let content_type = content_type.unwrap_or_default();
            voice::ask(&app, &caller, SpokenCommand { content_type, data }).await?
        }
        (question, None) => {
            let question = Question::parse(&question.unwrap_or_default())
                .map_err(|error| AppError::Input(InputError::Question(error)))?;
            answer(&app, &caller, question).await?
        }
    };
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
        cost: CostAnswer::new(Operation::Query, &answered.cost, &request_id, &timestamp),
        request_id,
        timestamp,
        response_time_ms: elapsed.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0),
    }
}

impl CostAnswer {
    pub(super) fn new(
        operation: Operation,
        lines: &[CostLine],
        request_id: &str,
        timestamp: &str,
    ) -> Self {
        Self {
            request_id: request_id.to_owned(),
            operation: operation.as_str(),
            total_cost: JsonDecimal(total(lines)),
            currency: "USD",
            cost_breakdown: lines.iter().map(cost_line).collect(),
            prices_as_of: PRICES_AS_OF,
            timestamp: timestamp.to_owned(),
        }
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

//! What a client is told when something goes wrong: one exhaustive mapping to status, stable code and a sentence for a
//! person. Causes go to the log, once, here; they never reach a body.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::error::AppError;
use crate::auth::jwks::KeyError;
use crate::auth::jwt::TokenError;
use crate::auth::signature::SignatureError;
use crate::context;
use crate::defects::{self, Defect};
use crate::domain::quota::Period;
use crate::http::openapi::schemas;
use crate::logging::chain;
use crate::ports::{Dependency, PortError, PortErrorKind};

mod input;
mod outage;

use input::tell_input;
use outage::tell_outage;

/// Seconds after which a dependency that is out may be asked again.
pub(super) const AFTER_OUTAGE_S: u64 = 5;

/// Seconds after which a dependency that asks us to slow down may be asked again.
const AFTER_THROTTLING_S: u64 = 2;

/// Everything that is not a success.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No route has this path.
    #[error("no such route")]
    NoSuchRoute,
    /// The route has another method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Not on the allowlist.
    #[error("address not allowed")]
    AddressNotAllowed,
    /// The body.
    #[error("bad body")]
    Body(#[source] BodyError),
    /// The token.
    #[error("not authenticated")]
    Token(#[source] TokenError),
    /// The signature.
    #[error("not signed")]
    Signature(#[source] SignatureError),
    /// The use case.
    #[error("the use case failed")]
    App(#[source] AppError),
}

/// Why a body cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Longer than a body may be.
    #[error("the body is too large")]
    TooLarge,
    /// Not said to be JSON.
    #[error("the content type is not JSON")]
    NotJson,
    /// No JSON, or not what the call takes.
    #[error("the body is malformed")]
    Malformed(#[source] serde_json::Error),
    /// It ended early.
    #[error("the body broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// The code of an answer, in its extensions, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub &'static str);

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) sentence: &'static str,
    retry_after_s: Option<u64>,
}

/// Everything that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody<'a> {
    /// A sentence for a person.
    error: &'a str,
    /// What it is, for a program; it never changes.
    code: &'a str,
    /// As in `X-Request-Id`.
    #[schema(schema_with = schemas::uuid)]
    request_id: &'a str,
    /// Whether the same call may succeed later.
    retryable: bool,
    /// Seconds, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    retry_after: Option<u64>,
}

/// The body for what is told.
pub(super) fn error_body<'a>(told: &Told, error: &'a str, request_id: &'a str) -> ErrorBody<'a> {
    ErrorBody {
        error,
        code: told.code,
        request_id,
        retryable: told.retry_after_s.is_some() || told.status == StatusCode::GATEWAY_TIMEOUT,
        retry_after: told.retry_after_s,
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = tell(&self);
        if told.status.is_server_error() || told.retry_after_s.is_some() {
            tracing::warn!(
                message = "request failed",
                request_id = context::request_id(),
                code = told.code,
                cause = chain(&self),
            );
        }
        let request_id = context::request_id();
        let sentence = sentence(&told, &self);
        let body = error_body(&told, &sentence, &request_id);
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/json");
        let mut response =
            (told.status, [(header::CONTENT_TYPE, content_type)], json).into_response();
        if let Some(seconds) = told.retry_after_s
            && !defects::is_on(Defect::RetryAfterMissing)
        {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if told.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(ErrorCode(told.code));
        response
    }
}

/// The sentence of the table; only a seeded defect adds the cause to it.
fn sentence(told: &Told, error: &ApiError) -> String {
    if defects::is_on(Defect::ErrorLeaksArn) && matches!(error, ApiError::App(_)) {
        let table = "arn:aws:dynamodb:eu-west-1:123456789012:table/manuel-usage";
        return format!("{} ({} at {table})", told.sentence, chain(error));
    }
    told.sentence.to_owned()
}

const fn told(status: StatusCode, code: &'static str, sentence: &'static str) -> Told {
    Told { status, code, sentence, retry_after_s: None }
}

pub(super) fn tell(error: &ApiError) -> Told {
    match error {
        ApiError::NoSuchRoute => {
            told(StatusCode::NOT_FOUND, "no_such_route", "There is nothing at this address.")
        }
        ApiError::MethodNotAllowed => told(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not take this method.",
        ),
        ApiError::AddressNotAllowed => told(
            StatusCode::FORBIDDEN,
            "address_not_allowed",
            "Requests from your network are not accepted.",
        ),
        ApiError::Body(error) => tell_body(error),
        ApiError::Token(error) => tell_token(error),
        ApiError::Signature(error) => tell_signature(error),
        ApiError::App(error) => tell_app(error),
    }
}

fn tell_body(error: &BodyError) -> Told {
    match error {
        BodyError::TooLarge => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The request is larger than 6 MB.",
        ),
        BodyError::NotJson => told(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The request must be JSON (content-type: application/json).",
        ),
        BodyError::Malformed(_) => told(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            "The request is not the JSON that this call takes.",
        ),
        BodyError::Broken(_) => {
            told(StatusCode::BAD_REQUEST, "body_incomplete", "The request broke off.")
        }
    }
}

fn tell_token(error: &TokenError) -> Told {
    let refused = |code, sentence| told(StatusCode::UNAUTHORIZED, code, sentence);
    match error {
        TokenError::Missing => refused("token_missing", "Please sign in."),
        TokenError::Expired => refused("token_expired", "Your session has ended. Please sign in."),
        TokenError::Invalid(_) | TokenError::Claim(_) | TokenError::Key(KeyError::Unknown) => {
            refused("token_invalid", "Your session is not valid. Please sign in.")
        }
        TokenError::Key(KeyError::Unavailable(Some(error))) if !error.was_begun() => {
            tell_port(error)
        }
        TokenError::Key(KeyError::Unavailable(_)) => {
            tell_outage(Dependency::Identity, PortErrorKind::Unavailable)
        }
    }
}

fn tell_signature(error: &SignatureError) -> Told {
    let refused = |code, sentence| told(StatusCode::UNAUTHORIZED, code, sentence);
    match error {
        SignatureError::Missing => refused("signature_missing", "The request is not signed."),
        SignatureError::OutsideWindow => refused(
            "signature_expired",
            "The signature's time is too far from now. Please check the device's clock.",
        ),
        SignatureError::Mismatch => {
            refused("signature_invalid", "The request's signature is not valid.")
        }
        SignatureError::Replayed => {
            refused("signature_replayed", "The request's signature was used before.")
        }
        SignatureError::NoKey => {
            refused("signature_unavailable", "Signed requests are not accepted at the moment.")
        }
        SignatureError::Port(error) => tell_port(error),
    }
}

fn tell_app(error: &AppError) -> Told {
    match error {
        AppError::Input(error) => tell_input(error),
        AppError::NotFound => {
            told(StatusCode::NOT_FOUND, "not_found", "It does not exist, or it is not yours.")
        }
        AppError::IdempotencyKeyReused => told(
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "The idempotency key was used for another request.",
        ),
        AppError::IdempotencyKeyOfDeleted => told(
            StatusCode::CONFLICT,
            "manual_deleted",
            "The manual that this idempotency key stands for was deleted. Please use a new key.",
        ),
        AppError::UploadIncomplete => {
            told(StatusCode::CONFLICT, "upload_incomplete", "The file has not been uploaded yet.")
        }
        AppError::UploadMismatch => told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "upload_mismatch",
            "What was uploaded is not the file that was announced.",
        ),
        AppError::DownloadFailed(_) => told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "download_failed",
            "The address did not give the file. Please check it, or upload the file.",
        ),
        AppError::QuotaExceeded { period, resets_in_s } => tell_quota(*period, *resets_in_s),
        AppError::VoiceBusy => Told {
            retry_after_s: Some(AFTER_THROTTLING_S),
            ..told(
                StatusCode::TOO_MANY_REQUESTS,
                "voice_busy",
                "Too many recordings are being listened to. Please try again, or type the question.",
            )
        },
        AppError::RateLimited { retry_after_s } => Told {
            retry_after_s: Some(*retry_after_s),
            ..told(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "There were too many requests in a short time. Please wait a moment.",
            )
        },
        AppError::Port(error) => tell_port(error),
        AppError::Deadline(_) => Told {
            retry_after_s: Some(AFTER_THROTTLING_S),
            ..told(
                StatusCode::GATEWAY_TIMEOUT,
                "deadline_exceeded",
                "It took too long. Please try again.",
            )
        },
        AppError::ReservationLost => tell_outage(Dependency::Store, PortErrorKind::Conflict),
    }
}

fn tell_quota(period: Period, resets_in_s: u64) -> Told {
    let (code, sentence) = match period {
        Period::Day => ("daily_quota_exceeded", "Your questions for today are used up."),
        Period::Month => ("monthly_quota_exceeded", "Your questions for this month are used up."),
    };
    Told { retry_after_s: Some(resets_in_s), ..told(StatusCode::TOO_MANY_REQUESTS, code, sentence) }
}

fn tell_port(error: &PortError) -> Told {
    let told = tell_outage(error.dependency, error.kind);
    Told { retry_after_s: error.retry_after_s().or(told.retry_after_s), ..told }
}

//! Where the SDK's errors end: each becomes a `PortError` that says why in our words. Kept for the log are the kind of
//! failure, status, the service's code and its request id; its message is not, for services repeat in it what they were
//! sent (a question, a key) and name resources.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::ports::{Dependency, PortError, PortErrorKind};

/// Codes that ask us to slow down, of all the services we call.
const THROTTLED: &[&str] = &[
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes of another writer at the same items; not those that the SDK itself tries again, for tries are never nested.
const CONFLICT: &[&str] = &["OperationAborted", "TransactionConflictException"];

/// Codes of an answer that is no outage: what we refer to is not there.
const MISSING: &[&str] = &["NoSuchKey", "NotFound"];

/// What the log says of a failed call.
#[derive(Debug, thiserror::Error)]
#[error("{what}, status {status:?}, code {code:?}, id {request_id:?}")]
struct SdkFailure {
    what: &'static str,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
}

/// A failed call in our words.
#[expect(clippy::needless_pass_by_value, reason = "the SDK's error ends here")]
pub(super) fn port_error<E>(
    dependency: Dependency,
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    judged(dependency, operation, kind(&error), &error)
}

/// A failed call of which the caller has judged what it means.
pub(super) fn judged<E: ProvideErrorMetadata>(
    dependency: Dependency,
    operation: &'static str,
    kind: PortErrorKind,
    error: &SdkError<E, HttpResponse>,
) -> PortError {
    PortError { dependency, operation, kind, source: Some(Box::new(failure(error))) }
}

fn failure<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> SdkFailure {
    let what = match error {
        SdkError::ServiceError(_) => "the service refused",
        SdkError::ResponseError(_) => "the reply cannot be read",
        SdkError::ConstructionFailure(_) => "the call cannot be built",
        SdkError::TimeoutError(_) => "no reply in time",
        SdkError::DispatchFailure(failed) if failed.is_timeout() => "no connection in time",
        SdkError::DispatchFailure(failed) if failed.is_io() => "the connection failed",
        SdkError::DispatchFailure(_) => "nothing was sent",
        _ => "another failure",
    };
    let raw = error.raw_response();
    let id = |name| raw.and_then(|raw| raw.headers().get(name)).map(str::to_owned);
    SdkFailure {
        what,
        status: raw.map(|raw| raw.status().as_u16()),
        code: code(error).map(str::to_owned),
        request_id: id("x-amzn-requestid").or_else(|| id("x-amz-request-id")),
    }
}

/// A failed call outside the SDK's operations.
pub(super) fn other(
    dependency: Dependency,
    operation: &'static str,
    kind: PortErrorKind,
    source: impl Error + Send + Sync + 'static,
) -> PortError {
    PortError { dependency, operation, kind, source: Some(Box::new(source)) }
}

/// The service's code of a failed call, if the service answered with one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> PortErrorKind {
    let throttled = |code: &str| THROTTLED.contains(&code);
    match error {
        SdkError::ServiceError(failed) => match failed.err().code() {
            Some(code) if throttled(code) => PortErrorKind::Throttled,
            Some(code) if CONFLICT.contains(&code) => PortErrorKind::Conflict,
            Some(code) if MISSING.contains(&code) => PortErrorKind::Corrupt,
            _ if failed.raw().status().as_u16() == 429 => PortErrorKind::Throttled,
            _ => PortErrorKind::Unavailable,
        },
        SdkError::ResponseError(_) | SdkError::ConstructionFailure(_) => PortErrorKind::Corrupt,
        // `_` is what a later SDK may add.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | _ => PortErrorKind::Unavailable,
    }
}

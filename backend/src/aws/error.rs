//! Where the SDK's errors end: each becomes a `PortError` that says why in our words and keeps the cause for the log.

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
    "ServiceQuotaExceededException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes of another writer at the same items.
const CONFLICT: &[&str] = &[
    "OperationAborted",
    "ReplicatedWriteConflictException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// A failed call in our words.
pub(super) fn port_error<E>(
    dependency: Dependency,
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let kind = kind(&error);
    PortError { dependency, operation, kind, source: Some(Box::new(error)) }
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
            _ if failed.raw().status().as_u16() == 429 => PortErrorKind::Throttled,
            _ => PortErrorKind::Unavailable,
        },
        SdkError::ResponseError(_) | SdkError::ConstructionFailure(_) => PortErrorKind::Corrupt,
        // `_` is what a later SDK may add.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | _ => PortErrorKind::Unavailable,
    }
}

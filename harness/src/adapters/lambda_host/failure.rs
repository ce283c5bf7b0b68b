//! How an invocation can fail.

use thiserror::Error;

/// The caller of an invocation gets no payload.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvokeError {
    /// As many run as may (`TooManyRequestsException`); nothing was started.
    #[error("rate exceeded: {limit} sandboxes are busy")]
    Throttled {
        /// The reserved concurrency.
        limit: usize,
    },
    /// The event is larger than an invocation carries (`RequestTooLargeException`); nothing was started.
    #[error("{bytes} byte payload is too large for the RequestResponse invocation type")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The function ran, or tried to.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

/// What Lambda marks with `X-Amz-Function-Error`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// Which kind, for the counts.
    pub kind: FailureKind,
    /// `Runtime.ExitError` and the like, or what the runtime reported.
    pub error_type: String,
    /// For people; may be empty.
    pub message: String,
}

/// Kinds of function errors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FailureKind {
    /// The runtime said so.
    Reported,
    /// The function time-out; the sandbox was killed.
    TimedOut,
    /// The process ended by itself.
    Crashed,
    /// The process was killed for its memory.
    OutOfMemory,
    /// It never asked for an invocation.
    Init,
    /// More than 6 MB came back.
    ResponseTooLarge,
}

impl FunctionError {
    pub(super) fn new(kind: FailureKind, message: String) -> Self {
        let error_type = match kind {
            FailureKind::Reported => "Runtime.Unknown",
            FailureKind::TimedOut => "Sandbox.Timedout",
            FailureKind::Crashed => "Runtime.ExitError",
            FailureKind::OutOfMemory => "Runtime.OutOfMemory",
            FailureKind::Init => "Runtime.InitError",
            FailureKind::ResponseTooLarge => "Function.ResponseSizeTooLarge",
        };
        Self { kind, error_type: error_type.to_owned(), message }
    }
}

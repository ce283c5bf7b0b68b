//! The contract between the front layer and the JSON services behind it: a call that is already
//! authenticated, validated and timed goes in, a JSON value or an AWS error comes out. No HTTP here.
use std::fmt;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::stats::Counters;

/// One emulated service that speaks JSON (awsJson1.1 or restJson1).
///
/// The front layer has verified the signature, merged URI labels, query and body into one value,
/// and checked that value against the service's public model before `call` runs.
pub(crate) trait Service: Send + Sync + 'static {
    /// The endpoint's name, as in `Emulators::endpoints`: `cognito-idp`, `bedrock-runtime` ….
    fn name(&self) -> &'static str;

    /// Answers one call with the members of the operation's output shape.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>>;

    /// What the service itself counts, for `/stats`.
    fn counters(&self) -> Counters {
        Counters::new()
    }
}

/// A validated call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The operation's name in the service's model, such as `Converse`.
    pub(crate) operation: String,
    /// All input members by their model names: labels, query and body merged; an object.
    pub(crate) input: Value,
    /// The caller's `traceparent` header.
    pub(crate) trace: Option<String>,
    /// The caller's `x-manuel-user` header: a hash of the user's id, never the id.
    pub(crate) user: Option<String>,
}

/// An error in a service's own words; the front layer puts it into the wire shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    /// The HTTP status that the service's model gives to `code`.
    pub(crate) status: u16,
    /// The shape's name, such as `ConflictException`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl AwsError {
    /// An error answered with HTTP `status`.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A `ValidationException` (400).
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

//! Why users could not be provisioned. The names of users and manuals are in the text, secrets never.

use std::error::Error as StdError;
use std::time::Duration;

use manuel_client::Failure;
use manuel_client::PrepareError;
use manuel_client::SignError;
use manuel_client::SignInError;
use manuel_client::connection::ConnectionError;
use thiserror::Error;

/// A user or a manual is not where it should be.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// No HTTP client.
    #[error("cannot make a client for the stage")]
    Connection {
        /// Why.
        #[source]
        source: ConnectionError,
    },
    /// The HMAC key cannot be used.
    #[error("the stage's signing key cannot be used")]
    Signer {
        /// Why.
        #[source]
        source: SignError,
    },
    /// A reference that nobody resolved.
    #[error("the stage's {what} is a reference that this build cannot resolve")]
    UnresolvedSecret {
        /// Which secret.
        what: &'static str,
    },
    /// A user is missing and may not be created.
    #[error("user {username} is not on the stage, and the stage does not let users be created")]
    MayNotCreate {
        /// Who.
        username: String,
    },
    /// Cognito's admin API.
    #[error("{operation} failed for user {username}")]
    Admin {
        /// `AdminCreateUser` or `AdminSetUserPassword`.
        operation: &'static str,
        /// Who.
        username: String,
        /// What the SDK said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Sign-in.
    #[error("cannot sign {username} in")]
    SignIn {
        /// Who.
        username: String,
        /// Why.
        #[source]
        source: SignInError,
    },
    /// No such fixture.
    #[error("there is no manual {key:?} in fixtures; there are {known}")]
    UnknownManual {
        /// What was asked for.
        key: String,
        /// What there is.
        known: String,
    },
    /// A request cannot be made ready.
    #[error("cannot prepare {what} for user {username}")]
    Prepare {
        /// The request.
        what: &'static str,
        /// Who.
        username: String,
        /// Why.
        #[source]
        source: Box<PrepareError>,
    },
    /// No whole answer.
    #[error("{what} for user {username} got no answer")]
    Send {
        /// The request.
        what: &'static str,
        /// Who.
        username: String,
        /// Why.
        #[source]
        source: Box<Failure>,
    },
    /// Not the answer that is expected.
    #[error("{what} for user {username} was answered with {status}: {body}")]
    Refused {
        /// The request.
        what: &'static str,
        /// Who.
        username: String,
        /// HTTP status.
        status: u16,
        /// The first characters of the body.
        body: String,
    },
    /// The index did not get there.
    #[error(
        "the manuals of user {username} were not indexed within {within:?}; last seen: {last_seen}"
    )]
    NotIndexed {
        /// Who.
        username: String,
        /// The bound.
        within: Duration,
        /// Names and states at the last look.
        last_seen: String,
    },
    /// The index refused a manual.
    #[error("a manual of user {username} could not be indexed: {seen}")]
    IngestionFailed {
        /// Who.
        username: String,
        /// Names and states.
        seen: String,
    },
}

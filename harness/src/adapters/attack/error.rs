//! Why an attack could not be played. That it did harm is no error.

use std::error::Error as StdError;
use std::time::Duration;

use manuel_client::PrepareError;
use manuel_client::WireError;
use manuel_client::connection::ConnectionError;
use manuel_client::contract::ShortWord;
use thiserror::Error;

use crate::adapters::internet::InternetError;
use crate::adapters::provision::ProvisionError;
use crate::adapters::stores::StoresError;

/// The reasons.
#[derive(Debug, Error)]
pub enum AttackError {
    /// The stores tell whether anything was stored or charged.
    #[error("cannot look into the stores")]
    Stores {
        /// Why.
        #[source]
        source: StoresError,
    },
    /// The key cannot be used.
    #[error("the stage's signing key cannot be used")]
    Signer {
        /// Why.
        #[source]
        source: ProvisionError,
    },
    /// A name of the stage is too short to be looked for.
    #[error("a name of the stage cannot be looked for")]
    Contract {
        /// Which.
        #[source]
        source: ShortWord,
    },
    /// The stage does not say what the backend dialled.
    #[error("cannot read what the backend dialled")]
    Internet {
        /// Why.
        #[source]
        source: InternetError,
    },
    /// No attacker, or no victim.
    #[error("cannot make the users of an attack")]
    Cast {
        /// Why.
        #[source]
        source: ProvisionError,
    },
    /// No HTTP client.
    #[error("cannot make a client for the stage")]
    Connection {
        /// Why.
        #[source]
        source: ConnectionError,
    },
    /// The stage cannot play it.
    #[error("attack {attack} needs {lack}, which the stage does not have")]
    Lacking {
        /// Which.
        attack: String,
        /// What is missing.
        lack: &'static str,
    },
    /// The payload does not go there.
    #[error("the payload of attack {attack} cannot be put there: {why}")]
    Unsendable {
        /// Which.
        attack: String,
        /// Why.
        why: String,
    },
    /// A request could not be made ready.
    #[error("cannot prepare {call} of attack {attack}")]
    Prepare {
        /// Which.
        attack: String,
        /// The request.
        call: String,
        /// Why.
        #[source]
        source: Box<PrepareError>,
    },
    /// No connection for bytes.
    #[error("cannot write the bytes of attack {attack}")]
    Wire {
        /// Which.
        attack: String,
        /// Why.
        #[source]
        source: WireError,
    },
    /// What has to go well before or after the attack itself did not.
    #[error("attack {attack} could not be played: {what}, seen: {seen}")]
    Unprepared {
        /// Which.
        attack: String,
        /// What was expected.
        what: String,
        /// What came.
        seen: String,
    },
    /// A quota or rate limit answered in place of what is tested.
    #[error("attack {attack} was held back by a limit ({code}): play fewer attacks with each cast")]
    HeldBack {
        /// Which.
        attack: String,
        /// `rate_limited` …
        code: String,
    },
    /// A token that has to be made for it.
    #[error("cannot make the token of attack {attack}: {what}")]
    Token {
        /// Which.
        attack: String,
        /// What failed.
        what: String,
        /// Why.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The keys that forged tokens are made with.
    #[error("cannot make the keys of forged tokens: {what}")]
    Keys {
        /// What failed.
        what: &'static str,
        /// Why.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// All of it together took too long.
    #[error("attack {attack} was not over within {within:?}")]
    TooLong {
        /// Which.
        attack: String,
        /// The bound.
        within: Duration,
    },
}

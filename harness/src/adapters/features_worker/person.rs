//! A person of a scenario: an account of its own, an address of its own, and the manuals that it has.

use std::collections::BTreeMap;

use manuel_client::ManuelClient;
use manuel_client::Session;

/// A person of a scenario.
#[derive(Clone, Debug)]
pub struct Person {
    /// As the scenario calls it.
    pub name: String,
    /// Sign-in name; none of somebody without an account.
    pub username: Option<String>,
    /// Cognito `sub`; empty without an account.
    pub sub: String,
    /// As this run has set it; none of somebody without an account.
    pub password: Option<String>,
    /// Tokens; none of somebody without an account.
    pub session: Option<Session>,
    /// From an address of its own.
    pub client: ManuelClient,
    /// What the scenario calls a manual → its id.
    pub manuals: BTreeMap<String, String>,
    /// The same manuals → what was sent.
    pub sent: BTreeMap<String, Sent>,
}

/// What is known of a manual that was sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// The job that indexes it, where the answer named one.
    pub job: Option<String>,
    /// Its name, as the answer has it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256.
    pub sha256: String,
    /// Words that its passages have.
    pub words: String,
}

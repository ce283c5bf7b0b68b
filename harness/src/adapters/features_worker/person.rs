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
}

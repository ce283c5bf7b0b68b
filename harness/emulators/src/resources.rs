//! The names and ids of everything that a start created: what a stage description is written from.
use std::collections::BTreeMap;

/// Every emulated name begins with this, so that nobody takes one for a deployed resource.
pub const NAME_PREFIX: &str = "manuel-local-";

/// Names and ids of one start; stable for a template but for the ids drawn from the seed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Resources {
    /// Logical id in the template (`UsageTable`) → table name (`manuel-local-usage`).
    pub tables: BTreeMap<String, String>,
    /// Logical id in the template (`ManualsBucket`) → bucket name (`manuel-local-manuals`).
    pub buckets: BTreeMap<String, String>,
    /// Logical id in the template (`DeadLetterQueue`) → queue URL on the emulated SQS endpoint.
    pub queues: BTreeMap<String, String>,
    /// Logical id in the template (`AlertsTopic`) → topic ARN.
    pub topics: BTreeMap<String, String>,
    pub user_pool_id: String,
    pub client_id: String,
    /// Where the user pool's keys are served: on the emulated Cognito endpoint.
    pub jwks_url: String,
    /// The `iss` of every token: the name that AWS gives it, never dialled.
    pub issuer: String,
    pub knowledge_base_id: String,
    pub data_source_id: String,
    /// The name of the secret that holds the HMAC key.
    pub hmac_secret_id: String,
}

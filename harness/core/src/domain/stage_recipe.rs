//! A stage file that says how a stage is put up, instead of describing one that stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::stage::Capability;

/// A stage that the harness itself puts up for a run and takes down again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRecipeFile {
    /// Always [`STAGE_SCHEMA`](crate::domain::stage::STAGE_SCHEMA).
    pub schema: String,
    /// Its name, as in policies and verdicts.
    pub name: String,
    /// What stands behind the backend.
    pub put_up: PutUp,
    /// What suites must not rely on, although it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Capability>,
    /// Highest total rate, in requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_per_s: Option<u32>,
    /// Most users that a run may create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u32>,
    /// Where LocalStack and DynamoDB Local answer (`localstack` where no container engine is asked for them).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<LocalStackEndpoints>,
}

/// What stands behind the backend.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PutUp {
    /// Emulators in the stage's own process.
    #[default]
    Embedded,
    /// S3, SQS, SNS and Secrets Manager of a LocalStack and a DynamoDB Local that stand (`docker-compose.test.yml`), or that a
    /// container engine is asked for; the rest are emulators.
    Localstack,
    /// The same, with both as processes of this machine in a network namespace of their own.
    LocalstackHost,
    /// As embedded, but met as a remote stage is: TLS at an address of its own, the edge in front, nothing of the machine.
    AsRemote,
}

/// Where they answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalStackEndpoints {
    /// S3, SQS, SNS, Secrets Manager.
    pub localstack: String,
    /// DynamoDB.
    pub dynamodb: String,
}

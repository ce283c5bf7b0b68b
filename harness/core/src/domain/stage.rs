//! A stage: where a backend runs, what stands around it, and what a suite may do to it.
//!
//! This is the only thing a suite is told. `harness stage up` writes it as `stage.json` (mode 0600); the files in
//! `scenarios/stages/` have the same schema. It holds references to secrets of deployed stages; the credentials of
//! an embedded stage are worth nothing outside it and stand in it as they are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema that this build writes and the only one it reads.
pub const STAGE_SCHEMA: &str = "manuel-stage/1";

/// A running stage, as a suite sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageDescription {
    /// Always [`STAGE_SCHEMA`]; another is refused by name.
    pub schema: String,
    /// `embedded`, `localstack`, or the name of a stage file.
    pub name: String,
    /// Where the backend answers, without a trailing slash.
    pub base_url: String,
    /// The commit that the backend reported at start (`GET /version`), `-dirty` included; `unknown` where it does not say.
    pub sut_commit: String,
    /// Seeded defects compiled into the backend and switched on; empty for a build that may be promoted.
    #[serde(default)]
    pub sut_defects: Vec<String>,
    /// AWS region of the stage.
    pub region: String,
    /// Sign-in.
    pub cognito: CognitoRef,
    /// AWS service name (`dynamodb`, `s3`, `cognito-idp`, `bedrock-runtime`, `bedrock-agent`, `bedrock-agent-runtime`,
    /// `secretsmanager`, `transcribe`, `sqs`, `sns`) → endpoint URL.
    pub endpoints: BTreeMap<String, String>,
    /// Names of tables, buckets and other resources that checks read.
    pub resources: Resources,
    /// Read-only credentials for the stores; none where the stores cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_credentials: Option<Credentials>,
    /// The key that state-changing requests are signed with.
    pub hmac_key: SecretRef,
    /// Users that exist.
    pub users: Vec<StageUser>,
    /// Admin URLs and files.
    #[serde(default)]
    pub admin: Admin,
    /// Processes of the stage on this machine, for resource samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<Processes>,
    /// What the backend runs as.
    #[serde(default, skip_serializing_if = "Runtime::is_server")]
    pub runtime: Runtime,
    /// Whether the services behind the backend are AWS's own.
    #[serde(default)]
    pub services: Services,
    /// Whether people rely on it.
    #[serde(default)]
    pub environment: Environment,
    /// Whether another profile than `smoke` may run where `environment` is production; the command must say so, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub production_load: bool,
    /// What a question costs here, in thousandths of a US cent, for estimates; a tenth of a cent where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_millicents: Option<u32>,
    /// PEM file of a certificate authority that the backend's certificate may come from, beside those that the machine
    /// trusts; relative to the stage file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca_file: Option<String>,
    /// What a run must hold, so that two never share the stage; a lock on this machine where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseRef>,
    /// Origins whose pages may read answers (`CORS_ORIGINS`); empty where no page may, or none is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub web_origins: Vec<String>,
    /// What a suite may rely on.
    pub capabilities: Capabilities,
    /// What a suite must keep to.
    pub limits: Limits,
}

/// What a backend runs as.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// One process that listens.
    #[default]
    Server,
    /// A process for each invocation under way, behind an API gateway.
    Lambda,
}

impl Runtime {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_server(&self) -> bool {
        *self == Self::Server
    }
}

/// What stands behind a backend. How fast an emulator is says nothing about AWS.
#[derive(
    Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Services {
    /// Emulators, on a machine that also makes the load: right and wrong are evidence, milliseconds are not.
    #[default]
    Emulated,
    /// AWS: milliseconds are evidence, too.
    Real,
}

/// Whether people rely on a stage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Nobody does.
    #[default]
    Test,
    /// Customers do: only the smoke profile, and nothing that changes what is not the run's own, unless file and flag
    /// both say so.
    Production,
}

/// Where the lease of a stage is held.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LeaseRef {
    /// A DynamoDB table with the string key `pk`, which holds one item for each stage.
    Table(String),
    /// A file that is locked.
    File(String),
}

/// The user pool that signs people in.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CognitoRef {
    /// Endpoint of the Cognito identity provider API.
    pub endpoint: String,
    /// Pool id, `eu-west-1_…`.
    pub user_pool_id: String,
    /// App client id (no client secret; `ALLOW_ADMIN_USER_PASSWORD_AUTH` and `ALLOW_USER_PASSWORD_AUTH`).
    pub client_id: String,
    /// Credentials that may create users for a run; none where users are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_credentials: Option<Credentials>,
}

/// An AWS key pair.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Access key id.
    pub access_key_id: String,
    /// Where the secret access key is.
    pub secret_access_key: SecretRef,
}

/// Where a secret is found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SecretRef {
    /// The value itself: only for a stage that was made for this run and dies with it.
    Throwaway(String),
    /// An environment variable.
    Env(String),
    /// A secret in Secrets Manager of the stage, by id.
    SecretsManager(String),
}

/// Resource names of the deployment.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Quota counters and usage by day.
    pub usage_table: String,
    /// One row per manual.
    pub manuals_table: String,
    /// Rate-limit windows and replay memory.
    pub rate_limit_table: String,
    /// Classified errors.
    pub errors_table: String,
    /// Manuals and their sidecars.
    pub manuals_bucket: String,
    /// Recordings, always deleted.
    pub audio_bucket: String,
    /// Bedrock knowledge base.
    pub knowledge_base_id: String,
    /// Its data source.
    pub data_source_id: String,
    /// URL of the queue of what failed for good. What it holds is read through `admin.emulators_url` (`/queues`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue_url: Option<String>,
    /// ARN of the topic for people. What was published is read through `admin.emulators_url` (`/topics`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts_topic_arn: Option<String>,
}

impl Resources {
    /// Names that an answer has no use for.
    pub fn names(&self) -> [&str; 8] {
        [
            &self.usage_table,
            &self.manuals_table,
            &self.rate_limit_table,
            &self.errors_table,
            &self.manuals_bucket,
            &self.audio_bucket,
            &self.knowledge_base_id,
            &self.data_source_id,
        ]
    }
}

/// A user who can sign in by password.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageUser {
    /// Sign-in name.
    pub username: String,
    /// Password.
    pub password: SecretRef,
    /// Cognito `sub`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Keys of fixture manuals (`fixtures/manuals/manuals.toml`) that are uploaded and indexed for this user.
    #[serde(default)]
    pub manuals: Vec<String>,
}

/// Switches beside the AWS APIs.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Base URL of the emulators' admin API (`/stats`, `/outages`, `/queues`, `/topics`, `/internet`); none on a stage of real services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulators_url: Option<String>,
    /// Base URL of the Lambda host's admin API (`GET /lambda`, `POST /lambda/evict`); none where the backend is a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda_url: Option<String>,
    /// Base URL of the edge's admin API (`GET /edge`: its rules, how true each is to AWS, and what they blocked); none
    /// where no edge stands in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge_url: Option<String>,
    /// Base URL of the AWS injector's admin API (`/rules`, `/activity`, `/_localstack/chaos/faults`), which stands before
    /// every endpoint that the backend calls; none where nothing can be injected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injector_url: Option<String>,
    /// Base URL of the Toxiproxy API of the proxies between the backend and its services, named as these; none where
    /// no proxies stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxiproxy_url: Option<String>,
    /// The `TEST_CLOCK_FILE` of the stage: a signed offset in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_file: Option<String>,
    /// The backend's log (JSON lines), where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_log: Option<String>,
}

/// Process ids on this machine.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    /// The process that holds the emulators.
    pub stage_pid: u32,
    /// The backend itself (not its guard); none when it is run by hand, and none of many functions: those are the
    /// grandchildren of the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_pid: Option<u32>,
}

/// What a suite may rely on. A suite that needs more is Inconclusive (`CapabilityMissing`), by name.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities(
    /// Names that hold on this stage.
    pub std::collections::BTreeSet<Capability>,
);

/// One thing that a stage can offer.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// The clock can be moved through `admin.clock_file`.
    Clock,
    /// Tables and buckets can be read with `store_credentials`.
    StoresReadable,
    /// Users may be created for a run.
    ProvisionUsers,
    /// The model answers deterministically: page and phrase of an answer are exact expectations.
    DeterministicModel,
    /// A dependency can be made to fail for one user through `admin.emulators_url`.
    Outages,
    /// Processes of the stage can be sampled on this machine.
    LocalProcesses,
    /// Each address in 127.0.0.0/8 can be a client's own.
    SourceAddresses,
    /// What the backend dials elsewhere ends at a listener of the stage, which `admin.emulators_url` tells of
    /// (`/internet`): nothing that it is led to is ever reached.
    PinnedEgress,
    /// Nobody is let in from 127.224.0.0/11, and everybody from the rest of 127.0.0.0/8 (`IP_ALLOWLIST`).
    Allowlist,
    /// The deployment's firewall and gateway stand in front of the backend: `base_url` is theirs, and on an embedded stage
    /// `admin.edge_url` tells of them.
    Edge,
}

/// What the stage enforces on its clients; a plan that does not fit is refused, never trimmed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Questions and transcriptions a user may ask per UTC day.
    pub daily_quota: u64,
    /// The same per month.
    pub monthly_quota: u64,
    /// Requests per user and per address and window; none where no limit is enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Highest total rate that the stage's owner allows, in requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_per_s: Option<u32>,
    /// Most users that a run may create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u32>,
    /// Most that a run may cost by its estimate, in US cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_cents: Option<u32>,
    /// Whether faults may be put in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chaos: bool,
}

/// A sliding-window limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests allowed in the window.
    pub requests: u32,
    /// Window, in seconds.
    pub window_s: u32,
}

impl Capabilities {
    /// Whether the stage offers `capability`.
    pub fn has(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }
}

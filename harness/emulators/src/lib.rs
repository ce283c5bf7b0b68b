//! Emulated AWS for tests and load runs: DynamoDB, S3, Cognito, Secrets Manager, Transcribe, SQS,
//! SNS, Bedrock and its knowledge base, in one process, on 127.0.0.1 and ports that the kernel picks.
//!
//! ```text
//! SDK ─ SigV4 ─▶ front (operation → signature → permission → outage → model) ─▶ Service::call
//! SDK ─ SigV4 ─▶ dynamodb proxy (signature → permission → outage) ─▶ dynoxide
//! SDK ─ SigV4 ─▶ s3 front (dates) ─▶ s3s (signature → permission → outage) ─▶ store
//! anything else that a backend dials ─ TLS ─▶ internet (counts it, plays the host)
//! ```
//! Nothing here knows the backend under test, and no packet leaves 127.0.0.0/8.
mod admin;
pub(crate) mod bedrock;
pub(crate) mod clock;
mod cognito;
mod credentials;
pub(crate) mod dynamodb;
mod external;
mod front;
mod internet;
pub(crate) mod knowledge_base;
mod model;
mod options;
mod outages;
mod resources;
pub(crate) mod s3;
mod secrets;
mod server;
pub(crate) mod service;
mod signature;
mod sns;
mod sqs;
mod start;
mod stats;
mod template;
mod transcribe;
mod wire;

pub use crate::bedrock::{Distribution, LatencyModel, NOTHING_SAID, TEXT_MODEL_ID};
pub use crate::dynamodb::TablesError;
pub use crate::external::{External, ExternalError};
pub use crate::internet::{InternetError, InternetRefs};
pub use crate::model::ModelError;
pub use crate::options::{Options, S3Backing, StartError};
pub use crate::resources::{NAME_PREFIX, Resources};
pub use crate::s3::StoreError;
pub use crate::start::{Emulators, start};
pub use crate::template::TemplateError;
pub use crate::transcribe::TranscriptionTime;

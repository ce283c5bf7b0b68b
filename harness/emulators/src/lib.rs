//! Emulated AWS for tests and load runs: DynamoDB, S3, Cognito, Secrets Manager, Bedrock and its
//! knowledge base, in one process, on 127.0.0.1 and ports that the kernel picks.
//!
//! ```text
//! SDK ─ SigV4 ─▶ front (signature → permission → outage → model → statistics) ─▶ Service::call
//! SDK ─ SigV4 ─▶ dynamodb proxy (signature → permission → outage → statistics) ─▶ dynoxide
//! SDK ─ SigV4 ─▶ s3 front (outage → clock → statistics) ─▶ s3s (signature → access) ─▶ store
//! ```
//! Nothing here knows the backend under test, and no packet leaves 127.0.0.0/8.
pub(crate) mod bedrock;
pub(crate) mod clock;
pub(crate) mod knowledge_base;
pub(crate) mod resources;
pub(crate) mod s3;
pub(crate) mod service;

mod options;

pub use crate::bedrock::LatencyModel;
pub use crate::options::{Options, S3Backing, StartError};
pub use crate::resources::{NAME_PREFIX, Resources};

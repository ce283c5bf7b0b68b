//! The adapters to AWS: the only module that knows the SDK. A failure of the SDK ends in `error` as a `PortError`
//! with its cause kept for the log.

mod bedrock_index;
mod bedrock_model;
mod bedrock_search;
pub mod clients;
mod connections;
mod dynamo;
mod dynamo_errors;
mod dynamo_ingestion;
mod dynamo_manuals;
mod dynamo_pending;
mod dynamo_quota;
mod dynamo_rate_limit;
mod dynamo_replay;
mod error;
mod jwks;
mod probes;
mod s3_manuals;
mod secret;
mod sns_alerts;
mod sqs_failures;
mod trace;
mod transcribe;

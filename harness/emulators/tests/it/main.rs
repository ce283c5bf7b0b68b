//! Every emulator, driven by the official SDK crates over the wire.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test binary")]
mod access;
mod bedrock;
mod cognito;
mod dynamodb;
mod internet;
mod knowledge_base;
mod lifecycle;
mod outages;
mod s3;
mod secrets;
mod sns;
mod sqs;
mod stage;
mod transcribe;
mod voices;

//! The handlers, one file a noun: parse, call the use case, shape the answer.

pub(super) mod download;
pub(super) mod health;
pub(super) mod ingestion;
pub(super) mod manuals;
pub(super) mod presigned;
pub(super) mod query;
pub(super) mod transcribe;
pub(super) mod user;

//! The use cases: what is done for a request and in which order, with ports only. No axum, no AWS. Trying a conflict
//! again and idempotency are decided here; retries of calls are the adapters' own.

pub mod bulkhead;
pub mod caller;
mod charged;
pub mod conflict;
pub mod download;
pub mod error;
pub mod error_processing;
pub mod failures;
pub mod health;
pub mod idempotency;
pub mod indexing;
pub mod intake;
pub mod jobs;
pub mod manuals;
pub mod presigned;
pub mod query;
pub mod quota;
pub mod rate_limit;
pub mod sweep;
pub mod upload;
pub mod usage;
pub mod voice;

//! Entities and rules: pure values and functions, no I/O, no axum, no AWS.

pub mod audio;
pub mod cached;
pub mod cidr;
pub mod cost;
pub mod document;
pub mod failure;
pub mod ingestion;
pub mod manual;
pub mod prompt;
pub mod question;
pub mod quota;
pub mod rate_limit;
pub mod signature;
pub mod text;
pub mod timestamp;
pub mod trace;
pub mod transcript;
pub mod user;

//! Entities and rules: pure values and functions, no I/O, no axum, no AWS.

pub mod audio;
pub mod cached;
pub mod cidr;
pub mod cost;
pub mod document;
pub mod failure;
pub mod file_name;
pub mod ingestion;
pub mod leftovers;
pub mod manual;
pub mod prompt;
pub mod public_address;
pub mod question;
pub mod quota;
pub mod rate_limit;
pub mod signature;
pub mod text;
pub mod timestamp;
pub mod trace;
pub mod transcript;
pub mod user;

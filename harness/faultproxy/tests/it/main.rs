//! Integration tests, one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test binary")]
mod api;
mod bad;
mod client;
mod effects;
mod program;
mod support;

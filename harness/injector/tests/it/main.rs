//! Integration tests, one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test binary")]
mod admin;
mod play;
mod reverse;
mod sdk;
mod support;

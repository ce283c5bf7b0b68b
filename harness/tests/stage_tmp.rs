//! Temporary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test binary")]
#[path = "it/stage.rs"]
mod stage;

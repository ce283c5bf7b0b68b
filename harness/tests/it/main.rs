//! The harness's integration tests: one binary. Modules named `sut` or `stage` start real processes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test binary")]

mod report;
mod stage;
mod tidy;

//! The harness's integration tests: one binary. Modules named `stage` and `load` start real stages, one at a time.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test binary")]

mod exits;
mod features;
mod gate;
mod load;
mod report;
mod stage;
mod tidy;

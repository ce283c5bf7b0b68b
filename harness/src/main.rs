//! The `harness` binary: parse, run, exit. Nothing else.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    harness::cli::main().await
}

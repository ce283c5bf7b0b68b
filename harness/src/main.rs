//! The `harness` binary: parse, run, exit. Nothing else.

use std::process::ExitCode;

#[tokio::main(worker_threads = 4)]
async fn main() -> ExitCode {
    harness::cli::main().await
}

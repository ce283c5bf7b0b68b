//! The Lambda function `ingestion`: pumps the index, by schedule.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend::lambda::pump_index()
}

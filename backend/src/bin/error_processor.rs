//! The Lambda function `error-processor`: empties the dead-letter queue.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend::lambda::process_errors()
}

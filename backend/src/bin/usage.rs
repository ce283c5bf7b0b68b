//! The Lambda function `usage`: usage and quota.

use std::process::ExitCode;

use backend::http::Function;

fn main() -> ExitCode {
    backend::lambda::answer_requests(Function::Usage)
}

//! The Lambda function `query`: questions.

use std::process::ExitCode;

use backend::http::Function;

fn main() -> ExitCode {
    backend::lambda::answer_requests(Function::Query)
}

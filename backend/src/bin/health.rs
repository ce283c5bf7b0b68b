//! The Lambda function `health`: what needs no user, and every path that is nobody's.

use std::process::ExitCode;

use backend::http::Function;

fn main() -> ExitCode {
    backend::lambda::answer_requests(Function::Health)
}

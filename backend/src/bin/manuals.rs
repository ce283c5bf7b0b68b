//! The Lambda function `manuals`: manuals and their indexing.

use std::process::ExitCode;

use backend::http::Function;

fn main() -> ExitCode {
    backend::lambda::answer_requests(Function::Manuals)
}

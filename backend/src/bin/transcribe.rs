//! The Lambda function `transcribe`: speech to text.

use std::process::ExitCode;

use backend::http::Function;

fn main() -> ExitCode {
    backend::lambda::answer_requests(Function::Transcribe)
}

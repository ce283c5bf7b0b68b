//! JSON logs on standard output, one flat object a line, and the line that a panic leaves. What is secret (tokens, keys,
//! questions, answers, presigned URLs) is never handed to it.

use std::error::Error;
use std::fmt::Write as _;

use tracing_subscriber::EnvFilter;

/// What is logged when `LOG_LEVEL` says nothing: our own lines and the warnings of libraries.
const DEFAULT_FILTER: &str = "warn,backend=info";

/// Starts logging for the process; a second start changes nothing.
pub fn start(filter: Option<&str>) {
    let filter = filter.map_or_else(|| EnvFilter::new(DEFAULT_FILTER), EnvFilter::new);
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string);
            let text = panic
                .payload()
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.payload().downcast_ref::<String>().cloned());
            tracing::error!(message = "panic", location, text);
        }));
    }
}

/// An error and what caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        // Writing to a string cannot fail.
        let _written: Result<(), std::fmt::Error> = write!(text, ": {below}");
        cause = below.source();
    }
    text
}

//! JSON logs on standard output, one flat object a line, the lines of metrics among them, and the line that a panic
//! leaves. What is secret (tokens, keys, questions, answers, presigned URLs) is never handed to it.
//!
//! `LOG_LEVEL` sets the level of our own lines, as `debug` or `backend::app=trace`. Libraries log warnings and errors
//! whatever it says: their finer levels print headers and bodies, and so tokens, questions and presigned URLs.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::metrics;

/// The module path of what is our own.
const OURS: &str = "backend";

/// The finest level of libraries.
const LIBRARIES: LevelFilter = LevelFilter::WARN;

/// Starts logging for the process; a second start changes nothing.
pub fn start(filter: Option<&str>) {
    if subscriber(filter, io::stdout).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            // Not its text: that of a bad index into a string holds the string.
            let location = panic.location().map(ToString::to_string);
            tracing::error!(message = "panic", location);
        }));
    }
}

/// What writes the log's lines and those of metrics; each line is one write.
pub fn subscriber<W>(filter: Option<&str>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer.clone())
        .with_filter(targets(filter));
    let is_metrics = filter_fn(|of| of.target() == metrics::TARGET);
    tracing_subscriber::registry().with(lines).with(MetricLines(writer).with_filter(is_metrics))
}

/// The levels that a filter asks for, within what libraries may say.
fn targets(filter: Option<&str>) -> Targets {
    let asked: Targets = filter.and_then(|text| text.parse().ok()).unwrap_or_default();
    let every = asked.default_level().filter(|level| *level != LevelFilter::OFF);
    let start = Targets::new()
        .with_default(every.unwrap_or(LIBRARIES).min(LIBRARIES))
        .with_target(OURS, every.unwrap_or(LevelFilter::INFO));
    let ours = |target: &str| target == OURS || target.starts_with("backend::");
    asked
        .iter()
        .fold(start, |targets, (target, level)| {
            let level = if ours(target) { level } else { level.min(LIBRARIES) };
            targets.with_target(target, level)
        })
        .with_target(metrics::TARGET, LevelFilter::OFF)
}

/// Writes the lines of metrics as they are; one that cannot be written is dropped.
struct MetricLines<W>(W);

impl<S, W> Layer<S> for MetricLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut line = MetricLine(String::new());
        event.record(&mut line);
        line.0.push('\n');
        let _dropped: io::Result<()> = self.0.make_writer().write_all(line.0.as_bytes());
    }
}

struct MetricLine(String);

impl Visit for MetricLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "line" {
            // Writing to a string cannot fail.
            let _written: fmt::Result = write!(self.0, "{value:?}");
        }
    }
}

/// An error and what caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        // Writing to a string cannot fail.
        let _written: fmt::Result = write!(text, ": {below}");
        cause = below.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: Option<&str>, log: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(subscriber(filter, move || writer.clone()), log);
        let written = written.0.lock().unwrap();
        written.iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
    }

    #[test]
    fn libraries_say_no_more_than_warnings_whatever_is_asked() {
        for filter in ["trace", "aws_smithy_runtime=trace", "warn,hyper=debug,backend=trace"] {
            let lines = logged(Some(filter), || {
                tracing::debug!(target: "aws_smithy_runtime::client", body = "secret");
                tracing::info!(target: "hyper::proto", body = "secret");
                tracing::warn!(target: "hyper::proto", "worth a line");
            });
            assert_eq!(lines.len(), 1, "{filter}: {lines:?}");
        }
        let fine = || tracing::trace!(target: "backend::app", "fine");
        assert_eq!(logged(Some("trace"), fine).len(), 1);
        assert_eq!(logged(Some("backend::app=trace"), fine).len(), 1);
        assert_eq!(logged(None, fine).len(), 0);
        assert_eq!(logged(Some("nonsense=loud"), || tracing::info!("ours")).len(), 1);
    }

    #[test]
    fn a_metric_is_one_write_of_one_raw_line_at_any_level() {
        for filter in ["off", "error", "trace"] {
            let lines = logged(Some(filter), || {
                tracing::info!(target: "manuel::metrics", line = %r#"{"_aws":{}}"#);
            });
            assert_eq!(lines, ["{\"_aws\":{}}\n"], "{filter}");
        }
    }
}

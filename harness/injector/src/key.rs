//! Which request a call belongs to: the key by which a fault finds the same call again in the next run.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;

/// The header in which the backend's trace interceptor tells the how-manieth call of its operation within
/// the trace this is, from 1. Attempts of one call have one ordinal.
pub const ORDINAL_HEADER: &str = "x-manuel-call";

/// How many (trace, operation) pairs are remembered for callers that send no ordinal.
const REMEMBERED: usize = 1 << 16;

/// The key of one call: stable from run to run, whatever ran beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKey {
    /// A call without a trace: of a background task, or of a caller that sends none.
    Background,
    /// A call made for a request.
    Traced {
        /// The 32 hex digits of the W3C trace id.
        trace: String,
        /// As in `service:operation`.
        operation: String,
        /// The how-manieth call of that operation within the trace, from 1.
        ordinal: u32,
    },
}

impl RequestKey {
    /// The trace id, if there is one.
    pub fn trace(&self) -> Option<&str> {
        match self {
            Self::Background => None,
            Self::Traced { trace, .. } => Some(trace),
        }
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Background => f.write_str("background"),
            Self::Traced { trace, operation, ordinal } => {
                write!(f, "{trace}/{operation}/{ordinal}")
            }
        }
    }
}

/// A call's key and which attempt at it this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The call.
    pub key: RequestKey,
    /// From 1, by the SDK's `amz-sdk-request: attempt=N`.
    pub attempt: u32,
}

/// Reads keys off headers; counts where a caller does not.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<(String, String), u32>,
    /// Filled when `counts` is full, so that what is in use is never forgotten at once.
    older: BTreeMap<(String, String), u32>,
}

impl Keys {
    /// The attempt that `headers` make at `service:operation`.
    pub(crate) fn read(&self, headers: &HeaderMap, operation: &str) -> Attempt {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let attempt = text("amz-sdk-request").and_then(attempt_of).unwrap_or(1);
        let Some(trace) = text("traceparent").and_then(trace_id) else {
            return Attempt { key: RequestKey::Background, attempt };
        };
        let told = text(ORDINAL_HEADER).and_then(|text| text.parse().ok());
        let ordinal = told.unwrap_or_else(|| self.count(trace, operation, attempt));
        let (trace, operation) = (trace.to_owned(), operation.to_owned());
        Attempt { key: RequestKey::Traced { trace, operation, ordinal }, attempt }
    }

    /// A first attempt is the next call; a later one belongs to the call before.
    fn count(&self, trace: &str, operation: &str, attempt: u32) -> u32 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (trace.to_owned(), operation.to_owned());
        if seen.counts.len() >= REMEMBERED {
            seen.older = std::mem::take(&mut seen.counts);
        }
        let before = seen.counts.get(&name).or_else(|| seen.older.get(&name)).copied();
        let before = before.unwrap_or(0);
        let now = if attempt <= 1 { before + 1 } else { before.max(1) };
        seen.counts.insert(name, now);
        now
    }
}

/// `attempt=2; max=3` → 2. Source: the SDKs' standard retry headers.
fn attempt_of(text: &str) -> Option<u32> {
    let part = text.split(';').find_map(|part| part.trim().strip_prefix("attempt="))?;
    part.trim().parse().ok()
}

/// The trace id of a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_id(text: &str) -> Option<&str> {
    let id = text.split('-').nth(1)?;
    let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && id.bytes().any(|b| b != b'0')).then_some(id)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{Keys, RequestKey};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_ordinal_that_is_told_is_taken() {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        let read = Keys::default().read(
            &headers(&[
                ("traceparent", &parent),
                ("x-manuel-call", "3"),
                ("amz-sdk-request", "attempt=2; max=3"),
            ]),
            "dynamodb:GetItem",
        );
        assert_eq!(read.attempt, 2);
        assert_eq!(read.key.to_string(), format!("{TRACE}/dynamodb:GetItem/3"));
    }

    #[test]
    fn without_an_ordinal_first_attempts_are_counted() {
        let keys = Keys::default();
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        let ordinal = |attempt: &str| {
            let headers = headers(&[("traceparent", &parent), ("amz-sdk-request", attempt)]);
            match keys.read(&headers, "s3:GetObject").key {
                RequestKey::Traced { ordinal, .. } => ordinal,
                RequestKey::Background => 0,
            }
        };
        assert_eq!(ordinal("attempt=1; max=3"), 1);
        assert_eq!(ordinal("attempt=2; max=3"), 1);
        assert_eq!(ordinal("attempt=1"), 2);
        assert_eq!(ordinal("attempt=3; max=3"), 2);
    }

    #[test]
    fn no_trace_or_a_broken_one_is_background() {
        let keys = Keys::default();
        for parent in ["", "00-xyz", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            let read = keys.read(&headers(&[("traceparent", parent)]), "sqs:SendMessage");
            assert_eq!(read.key, RequestKey::Background, "{parent}");
        }
    }
}

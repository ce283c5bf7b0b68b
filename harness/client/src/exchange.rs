//! One request and what came back: the whole answer, or how far it got. Time comes from the caller.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use thiserror::Error;

use crate::server_timing;
use crate::server_timing::{ServerTiming, ServerTimingError};
use crate::transport::TransportFault;

/// A clock that never goes back, µs from any origin. The caller owns it: this crate has none.
pub trait Monotonic: Send + Sync {
    /// Microseconds since the clock's origin.
    fn now_us(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Monotonic for F {
    fn now_us(&self) -> u64 {
        self()
    }
}

/// When what happened, on the caller's clock (µs).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Marks {
    /// The request was handed to the connection pool.
    pub sent_us: u64,
    /// The answer's head was there (its first bytes); none where none came.
    pub head_us: Option<u64>,
    /// The last byte was read, or the attempt failed.
    pub done_us: u64,
}

impl Marks {
    /// From the send to the last byte.
    pub fn service_us(&self) -> u64 {
        self.done_us.saturating_sub(self.sent_us)
    }

    /// From the send to the answer's head.
    pub fn first_byte_us(&self) -> Option<u64> {
        self.head_us.map(|head| head.saturating_sub(self.sent_us))
    }
}

/// An answer, read to its end.
#[derive(Clone, Eq, PartialEq)]
pub struct Exchange {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When what happened.
    pub marks: Marks,
}

/// An attempt without a whole answer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("no whole answer: {fault}")]
pub struct Failure {
    /// What went wrong.
    pub fault: TransportFault,
    /// The status, where the head had come.
    pub status: Option<u16>,
    /// `X-Request-Id`, where the head had come.
    pub request_id: Option<String>,
    /// When what happened.
    pub marks: Marks,
}

impl Exchange {
    /// `X-Request-Id`.
    pub fn request_id(&self) -> Option<&str> {
        self.text("x-request-id")
    }

    /// `X-Manuel-Version`: the commit that answered.
    pub fn version(&self) -> Option<&str> {
        self.text("x-manuel-version")
    }

    /// `Server-Timing`: the backend's own time and that of its dependencies.
    pub fn server_timing(&self) -> Result<ServerTiming, ServerTimingError> {
        let values = self.headers.get_all("server-timing").iter();
        server_timing::parse(values.map(|value| value.to_str().unwrap_or("\u{fffd}")))
    }

    /// `Retry-After` in seconds; none where it is absent or no whole number.
    pub fn retry_after_s(&self) -> Option<u64> {
        let text = self.text("retry-after")?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    }

    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's only value, where it is visible ASCII.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next()?;
        if values.next().is_some() { None } else { only.to_str().ok() }
    }
}

/// Without the body: it may hold a person's question or a presigned address.
impl fmt::Debug for Exchange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Exchange")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .field("body_bytes", &self.body.len())
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, values: &[&str]) -> Exchange {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        let marks = Marks { sent_us: 5, head_us: Some(9), done_us: 12 };
        Exchange { status: 200, headers, body: Bytes::from_static(b"secret words"), marks }
    }

    #[test]
    fn headers_of_interest() {
        assert_eq!(with("Retry-After", &["12"]).retry_after_s(), Some(12));
        assert_eq!(with("Retry-After", &["+12"]).retry_after_s(), None);
        assert_eq!(with("Retry-After", &["1", "2"]).retry_after_s(), None);
        assert_eq!(with("X-Request-Id", &["r-1"]).request_id(), Some("r-1"));
        let timing = with("Server-Timing", &["own;dur=1", "dep;dur=2.5"]).server_timing();
        assert_eq!(timing, Ok(ServerTiming { own_us: 1_000, dep_us: 2_500 }));
    }

    #[test]
    fn marks_are_differences() {
        let marks = with("a", &[]).marks;
        assert_eq!((marks.first_byte_us(), marks.service_us()), (Some(4), 7));
    }

    #[test]
    fn debug_has_no_body() {
        assert!(!format!("{:?}", with("a", &[])).contains("secret"));
    }
}

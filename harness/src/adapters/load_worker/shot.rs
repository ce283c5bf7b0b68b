//! One request on its way: what is to be sent, what was, and how it ended.

use std::time::Duration;

use manuel_client::Exchange;
use manuel_client::Failure;
use manuel_client::Request;
use manuel_client::SignatureHeaders;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;

use super::uploads::Stored;

/// How one request ended, for goose's own books.
pub(super) struct Outcome {
    pub(super) kind: RequestKind,
    pub(super) class: AnswerClass,
    pub(super) latency: Duration,
    pub(super) status: u16,
    pub(super) manual_id: Option<String>,
}

impl Sent {
    /// The name of what was uploaded.
    pub(super) fn filename(&self) -> Option<&str> {
        if let Request::UploadManual { filename, .. } = &self.request {
            Some(filename)
        } else {
            None
        }
    }
}

/// The upload that a request repeats or replays.
pub(super) struct Earlier {
    pub(super) ordinal: u32,
    /// None if it was not accepted.
    pub(super) stored: Option<Stored>,
}

/// One request to send.
pub(super) struct Shot<'a> {
    pub(super) ordinal: u32,
    pub(super) kind: RequestKind,
    pub(super) seat: usize,
    pub(super) phase: &'a str,
    pub(super) due_us: u64,
    pub(super) question: Option<u32>,
    pub(super) manual: Option<String>,
    pub(super) outage: Option<usize>,
    pub(super) earlier: Option<Earlier>,
}

/// A request that was sent.
pub(super) struct Sent {
    pub(super) request: Request,
    pub(super) answer: Result<Exchange, Failure>,
    pub(super) signature: Option<SignatureHeaders>,
}

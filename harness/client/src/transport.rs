//! What went wrong below HTTP, as a closed set of short names: reports group by them, so they never carry an address or
//! an error's text.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// Where in the exchange it happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Before the answer's head was there.
    Head,
    /// While the body was read.
    Body,
}

/// Why there is no whole answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportReason {
    /// Nobody listens.
    ConnectRefused,
    /// The connection was reset while it was set up.
    ConnectReset,
    /// No connection within the connect bound.
    ConnectTimeout,
    /// Another failure to connect: name, route or TLS.
    ConnectFailed,
    /// The source address does not exist here, or its ports are used up.
    LocalAddress,
    /// No file descriptors left on our side.
    TooManyFiles,
    /// The peer reset the connection.
    Reset,
    /// The peer closed it before the answer's head was whole.
    Closed,
    /// The answer's head is not HTTP.
    BadHttp,
    /// No head within the request's bound.
    Timeout,
    /// The head came, the body did not within the request's bound.
    BodyTimeout,
    /// The body ended before its announced length.
    BodyCut,
    /// The body is larger than [`crate::client::MAX_BODY_BYTES`].
    BodyTooLarge,
    /// None of the above.
    Other,
}

impl TransportReason {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectReset => "connect_reset",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::LocalAddress => "local_address",
            Self::TooManyFiles => "too_many_files",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::BadHttp => "bad_http",
            Self::Timeout => "timeout",
            Self::BodyTimeout => "body_timeout",
            Self::BodyCut => "body_cut",
            Self::BodyTooLarge => "body_too_large",
            Self::Other => "other",
        }
    }

    /// Whether a bound of ours ended the attempt, rather than the other side.
    pub fn is_timeout(self) -> bool {
        match self {
            Self::ConnectTimeout | Self::Timeout | Self::BodyTimeout => true,
            Self::ConnectRefused
            | Self::ConnectReset
            | Self::ConnectFailed
            | Self::LocalAddress
            | Self::TooManyFiles
            | Self::Reset
            | Self::Closed
            | Self::BadHttp
            | Self::BodyCut
            | Self::BodyTooLarge
            | Self::Other => false,
        }
    }
}

/// A reason, and the error chain it was read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TransportFault {
    /// The stable name.
    pub reason: TransportReason,
    /// The chain of messages, for a person; never a key.
    pub detail: String,
}

impl TransportFault {
    pub(crate) fn from_error(error: &reqwest::Error, phase: Phase) -> Self {
        Self { reason: reason(error, phase), detail: chain(error) }
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body has more than {limit} bytes");
        Self { reason: TransportReason::BodyTooLarge, detail }
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.reason.as_str(), self.detail)
    }
}

fn reason(error: &reqwest::Error, phase: Phase) -> TransportReason {
    let connecting = error.is_connect();
    if error.is_timeout() {
        return match (connecting, phase) {
            (true, _) => TransportReason::ConnectTimeout,
            (false, Phase::Head) => TransportReason::Timeout,
            (false, Phase::Body) => TransportReason::BodyTimeout,
        };
    }
    if let Some(reason) = sources(error).find_map(|source| by_source(source, connecting, phase)) {
        return reason;
    }
    match (connecting, phase) {
        (true, _) => TransportReason::ConnectFailed,
        (false, Phase::Head) => TransportReason::Other,
        (false, Phase::Body) => TransportReason::BodyCut,
    }
}

fn by_source(
    source: &(dyn StdError + 'static),
    connecting: bool,
    phase: Phase,
) -> Option<TransportReason> {
    if let Some(io) = source.downcast_ref::<io::Error>() {
        return by_io(io, connecting, phase);
    }
    let hyper = source.downcast_ref::<hyper::Error>()?;
    if hyper.is_incomplete_message() {
        Some(match phase {
            Phase::Head => TransportReason::Closed,
            Phase::Body => TransportReason::BodyCut,
        })
    } else if hyper.is_parse() {
        Some(TransportReason::BadHttp)
    } else {
        None
    }
}

fn by_io(error: &io::Error, connecting: bool, phase: Phase) -> Option<TransportReason> {
    /// `EMFILE` and `ENFILE` of Linux: std has no kind for them.
    const NO_DESCRIPTORS: [i32; 2] = [24, 23];
    if error.raw_os_error().is_some_and(|code| NO_DESCRIPTORS.contains(&code)) {
        return Some(TransportReason::TooManyFiles);
    }
    // Compared, not matched: the kinds are an open set, and the rest of it says nothing to us.
    let kind = error.kind();
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&kind);
    if is(&[io::ErrorKind::ConnectionRefused]) {
        Some(TransportReason::ConnectRefused)
    } else if is(&[io::ErrorKind::AddrNotAvailable, io::ErrorKind::AddrInUse]) {
        Some(TransportReason::LocalAddress)
    } else if is(&[
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
    ]) {
        Some(if connecting { TransportReason::ConnectReset } else { TransportReason::Reset })
    } else if is(&[io::ErrorKind::UnexpectedEof]) {
        Some(match (connecting, phase) {
            (true, _) => TransportReason::ConnectReset,
            (false, Phase::Head) => TransportReason::Closed,
            (false, Phase::Body) => TransportReason::BodyCut,
        })
    } else {
        None
    }
}

fn sources<'a>(
    error: &'a reqwest::Error,
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + use<'a> {
    let mut next: Option<&'a (dyn StdError + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.source();
        Some(current)
    })
}

fn chain(error: &reqwest::Error) -> String {
    let mut detail = String::new();
    for source in sources(error).skip(1) {
        if !detail.is_empty() {
            detail.push_str(": ");
        }
        detail.push_str(&source.to_string());
    }
    if detail.is_empty() { error.to_string() } else { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde() {
        for reason in [
            TransportReason::ConnectRefused,
            TransportReason::BodyTooLarge,
            TransportReason::BadHttp,
            TransportReason::Other,
        ] {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{}\"", reason.as_str()));
        }
    }

    #[test]
    fn io_kinds_depend_on_where_they_happen() {
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(by_io(&eof, false, Phase::Body), Some(TransportReason::BodyCut));
        assert_eq!(by_io(&eof, false, Phase::Head), Some(TransportReason::Closed));
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(by_io(&reset, true, Phase::Head), Some(TransportReason::ConnectReset));
        assert_eq!(by_io(&reset, false, Phase::Head), Some(TransportReason::Reset));
        let files = io::Error::from_raw_os_error(24);
        assert_eq!(by_io(&files, true, Phase::Head), Some(TransportReason::TooManyFiles));
    }
}

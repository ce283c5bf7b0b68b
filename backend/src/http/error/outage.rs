//! What a client is told when a dependency is out or asks us to slow down.

use http::StatusCode;

use super::{AFTER_OUTAGE_S, AFTER_THROTTLING_S, Told, told};
use crate::ports::{Dependency, PortErrorKind};

pub(super) fn tell_outage(dependency: Dependency, kind: PortErrorKind) -> Told {
    let (out, busy) = match dependency {
        Dependency::Store => ("store_unavailable", "store_throttled"),
        Dependency::Files => ("files_unavailable", "files_throttled"),
        Dependency::Search => ("search_unavailable", "search_throttled"),
        Dependency::Model => ("model_unavailable", "model_throttled"),
        Dependency::Index => ("index_unavailable", "index_throttled"),
        Dependency::Secrets => ("signing_unavailable", "signing_throttled"),
        Dependency::Identity => ("identity_unavailable", "identity_throttled"),
        Dependency::Reader => ("reader_unavailable", "reader_throttled"),
        Dependency::Transcriber => ("transcription_unavailable", "transcription_throttled"),
        // No request waits for these two.
        Dependency::Queue => ("queue_unavailable", "queue_throttled"),
        Dependency::Alerts => ("alerts_unavailable", "alerts_throttled"),
    };
    let (status, code, sentence, after) = match kind {
        PortErrorKind::Throttled => (
            StatusCode::TOO_MANY_REQUESTS,
            busy,
            "There is too much to do at the moment. Please try again.",
            AFTER_THROTTLING_S,
        ),
        PortErrorKind::Unavailable | PortErrorKind::Corrupt | PortErrorKind::Conflict => (
            StatusCode::SERVICE_UNAVAILABLE,
            out,
            "A part of the service is not available. Please try again.",
            AFTER_OUTAGE_S,
        ),
    };
    Told { retry_after_s: Some(after), ..told(status, code, sentence) }
}

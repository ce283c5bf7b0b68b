//! Payloads and their limits.

use axum::body::Body;
use bytes::Bytes;
use bytes::BytesMut;
use futures::StreamExt as _;

/// A synchronous invocation carries so much, each way (Lambda quotas, "Invocation payload": 6 MB).
pub(super) const PAYLOAD_MAX: usize = 6_291_456;
/// What is read of a body that is too large, so that its sender gets to read the refusal.
const DRAINED_MAX: usize = 64 << 20;

/// Why there is no payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::adapters) enum Unread {
    /// More than the limit.
    TooLarge,
    /// The sender went away.
    Broken,
}

/// The body, if it has at most `limit` bytes. One that has more is read on, up to 64 MiB, and dropped.
pub(in crate::adapters) async fn read(body: Body, limit: usize) -> Result<Bytes, Unread> {
    let mut stream = body.into_data_stream();
    let (mut kept, mut seen) = (BytesMut::new(), 0_usize);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_broken| Unread::Broken)?;
        seen = seen.saturating_add(chunk.len());
        if seen > DRAINED_MAX {
            break;
        }
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else {
            kept = BytesMut::new();
        }
    }
    if seen > limit { Err(Unread::TooLarge) } else { Ok(kept.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_limit_is_exact() {
        for (bytes, fits) in [(0, true), (9, true), (10, true), (11, false)] {
            let read = read(Body::from(vec![b'x'; bytes]), 10).await;
            assert_eq!(read.is_ok(), fits, "{bytes}");
            assert!(fits || read == Err(Unread::TooLarge));
        }
    }
}

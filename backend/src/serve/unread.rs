//! What a refused client is still sending. A server that answers and closes at once resets the connection, and the client,
//! still writing, never sees why it was refused (RFC 9112, section 9.6): so the rest is read on for a while, and thrown away.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// Most that is read on: several times what any call takes.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long; whoever is slower than that is cut off.
const WITHIN: Duration = Duration::from_secs(3);

/// A body in two hands: of the call, and of who reads what the call leaves.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Incoming>>);

impl Shared {
    /// Puts a body into two hands.
    pub(super) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads what is left, within bounds.
    pub(super) async fn drain(mut self) {
        let all = async {
            let mut read = 0;
            while let Some(Ok(frame)) = self.frame().await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > BYTES_MAX {
                    break;
                }
            }
        };
        tokio::time::timeout(WITHIN, all).await.unwrap_or_default();
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

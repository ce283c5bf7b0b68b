//! What a refused client is still sending. S3 reads on for a while before it closes the connection: a server that closes
//! at once resets it, and the client, still writing, never sees why it was refused (RFC 9112, section 9.6).
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use injector::body::BodyError;

use crate::server::Received;

/// Most that is read on: no client of ours sends more in one piece.
const MOST: usize = 64 * 1024 * 1024;
/// Longest time that is spent on it.
const WITHIN: Duration = Duration::from_secs(5);

/// A body in two hands: of whom it is meant for, and of who reads what that one leaves.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Received>>);

impl Shared {
    /// Puts a body into two hands.
    pub(super) fn new(body: Received) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads what is left, within bounds, and throws it away.
    pub(super) async fn drain(mut self) {
        let all = async {
            let mut read = 0;
            while let Some(Ok(frame)) = self.frame().await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > MOST {
                    break;
                }
            }
        };
        // A client that sends no more has been given its time.
        tokio::time::timeout(WITHIN, all).await.unwrap_or_default();
    }
}

impl Body for Shared {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
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

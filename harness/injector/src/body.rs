//! Bodies as they go through the injector: untouched where no fault needs them.
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Why a body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that can be read here: bytes, and why they ended.
pub trait Readable: Body<Data = Bytes, Error: Into<BodyError>> + Unpin {}

impl<B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin> Readable for B {}

/// A request's body: as it comes from the caller, or read already.
#[derive(Debug)]
pub enum RequestBody<I> {
    /// Not looked at.
    Live(I),
    /// Read for a rule; what is left of it.
    Read(Option<Bytes>),
}

impl<I> RequestBody<I> {
    /// Bytes in memory.
    pub fn read(bytes: Bytes) -> Self {
        Self::Read((!bytes.is_empty()).then_some(bytes))
    }
}

impl<I: Readable> Body for RequestBody<I> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Live(body) => {
                Pin::new(body).poll_frame(context).map_err(std::convert::Into::into)
            }
            Self::Read(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Live(body) => body.is_end_stream(),
            Self::Read(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Live(body) => body.size_hint(),
            Self::Read(bytes) => SizeHint::with_exact(length(bytes.as_ref())),
        }
    }
}

/// An answer's body: the service's own, one of ours, or one that ends too early.
#[derive(Debug)]
pub enum ReplyBody<B> {
    /// The service's.
    Inner(B),
    /// Ours.
    Whole(Option<Bytes>),
    /// These bytes, and then the connection breaks: `declared` were announced.
    Cut {
        /// What still comes.
        first: Option<Bytes>,
        /// What `Content-Length` says.
        declared: u64,
        /// Whether the server had its turn to send what came.
        flushed: bool,
    },
}

impl<B> ReplyBody<B> {
    /// These bytes of as many as declared.
    pub(crate) fn cut(first: Option<Bytes>, declared: u64) -> Self {
        Self::Cut { first, declared, flushed: false }
    }

    /// Bytes in memory.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

/// The body ended where a fault cut it.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut by a fault")]
pub struct CutShort;

impl<B: Readable> Body for ReplyBody<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Inner(body) => {
                Pin::new(body).poll_frame(context).map_err(std::convert::Into::into)
            }
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Cut { first, flushed, .. } => match first.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None if *flushed => Poll::Ready(Some(Err(CutShort.into()))),
                None => {
                    // hyper sends what it holds when a body has nothing to give, and throws it away when one fails.
                    *flushed = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Inner(body) => body.is_end_stream(),
            Self::Whole(bytes) => bytes.is_none(),
            Self::Cut { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Inner(body) => body.size_hint(),
            Self::Whole(bytes) => SizeHint::with_exact(length(bytes.as_ref())),
            Self::Cut { declared, .. } => SizeHint::with_exact(*declared),
        }
    }
}

fn length(bytes: Option<&Bytes>) -> u64 {
    bytes.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

//! The injector as a tower layer, before one service of AWS.
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::body::{Readable, ReplyBody, RequestBody};
use crate::injector::Injector;
use crate::play::{self, Failure};

/// Puts an injector before a service; the name is the endpoint's, such as `dynamodb`.
#[derive(Debug, Clone)]
pub struct InjectorLayer {
    injector: Injector,
    service: Arc<str>,
}

impl InjectorLayer {
    /// For calls of `service`.
    pub fn new(injector: Injector, service: &str) -> Self {
        Self { injector, service: service.into() }
    }
}

impl<S> Layer<S> for InjectorLayer {
    type Service = Injected<S>;

    fn layer(&self, inner: S) -> Injected<S> {
        Injected { injector: self.injector.clone(), service: Arc::clone(&self.service), inner }
    }
}

/// A service behind an injector. An error that is [`Failure::Cut`] asks the server to close the connection without
/// an answer, which hyper does with any error.
#[derive(Debug, Clone)]
pub struct Injected<S> {
    injector: Injector,
    service: Arc<str>,
    inner: S,
}

impl<S, I, B> Service<Request<I>> for Injected<S>
where
    S: Service<Request<RequestBody<I>>, Response = Response<B>, Future: Send, Error: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    I: Readable + Send + 'static,
    B: Readable + Send + 'static,
{
    type Response = Response<ReplyBody<B>>;
    type Error = Failure<S::Error>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Failure::Inner)
    }

    fn call(&mut self, request: Request<I>) -> Self::Future {
        let (injector, service) = (self.injector.clone(), Arc::clone(&self.service));
        // The one that was polled ready goes; its clone stays.
        let next = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, next);
        Box::pin(play::play(injector, service, ready, request))
    }
}

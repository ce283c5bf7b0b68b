//! The interceptors: one counts attempts after the first, for metrics; one puts the request's `traceparent`, `x-manuel-user`
//! and `x-manuel-call` on every attempt of every call. The last is the how-manieth call of its operation within the
//! request: with the trace it names a call, so that whoever injects faults finds the same one in the next run.
//!
//! It works after signing (`modify_before_transmit`): the headers are then on each attempt, cannot break a signature
//! when something on the way changes them, and never become part of a presigned URL, whose signed headers its user
//! would have to repeat.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::context;
use crate::ports::Dependency;

/// Reads the task's request context; a call outside any request has no trace.
#[derive(Debug)]
pub(super) struct TraceHeaders;

/// The how-manieth call of its operation within the request, from 1; kept from attempt to attempt.
#[derive(Debug, Clone, Copy)]
struct Ordinal(u32);

impl Storable for Ordinal {
    type Storer = StoreReplace<Self>;
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for TraceHeaders {
    fn name(&self) -> &'static str {
        "TraceHeaders"
    }

    fn read_before_serialization(
        &self,
        _call: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map(|call| (call.service(), call.name()));
        if let (Some(context), Some((service, name))) = (context::current(), operation) {
            let ordinal = Ordinal(context.next_call(service, name));
            config.interceptor_state().store_put(ordinal);
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        call: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(context) = context::current() {
            let headers = call.request_mut().headers_mut();
            headers.try_insert("traceparent", context.trace.header())?;
            if let Some(Ordinal(ordinal)) = config.load::<Ordinal>() {
                headers.try_insert("x-manuel-call", ordinal.to_string())?;
            }
            if let Some(user) = context.user_hash() {
                headers.try_insert("x-manuel-user", user.to_owned())?;
            }
        }
        Ok(())
    }
}

/// Counts the attempts of a dependency's calls that are not the first.
#[derive(Debug)]
pub(super) struct CountRetries(pub(super) Dependency);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for CountRetries {
    fn name(&self) -> &'static str {
        "CountRetries"
    }

    fn modify_before_transmit(
        &self,
        _call: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
        if attempt > 1 {
            context::note(|figures| figures.retried(self.0));
        }
        Ok(())
    }
}

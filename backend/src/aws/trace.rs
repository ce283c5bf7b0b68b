//! The interceptors: one counts attempts after the first, for metrics; one puts the request's `traceparent` and `x-manuel-user` on every attempt of every call.
//!
//! It works after signing (`modify_before_transmit`): the headers are then on each attempt, cannot break a signature
//! when something on the way changes them, and never become part of a presigned URL, whose signed headers its user
//! would have to repeat.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::context;
use crate::ports::Dependency;

/// Reads the task's request context; a call outside any request has no trace.
#[derive(Debug)]
pub(super) struct TraceHeaders;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for TraceHeaders {
    fn name(&self) -> &'static str {
        "TraceHeaders"
    }

    fn modify_before_transmit(
        &self,
        call: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(context) = context::current() {
            let headers = call.request_mut().headers_mut();
            headers.try_insert("traceparent", context.trace.header())?;
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

//! A function behind API Gateway: an event in, the router's answer out.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, service_fn};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use tower::ServiceExt as _;

use super::event;
use super::invocation::{self, FunctionError};
use crate::http::{Function, router_of};
use crate::state::App;

/// What is kept of an invocation for putting things right after an answer that came at the last moment.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// One function's application and router.
#[derive(Debug)]
pub struct Gateway {
    app: App,
    router: Router,
}

impl Gateway {
    /// Over the routes of `function`.
    pub fn new(function: Function, app: App) -> Self {
        let router = router_of(function, app.clone());
        Self { app, router }
    }

    /// Answers one event. All that the request left to tasks is done, or its time is up, when this returns.
    pub async fn answer(
        &self,
        event: LambdaEvent<LambdaRequest>,
    ) -> Result<impl Serialize + use<>, FunctionError> {
        let ends = invocation::end_of(&event.context);
        let LambdaEvent { mut payload, context } = event;
        let router = self.router.clone();
        let answer = service_fn(move |request: lambda_http::Request| {
            let request = event::request_of(request, ends.earlier_by(ANSWER_MARGIN));
            router.clone().oneshot(request)
        });
        let work = async move {
            event::harmless(&mut payload);
            let event = LambdaEvent::new(payload, context);
            let answered: Result<_, Infallible> = Adapter::from(answer).oneshot(event).await;
            answered.unwrap_or_else(|never| match never {})
        };
        invocation::whole(&self.app, ends, work).await
    }
}

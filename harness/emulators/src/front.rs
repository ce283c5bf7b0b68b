//! The layer before every service with a model: who signed, which operation, may they, is it out, is the
//! input sound; then the service, timed. The order is that of AWS: a bad signature is told before a
//! bad input.
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};

use crate::clock::Clock;
use crate::model::Model;
use crate::outages::Outages;
use crate::server::{Body, Handler, Received};
use crate::service::{Call, Service};
use crate::signature::{self, Verifier};
use crate::stats::Stats;
use crate::wire::{self, Protocol, Spelling};

/// The largest body that a JSON service takes: Bedrock's own limit is 25 MB for `Converse`.
const MAX_BODY: usize = 25 * 1024 * 1024;

/// A page beside the service, such as Cognito's JWKS: `None` if the path is not one.
pub(crate) type Page = Arc<dyn Fn(&str) -> Option<BoxFuture<'static, String>> + Send + Sync>;

/// What all fronts of one start share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) outages: Arc<Outages>,
    pub(crate) account_id: String,
}

/// One JSON service behind its front.
#[derive(Clone)]
pub(crate) struct Front(Arc<Inner>);

struct Inner {
    service: Arc<dyn Service>,
    model: Model,
    verifier: Verifier,
    shared: Shared,
    stats: Arc<Stats>,
    page: Option<Page>,
}

impl Front {
    /// Puts `service` behind `model` and `verifier`; `page` is served to anyone on GET.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        model: Model,
        verifier: Verifier,
        shared: Shared,
        page: Option<Page>,
    ) -> Self {
        let stats = Arc::new(Stats::with(service.counters()));
        Self(Arc::new(Inner { service, model, verifier, shared, stats, page }))
    }

    /// The service's counters.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.0.stats)
    }
}

impl Handler for Front {
    async fn handle(self, request: Request<Received>) -> Response<Body> {
        let inner = self.0;
        let timed = inner.stats.begin(&inner.shared.clock);
        let (parts, body) = request.into_parts();
        let response = if let Some(page) = inner.page(&parts) {
            match inner.out(&parts) {
                Some(refused) => refused,
                None => wire::page(StatusCode::OK, "application/json", page.await),
            }
        } else {
            inner.stats.look_at(&parts.headers);
            inner.answer(parts, body).await
        };
        timed.end(response.status().as_u16());
        response
    }
}

impl Inner {
    fn page(&self, parts: &Parts) -> Option<BoxFuture<'static, String>> {
        self.page.as_ref().filter(|_| parts.method == Method::GET)?(parts.uri.path())
    }

    /// A page is out as an operation of its file's name, `jwks.json`; nobody asks for it in a user's name.
    fn out(&self, parts: &Parts) -> Option<Response<Body>> {
        let file = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let outage = self.shared.outages.matching(self.service.name(), file, None)?;
        Some(wire::error(self.model.spelling(), outage.status, &outage.error, &outage.message))
    }

    async fn answer(&self, parts: Parts, body: Received) -> Response<Body> {
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                tracing::debug!(%error, "cannot read a request");
                let spelling = self.model.spelling();
                return wire::error(spelling, 413, "RequestEntityTooLargeException", "too large");
            }
        };
        match self.call(&parts, &body).await {
            Ok(response) | Err(response) => response,
        }
    }

    async fn call(&self, parts: &Parts, body: &Bytes) -> Result<Response<Body>, Response<Body>> {
        let protocol = self.model.protocol;
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let spelling = self.model.spelling();
        let target = self.model.target(&parts.headers, body);
        let Some((name, operation, located)) =
            self.model.resolve(&parts.method, parts.uri.path(), target.as_deref())
        else {
            return Err(unknown_operation(spelling, target.as_deref()));
        };
        if !operation.unsigned || Verifier::is_signed(parts) {
            let role = self.verifier.verify(parts, body).map_err(|refused| {
                wire::error(spelling, protocol.refused(), refused.code, &refused.message)
            })?;
            if !operation.unsigned && !role.may(operation.access) {
                let text =
                    signature::denied(&self.shared.account_id, role, self.service.name(), name);
                let status = protocol.refused();
                return Err(wire::error(spelling, status, "AccessDeniedException", &text));
            }
        }
        let user = header("x-manuel-user");
        if let Some(outage) = self.shared.outages.matching(self.service.name(), name, user) {
            return Err(wire::error(spelling, outage.status, &outage.error, &outage.message));
        }
        let input = self
            .model
            .input(operation, &located, parts, body)
            .map_err(|refusal| wire::error(spelling, 400, &refusal.code, &refusal.message))?;
        let call = Call {
            operation: name.to_owned(),
            input,
            trace: header("traceparent").map(str::to_owned),
            user: user.map(str::to_owned),
        };
        tracing::trace!(operation = name, user, trace = ?call.trace, by = ?call.user, "call");
        let output = self
            .service
            .call(call)
            .await
            .map_err(|error| wire::error(spelling, error.status, error.code, &error.message))?;
        Ok(wire::success(spelling, name, operation.status, &output))
    }
}

fn unknown_operation(spelling: Spelling<'_>, target: Option<&str>) -> Response<Body> {
    let (status, message) = match spelling.protocol {
        Protocol::RestJson1 => (404, String::new()),
        Protocol::AwsQuery => {
            let named = target.unwrap_or_default();
            (400, format!("Could not find operation {named}"))
        }
        Protocol::DynamoDb | Protocol::AwsJson10 | Protocol::AwsJson11 => (400, String::new()),
    };
    wire::error(spelling, status, "UnknownOperationException", &message)
}

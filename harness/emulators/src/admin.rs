//! The admin interface, on a port of its own that no AWS client knows: outages, statistics, messages.
//!
//! `PUT /outages` begins one, `PUT /outages/{id}` renews it, `DELETE /outages/{id}` ends it,
//! `GET /outages` lists them, `GET /stats` reports every emulator and the process. A page beside a service is out as an
//! operation of its file's name: `{"service": "cognito-idp", "operation": "jwks.json", …}`.
//!
//! `GET /queues` lists every queue: `logical_id`, `name`, `url`, `sent` and `deleted` since the start, and the `messages` that
//! it holds, oldest first: `message_id`, `body`, `attributes`, `sent_ms`, `receives`, `in_flight`. Looking receives nothing.
//! `GET /topics` lists every topic: `logical_id`, `arn`, `count` since the start, and the last 10 000 that were `published`,
//! oldest first: `message_id`, `published_ms`, `subject`, `message`, `attributes`. Times are the test clock's.
//!
//! `GET /internet` tells what the backend dialled elsewhere, where its outgoing connections are pinned: `count` since the
//! start, and the first 10 000 `connections`, oldest first: `elsewhere` (meant for an address that is not
//! public), `name` (asked for by SNI; null for an address) and `request` (`GET /path`; null where it did not get that far).
//!
//! `POST /tokens` makes a token for a user who exists, with at most one fault, for tests of whoever verifies tokens:
//! `{"username", "token_use": "access" (default) | "id", "fault"}` gives 201 `{"token"}`. Faults: `none`, `expired` (an hour ago),
//! `not_yet_valid` (`iat` and `nbf` in an hour), `wrong_audience` (`aud` or `client_id`), `wrong_issuer`, `other_token_use` (the
//! claim says the other kind), `unknown_kid` (a key that the pool never had, under its own name), `wrong_key` (such a key under
//! the name of the pool's). All but the last two are signed by the pool's key; times follow the test clock.
//!
//! Under `services`, by endpoint name, since the start:
//!
//! | member | meaning |
//! |---|---|
//! | `requests` | all requests |
//! | `errors` | answers of 400 and more (a failed condition is one), and callers that hung up |
//! | `faults` | answers of 500 and more, and callers that hung up |
//! | `in_flight`, `in_flight_max` | requests under way, now and at most |
//! | `service_time_us` | `sum` and `max` of the time from request to answer, in µs |
//! | `without_traceparent` | calls without a `traceparent` header, or with an empty one |
//! | `without_user` | the same for `x-manuel-user`. Only calls that a user caused can have it: not health checks, not the work of background tasks |
//! | `unfiltered_retrieves` | `bedrock-agent-runtime` alone: `Retrieve` calls whose filter does not make everything found equal in `user_id` to one string, so that a passage of anyone's could come back. An `equals` within an `orAll` does not count |
//!
//! The two `without_…` count calls of every caller, those of the harness too, which sends neither header. A page beside a
//! service, such as Cognito's JWKS, is a request but no call.
use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use injector::Injector;
use procfs::WithCurrentSystemInfo as _;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::cognito::Cognito;
use crate::internet::Seen;
use crate::outages::{BadField, Outages};
use crate::server::{Body, Handler, Received};
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::stats::Stats;
use crate::wire;

const MAX_BODY: usize = 64 * 1024;

/// What the admin interface looks into past any API.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    pub(crate) cognito: Arc<Cognito>,
    pub(crate) sqs: Arc<Sqs>,
    pub(crate) sns: Arc<Sns>,
    pub(crate) internet: Arc<Seen>,
}

/// The handler of the admin port.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) clock: Clock,
    pub(crate) outages: Arc<Outages>,
    /// Endpoint name → counters.
    pub(crate) stats: Arc<BTreeMap<&'static str, Arc<Stats>>>,
    pub(crate) looks: Looks,
}

impl Handler for Admin {
    async fn handle(self, request: Request<Received>) -> Response<Body> {
        self.answer(request).await
    }
}

/// The handler of the injector's own port.
#[derive(Debug, Clone)]
pub(crate) struct FaultsAdmin(pub(crate) Injector);

impl Handler for FaultsAdmin {
    async fn handle(self, request: Request<Received>) -> Response<Body> {
        injector::admin::answer(self.0, request).await.map(Body::from)
    }
}

impl Admin {
    async fn answer(&self, request: Request<Received>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                return refuse(&BadField { field: "body".into(), reason: error.to_string() });
            }
        };
        let body = if body.is_empty() {
            Value::Null
        } else {
            match serde_json::from_slice(&body) {
                Ok(body) => body,
                Err(error) => {
                    let reason = format!("is not JSON: {error}");
                    return refuse(&BadField { field: "body".into(), reason });
                }
            }
        };
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
        match (&parts.method, path.as_slice()) {
            (&Method::PUT, ["outages"]) => match self.outages.add(&body) {
                Ok(id) => json_page(StatusCode::CREATED, &json!({ "id": id })),
                Err(field) => refuse(&field),
            },
            (&Method::PUT, ["outages", id]) => match self.outages.renew(id, &body) {
                Ok(true) => json_page(StatusCode::OK, &json!({ "id": id })),
                Ok(false) => gone(id),
                Err(field) => refuse(&field),
            },
            (&Method::DELETE, ["outages", id]) => {
                if self.outages.remove(id) {
                    json_page(StatusCode::OK, &json!({ "id": id }))
                } else {
                    gone(id)
                }
            }
            (&Method::GET, ["outages"]) => json_page(StatusCode::OK, &self.outages.list()),
            (&Method::GET, ["stats"]) => json_page(StatusCode::OK, &self.report()),
            (&Method::POST, ["tokens"]) => match self.looks.cognito.mint(&body).await {
                Ok(token) => json_page(StatusCode::CREATED, &json!({ "token": token })),
                Err(field) => refuse(&field),
            },
            (&Method::GET, ["queues"]) => json_page(StatusCode::OK, &self.looks.sqs.report()),
            (&Method::GET, ["internet"]) => {
                json_page(StatusCode::OK, &self.looks.internet.report())
            }
            (&Method::GET, ["topics"]) => json_page(StatusCode::OK, &self.looks.sns.report()),
            _ => json_page(
                StatusCode::NOT_FOUND,
                &json!({"error": "known are PUT|GET /outages, PUT|DELETE /outages/{id}, GET /stats, GET /queues, GET /topics, GET /internet, POST /tokens"}),
            ),
        }
    }

    fn report(&self) -> Value {
        let services: BTreeMap<_, _> =
            self.stats.iter().map(|(name, stats)| (*name, stats.report())).collect();
        json!({
            "services": services,
            "process": process(),
            "clock": { "now_ms": self.clock.now_ms(), "offset_ms": self.clock.offset_ms() },
            "uptime_us": u64::try_from(self.clock.ticks().as_micros()).unwrap_or(u64::MAX),
        })
    }
}

/// CPU time and memory of this process; nulls where `/proc` does not tell.
fn process() -> Value {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat()).ok();
    let per_second = procfs::ticks_per_second().max(1);
    let milliseconds = |ticks: u64| ticks.saturating_mul(1000) / per_second;
    json!({
        "cpu_user_ms": stat.as_ref().map(|stat| milliseconds(stat.utime)),
        "cpu_system_ms": stat.as_ref().map(|stat| milliseconds(stat.stime)),
        "rss_bytes": stat.as_ref().map(|stat| stat.rss_bytes().get()),
        "threads": stat.as_ref().map(|stat| stat.num_threads),
    })
}

fn json_page(status: StatusCode, body: &Value) -> Response<Body> {
    wire::page(status, "application/json", body.to_string())
}

fn refuse(field: &BadField) -> Response<Body> {
    let body = json!({"error": field.to_string(), "field": field.field});
    json_page(StatusCode::BAD_REQUEST, &body)
}

fn gone(id: &str) -> Response<Body> {
    json_page(StatusCode::NOT_FOUND, &json!({"error": format!("no outage `{id}`: it may be over")}))
}

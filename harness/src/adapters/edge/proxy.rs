//! Each request on its way: its size, the rules, the rate of its resource, and then the service. WAF comes before
//! everything that an API Gateway does with a request it has taken in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::connect_info::Connected;
use axum::response::Response;
use axum::serve::IncomingStream;
use bytes::Bytes;
use http::request::Parts;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::EdgeRules;
use super::component::Seen;
use super::firewall::Blocked;
use super::firewall::Look;
use super::tally::Refused;
use super::tally::Tally;
use super::upstream;
use super::upstream::Upstream;
use super::words;
use super::words::Stop;
use crate::adapters::framing;
use crate::adapters::lambda_host::gateway::PAYLOAD_MAX;
use crate::adapters::lambda_host::payload;
use crate::adapters::lambda_host::payload::Unread;
use crate::adapters::lambda_host::tasks::Tasks;
use crate::adapters::token_bucket::Bucket;

/// Request line and header values together (quotas of REST APIs: 10 240 bytes).
pub(super) const HEAD_MAX: usize = 10_240;

/// Everything that the edge knows.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) rules: EdgeRules,
    pub(super) tally: Tally,
    /// Of each resource of the API.
    buckets: Vec<Bucket>,
    upstream: SocketAddr,
    began: Instant,
}

/// A client's connection.
#[derive(Clone, Debug)]
struct Visitor {
    peer: SocketAddr,
    /// Its way on: kept between two requests.
    upstream: Arc<Mutex<Option<Upstream>>>,
}

impl Connected<IncomingStream<'_, TcpListener>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self { peer: *stream.remote_addr(), upstream: Arc::default() }
    }
}

impl Proxy {
    pub(super) fn new(rules: EdgeRules, upstream: SocketAddr) -> Self {
        let throttle = rules.throttle();
        let resources = 0..rules.deployment.routes.len();
        Self {
            tally: Tally::default(),
            buckets: resources.map(|_| Bucket::new(throttle)).collect(),
            upstream,
            began: Instant::now(),
            rules,
        }
    }

    async fn answer(&self, id: &str, visitor: &Visitor, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let (method, path) = (head.method.to_string(), head.uri.path().to_owned());
        let body = payload::read(body, PAYLOAD_MAX).await;
        let stopped = match &body {
            _ if framing::is_ambiguous(&head.headers) => Some((Stop::Broken, None)),
            _ if head_size(&head) > HEAD_MAX => Some((Stop::HeadTooLarge, None)),
            Err(Unread::TooLarge) => Some((Stop::BodyTooLarge, None)),
            Err(Unread::Broken) => Some((Stop::Broken, None)),
            Ok(body) => self.stopped(visitor, &head, body),
        };
        let refused = |stop, by: Option<&Blocked<'_>>, answer: &Response| {
            let status = answer.status().as_u16();
            let by = by.map(|blocked| blocked.by.to_owned());
            self.tally.refused(Refused {
                request_id: id.to_owned(),
                method,
                path,
                status,
                stop,
                by,
            });
        };
        match (stopped, body) {
            (None, Ok(body)) => {
                let mut kept = visitor.upstream.lock().await;
                let way = (visitor.peer.ip(), self.upstream);
                match upstream::send(&mut kept, way, (head, body)).await {
                    Ok(answer) => {
                        self.tally.passed();
                        answer
                    }
                    Err(stop) => {
                        let answer = stop.answer();
                        refused(stop, None, &answer);
                        answer
                    }
                }
            }
            (Some((stop, Some(blocked))), _) => {
                let answer = match &blocked.refusal.custom {
                    Some(custom) => custom.answer(),
                    None => stop.answer(),
                };
                refused(stop, Some(&blocked), &answer);
                answer
            }
            (stopped, _) => {
                let stop = stopped.map_or(Stop::Broken, |(stop, _)| stop);
                let answer = stop.answer();
                refused(stop, None, &answer);
                answer
            }
        }
    }

    /// Why a request that came whole gets no further: a rule, or the rate of its resource.
    fn stopped(
        &self,
        visitor: &Visitor,
        head: &Parts,
        body: &Bytes,
    ) -> Option<(Stop, Option<Blocked<'_>>)> {
        let seen = Seen {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
            peer: visitor.peer.ip(),
        };
        let look = Look { managed: &|_, _| Vec::new(), at: Some(self.began.elapsed()) };
        let decision = self.rules.deployment.firewall.decide(&seen, &look);
        self.tally.matched(&decision.matched);
        if let Some(blocked) = decision.blocked {
            return Some((Stop::Forbidden, Some(blocked)));
        }
        let resource = self.rules.deployment.routes.of(seen.path);
        let Some(bucket) = resource.and_then(|resource| self.buckets.get(resource)) else {
            return Some((Stop::NoResource, None));
        };
        (!bucket.take()).then_some((Stop::Throttled, None))
    }
}

/// Bytes of the request line and of all header values.
fn head_size(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + target + "  HTTP/1.1".len();
    line + head.headers.values().map(http::HeaderValue::len).sum::<usize>()
}

/// Serves until `cancel`; the address where.
pub(super) async fn serve(
    proxy: Arc<Proxy>,
    bind: SocketAddr,
    (tasks, cancel): (&Tasks, CancellationToken),
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    let app = Router::new().fallback(handle).with_state(proxy);
    let app = app.into_make_service_with_connect_info::<Visitor>();
    tasks.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, app).into_future() => {
                if let Err(error) = served {
                    tracing::warn!(%error, "the edge ended");
                }
            }
            () = cancel.cancelled() => {}
        }
    });
    Ok(address)
}

async fn handle(
    State(proxy): State<Arc<Proxy>>,
    ConnectInfo(visitor): ConnectInfo<Visitor>,
    request: Request,
) -> Response {
    let id = Uuid::new_v4().to_string();
    let answer = proxy.answer(&id, &visitor, request).await;
    words::stamp(&id, answer)
}

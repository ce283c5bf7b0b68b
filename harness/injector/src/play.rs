//! One call through the injector: who calls what, which rules hit, and what the caller then sees.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tower::{Service, ServiceExt as _};
use uuid::Uuid;

use crate::active::Active;
use crate::body::{Readable, ReplyBody, RequestBody};
use crate::catalogue::{ErrorShape, Service as Described};
use crate::clock::pause;
use crate::draw::{self, Purpose};
use crate::frames;
use crate::identify::{self, Target};
use crate::injector::{Entry, Hit, Injector, jittered};
use crate::key::Attempt;
use crate::ledger::Fate;
use crate::rule::Verb;
use crate::wire;

/// The largest body that is read for a rule: S3 takes parts of 64 MiB from Manuel's clients.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E> {
    /// The service's own failure.
    #[error(transparent)]
    Inner(E),
    /// A fault closes the connection.
    #[error("the connection was closed by a fault")]
    Cut,
}

/// What stands behind the injector.
pub(crate) trait Inner<I, B>:
    Service<Request<RequestBody<I>>, Response = Response<B>>
{
}

impl<S: Service<Request<RequestBody<I>>, Response = Response<B>>, I, B> Inner<I, B> for S {}

/// What a call answers.
pub(crate) type Played<B, E> = Result<Response<ReplyBody<B>>, Failure<E>>;

/// The call that is played.
struct Call<'a, S> {
    injector: &'a Injector,
    service: &'a Described,
    inner: S,
    parts: Parts,
    target: Target,
    attempt: Attempt,
}

/// Plays one call of `service` before `inner`.
pub(crate) async fn play<S, I: Readable, B: Readable>(
    injector: Injector,
    service: Arc<str>,
    mut inner: S,
    request: Request<I>,
) -> Played<B, S::Error>
where
    S: Inner<I, B>,
{
    if !injector.is_armed() || injector.spares(request.headers()) {
        return pass(&mut inner, request.map(RequestBody::Live)).await;
    }
    let rules = injector.rules_of(&service);
    let faults = injector.faults().are_on();
    let Some(described) =
        injector.catalogue().service(&service).filter(|_| faults || !rules.is_empty())
    else {
        return pass(&mut inner, request.map(RequestBody::Live)).await;
    };
    let (parts, body) = request.into_parts();
    let (body, bytes) = if identify::needs_body(described)
        || rules.iter().any(|active| active.rule.reads_the_body())
    {
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            // A caller that broke off, or a body that the service would refuse as well.
            return Err(Failure::Cut);
        };
        let bytes = body.to_bytes();
        (RequestBody::read(bytes.clone()), bytes)
    } else {
        (RequestBody::Live(body), Bytes::new())
    };
    let Some(target) =
        identify::target(described, &parts, &bytes).or_else(|| identify::page(&parts))
    else {
        return pass(&mut inner, Request::from_parts(parts, body)).await;
    };
    let attempt = injector.attempt(&service, &target, &parts.headers);
    let mut call = Call { injector: &injector, service: described, inner, parts, target, attempt };
    if faults && let Some(answer) = call.localstack().await {
        return Ok(answer);
    }
    call.hit(&rules, (body, bytes)).await
}

async fn pass<S, I, B>(inner: &mut S, request: Request<RequestBody<I>>) -> Played<B, S::Error>
where
    S: Inner<I, B>,
{
    let inner = inner.ready().await.map_err(Failure::Inner)?;
    Ok(inner.call(request).await.map_err(Failure::Inner)?.map(ReplyBody::Inner))
}

impl<S> Call<'_, S> {
    /// A fault of the LocalStack API, if one strikes.
    async fn localstack<B>(&mut self) -> Option<Response<ReplyBody<B>>> {
        let (faults, now) = (self.injector.faults(), self.injector.clock().ticks());
        let latency = faults.latency(now);
        if !latency.is_zero() {
            pause(latency).await;
        }
        let operation = self.target.operation.clone();
        let region = identify::region(&self.parts);
        let struck = faults.strike((&self.service.name, &operation, region), now)?;
        let verb = format!("error {} ({})", struck.error.code, struck.error.status);
        self.injector.note_fault(&verb, &self.attempt, (&self.service.name, &self.target));
        Some(self.error(&struck.error, 0).map(ReplyBody::whole))
    }

    async fn hit<I: Readable, B: Readable>(
        &mut self,
        rules: &[Arc<Active>],
        (body, bytes): (RequestBody<I>, Bytes),
    ) -> Played<B, S::Error>
    where
        S: Inner<I, B>,
    {
        let mut hits =
            self.injector.decide(rules, &self.attempt, (&self.target, &self.parts.headers));
        let last = hits.pop_if(|hit| !hit.verb().is_modifier());
        let mut skew_ms = None;
        for hit in hits {
            let mut entry = self.entry(&hit);
            if let Verb::SkewDate { offset_ms } = *hit.verb() {
                skew_ms = Some(offset_ms);
                entry.had_effect();
                entry.end(Fate::Answered);
            } else if let Verb::Delay { span, jitter } = *hit.verb() {
                hit.active.ended.run_until_cancelled(pause(self.delay(&hit, span, jitter))).await;
                entry.had_effect();
                entry.end(Fate::Delayed);
            }
        }
        let memory = rules.iter().find(|active| self.remembers(active)).cloned();
        let request = fingerprint(memory.is_some(), &self.parts, &bytes);
        let answer = match last {
            Some(hit) => self.fault(&hit, (body, bytes), &request, skew_ms.unwrap_or(0)).await,
            None => self.deliver(body).await,
        };
        let answer = match (answer, memory) {
            (Ok(answer), Some(memory)) => Ok(self.remember(&memory, request, answer).await),
            (answer, _) => answer,
        };
        answer.map(|mut answer| {
            if let Some(offset) = skew_ms {
                set_date(&mut answer, self.now(offset));
            }
            answer
        })
    }

    /// What `hit` makes of the call.
    async fn fault<I: Readable, B: Readable>(
        &mut self,
        hit: &Hit,
        (body, bytes): (RequestBody<I>, Bytes),
        request: &[u8; 32],
        skew_ms: i64,
    ) -> Played<B, S::Error>
    where
        S: Inner<I, B>,
    {
        match hit.verb() {
            Verb::Error(shape) | Verb::Limit { error: shape, .. } => {
                drain(body).await;
                self.entry(hit).end(Fate::Answered);
                Ok(self.error(shape, skew_ms).map(ReplyBody::whole))
            }
            Verb::OkWithError(shape) => {
                drain(body).await;
                self.entry(hit).end(Fate::Answered);
                let answer = self.context(skew_ms, |context| wire::ok_with_error(shape, context));
                Ok(answer.map(ReplyBody::whole))
            }
            Verb::Status(status) => {
                drain(body).await;
                self.entry(hit).end(Fate::Answered);
                Ok(bare(*status))
            }
            Verb::Stale(age) => {
                let now = self.injector.clock().ticks();
                let Some(old) = hit.active.older_answer(request, *age, now) else {
                    return self.deliver(body).await;
                };
                self.entry(hit).end(Fate::Answered);
                Ok(old.map(ReplyBody::whole))
            }
            Verb::Duplicate(times) => self.duplicate(hit, *times, bytes).await,
            Verb::LoseReply
            | Verb::FailAfterEffect(_)
            | Verb::Truncate(_)
            | Verb::Garbage
            | Verb::Stream { .. } => self.after_effect(hit, body, skew_ms).await,
            // Modifiers have been played by now.
            Verb::Delay { .. } | Verb::SkewDate { .. } => self.deliver(body).await,
        }
    }

    /// Faults that come after the call had its effect. A caller that hangs up meanwhile is told in the ledger.
    async fn after_effect<I: Readable, B: Readable>(
        &mut self,
        hit: &Hit,
        body: RequestBody<I>,
        skew_ms: i64,
    ) -> Played<B, S::Error>
    where
        S: Inner<I, B>,
    {
        let mut entry = self.entry(hit);
        let answer = self.deliver(body).await?;
        entry.had_effect();
        let (mut parts, body) = answer.into_parts();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            return Err(Failure::Cut);
        };
        if let Verb::FailAfterEffect(shape) = hit.verb() {
            entry.end(Fate::Answered);
            return Ok(self.error(shape, skew_ms).map(ReplyBody::whole));
        }
        if let Verb::Truncate(share) = hit.verb() {
            entry.end(Fate::Cut);
            return Ok(Response::from_parts(parts, truncated(&body, *share)));
        }
        let whole = if let Verb::Stream { error, after } = hit.verb() {
            frames::interrupted(&body, *after, &wire::stream_exception(error))
        } else if matches!(hit.verb(), Verb::Garbage) {
            parts.headers.remove("x-amz-crc32");
            Bytes::from_static(b"{\"\x00<not what it should be")
        } else {
            entry.end(Fate::Cut);
            return Err(Failure::Cut);
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        entry.end(Fate::Answered);
        Ok(Response::from_parts(parts, ReplyBody::whole(whole)))
    }

    async fn duplicate<I, B: Readable>(
        &mut self,
        hit: &Hit,
        times: u32,
        bytes: Bytes,
    ) -> Played<B, S::Error>
    where
        S: Inner<I, B>,
    {
        let mut entry = self.entry(hit);
        let first = self.deliver(RequestBody::read(bytes.clone())).await?;
        entry.had_effect();
        for _ in 1..times {
            let again: Response<ReplyBody<B>> =
                self.deliver(RequestBody::read(bytes.clone())).await?;
            if again.into_body().collect().await.is_err() {
                tracing::debug!("a duplicate's answer broke off");
            }
        }
        entry.end(Fate::Answered);
        Ok(first)
    }

    /// The call as it came.
    async fn deliver<I, B>(&mut self, body: RequestBody<I>) -> Played<B, S::Error>
    where
        S: Inner<I, B>,
    {
        let request = Request::from_parts(self.parts.clone(), body);
        pass(&mut self.inner, request).await
    }

    async fn remember<B: Readable>(
        &self,
        memory: &Active,
        request: [u8; 32],
        answer: Response<ReplyBody<B>>,
    ) -> Response<ReplyBody<B>> {
        let (parts, body) = answer.into_parts();
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            let body = ReplyBody::cut(None, 1);
            return Response::from_parts(parts, body);
        };
        if parts.status.is_success() {
            let answer = Response::from_parts(parts.clone(), body.clone());
            memory.remember(request, answer, self.injector.clock().ticks());
        }
        Response::from_parts(parts, ReplyBody::whole(body))
    }

    fn remembers(&self, active: &Active) -> bool {
        matches!(active.rule.verb, Verb::Stale(_))
            && active.rule.is_about(&self.target, &self.parts.headers)
    }

    fn entry(&self, hit: &Hit) -> Entry {
        self.injector.entry(hit, &self.attempt, (&self.service.name, &self.target))
    }

    fn delay(&self, hit: &Hit, span: Duration, jitter: Duration) -> Duration {
        if jitter.is_zero() {
            return span;
        }
        let (rule, seed) = (&hit.active.rule.name, self.injector.seed());
        let (sequence, _) = hit.active.counts();
        jittered(span, jitter, draw::unit(seed, rule, &self.attempt, sequence, Purpose::Jitter))
    }

    fn now(&self, skew_ms: i64) -> OffsetDateTime {
        let now = self.injector.clock().wall();
        now.checked_add(time::Duration::milliseconds(skew_ms)).unwrap_or(now)
    }

    fn error(&self, shape: &ErrorShape, skew_ms: i64) -> Response<Bytes> {
        self.context(skew_ms, |context| wire::error(shape, context))
    }

    fn context<T>(&self, skew_ms: i64, spell: impl FnOnce(&wire::Context<'_>) -> T) -> T {
        let request_id = Uuid::new_v4().to_string();
        spell(&wire::Context {
            service: self.service,
            protocol: wire::caller_protocol(self.service, &self.parts.headers),
            operation: &self.target.operation,
            resource: self.target.resource.as_deref(),
            request_id: &request_id,
            date: self.now(skew_ms),
            method: &self.parts.method,
        })
    }
}

/// This share of `body`; one that comes whole would be no fault, so at least the last byte is missing.
fn truncated<B>(body: &Bytes, share: f64) -> ReplyBody<B> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length that fits memory"
    )]
    let kept = (body.len() as f64 * share) as usize;
    let kept = kept.min(body.len().saturating_sub(1));
    let declared = u64::try_from(body.len()).unwrap_or(u64::MAX);
    ReplyBody::cut((kept > 0).then(|| body.slice(..kept)), declared.max(1))
}

/// Reads what is left of a request, within bounds, so that its sender sees the answer rather than a reset.
async fn drain<I: Readable>(body: RequestBody<I>) {
    if Limited::new(body, MAX_BODY).collect().await.is_err() {
        tracing::debug!("a refused request broke off");
    }
}

/// SHA-256 of what makes two requests the same read; not computed where nobody asks.
fn fingerprint(asked: bool, parts: &Parts, body: &[u8]) -> [u8; 32] {
    if !asked {
        return [0; 32];
    }
    let mut hash = Sha256::new();
    hash.update(parts.method.as_str());
    hash.update(parts.uri.to_string());
    for name in ["x-amz-target", "range"] {
        hash.update(parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes));
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().into()
}

fn bare<B>(status: u16) -> Response<ReplyBody<B>> {
    let mut response = Response::new(ReplyBody::whole(Bytes::new()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response
}

fn set_date<B>(response: &mut Response<B>, date: OffsetDateTime) {
    if let Some(value) = wire::http_date(date) {
        response.headers_mut().insert(header::DATE, value);
    }
}

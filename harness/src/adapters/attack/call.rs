//! One request as the attacker, and what came back: with his good token and signature, unless the attack says otherwise.

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use manuel_client::AfterWrite;
use manuel_client::Auth;
use manuel_client::Encoded;
use manuel_client::PrepareError;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::Signing;
use manuel_client::TransportReason;
use manuel_client::WireEnd;
use std::time::Duration;

use super::AttackError;
use super::seen::Answered;
use super::seen::Got;
use super::seen::Role;
use super::send::Shot;
use crate::adapters::embedded_stage::clock;

/// Bound of what is said on a socket: the end of an answer closes it.
const SOCKET: Duration = Duration::from_secs(30);

/// What differs from a good call.
#[derive(Debug, Default)]
pub(super) struct Bent {
    /// Headers that replace ours.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Without a token of ours.
    pub(super) anonymous: bool,
    /// Without a signature of ours.
    pub(super) unsigned: bool,
}

/// Sends `request` once; what the contract asks of a good call is in it, but for what is bent.
pub(super) async fn call(
    shot: &Shot<'_>,
    role: Role,
    request: Request,
    bent: Bent,
) -> Result<Answered, AttackError> {
    let (arena, cast) = (shot.arena, shot.cast);
    let failed = |call: String, source| AttackError::Prepare {
        attack: shot.attack.name.clone(),
        call,
        source: Box::new(source),
    };
    let encoded = Encoded::new(&request)
        .map_err(|source| failed(request.kind().to_owned(), PrepareError::Encode { source }))?;
    let name = format!("{} {}", request.method(), encoded.path());
    let time = clock::signing_time(arena.clock_file().as_deref());
    let options = SendOptions {
        auth: if bent.anonymous { Auth::Anonymous } else { Auth::Access(&cast.attacker.session) },
        signing: if bent.unsigned {
            Signing::Missing
        } else {
            Signing::Proper { signer: &arena.signer, user: &cast.attacker.sub, time }
        },
        traceparent: None,
        extra_headers: bent.headers,
    };
    let prepared =
        cast.client.prepare(&encoded, &options).map_err(|source| failed(name.clone(), source))?;
    let got = match cast.client.send(&prepared, &|| 0).await {
        Ok(exchange) => Got::Answer(Box::new(exchange)),
        Err(failure)
            if matches!(failure.fault.reason, TransportReason::Closed | TransportReason::Reset) =>
        {
            Got::Closed
        }
        Err(failure) => Got::Nothing(failure.to_string()),
    };
    Ok(Answered { role, call: name, request, got })
}

/// A good call that has to succeed: the attack is nothing without it.
pub(super) async fn good_call(
    shot: &Shot<'_>,
    request: Request,
    expected: u16,
) -> Result<Answered, AttackError> {
    let answered = call(shot, Role::Before, request, Bent::default()).await?;
    match answered.exchange() {
        Some(exchange) if exchange.status == expected => Ok(answered),
        _ => Err(AttackError::Unprepared {
            attack: shot.attack.name.clone(),
            what: format!("{} with {expected}", answered.call),
            seen: answered.got.to_string(),
        }),
    }
}

/// A `POST` with a JSON body.
pub(super) fn post(path: &str, body: &serde_json::Value, signed: bool) -> Request {
    Request::Raw {
        method: Method::POST,
        path_and_query: path.to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from(body.to_string()),
        signed,
    }
}

/// Anything without a body.
pub(super) fn bare(method: Method, path: String, signed: bool) -> Request {
    let body = Bytes::new();
    Request::Raw { method, path_and_query: path, content_type: None, body, signed }
}

/// Bytes on a connection of their own. What comes back is the answer to the attack; where a health check stood behind
/// it, its answer too; and what nobody asked for.
pub(super) async fn write(
    shot: &Shot<'_>,
    bytes: &[u8],
    after: AfterWrite,
    followed: bool,
) -> Result<Vec<Answered>, AttackError> {
    let written = shot.cast.client.send_bytes(bytes, after, SOCKET, &|| 0).await;
    let seen =
        written.map_err(|source| AttackError::Wire { attack: shot.attack.name.clone(), source })?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line: String = String::from_utf8_lossy(line).trim_end().chars().take(80).collect();
    let one = |role, got| Answered {
        role,
        call: if role == Role::Behind { "GET /health".to_owned() } else { line.clone() },
        request: bare(Method::GET, "/".to_owned(), false),
        got,
    };
    let count = seen.answers.len();
    let mut answers: Vec<Answered> = Vec::new();
    for (place, exchange) in seen.answers.into_iter().enumerate() {
        let last = place + 1 == count;
        let role = if place == 0 {
            Role::Attack
        } else if last && followed && is_health(&exchange.body) {
            Role::Behind
        } else {
            Role::Unasked
        };
        answers.push(one(role, Got::Answer(Box::new(exchange))));
    }
    match (answers.is_empty(), seen.rest.is_empty(), seen.end) {
        (true, true, WireEnd::Closed | WireEnd::Reset) => {
            answers.push(one(Role::Attack, Got::Closed));
        }
        (false, true, WireEnd::Closed | WireEnd::Reset) => {}
        (_, _, WireEnd::Open) => {
            let why = format!("the connection was still open after {} s", SOCKET.as_secs());
            answers.push(one(Role::Attack, Got::Nothing(why)));
        }
        (_, false, _) => {
            let rest: String = String::from_utf8_lossy(&seen.rest).chars().take(80).collect();
            answers.push(one(Role::Attack, Got::Nothing(format!("no whole answer: {rest:?}"))));
        }
    }
    Ok(answers)
}

fn is_health(body: &[u8]) -> bool {
    serde_json::from_slice::<manuel_client::answers::HealthAnswer>(body).is_ok()
}

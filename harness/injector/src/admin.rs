//! The injector's own interface, JSON over HTTP, on a port that no AWS client knows.
//!
//! | call | does |
//! |---|---|
//! | `GET /` | seed, ledger, kill switch, number of rules |
//! | `GET /targets` | every service with its operations and errors |
//! | `GET /rules` | the rules that are on: lease left, attempts seen, attempts hit |
//! | `POST /rules` | puts one rule on, or an array of them: all or none (201) |
//! | `DELETE /rules`, `DELETE /rules/{name}` | ends all, LocalStack's among them, or one |
//! | `PUT /rules/{name}/lease`, `PUT /owners/{owner}/lease` | `{"ttl_ms"}`: renews one, or all of an owner's |
//! | `DELETE /owners/{owner}` | ends all of an owner's |
//! | `GET /activity?since=SEQ&limit=N` | injections after number SEQ, oldest first, at most N (1000) |
//! | `PUT /seed` | `{"seed"}`: draws are made from it from now on |
//! | `PUT /kill-switch`, `DELETE /kill-switch` | ends everything and refuses new rules; allows them again |
//! | `/_localstack/chaos/faults`, `/_localstack/chaos/effects` | LocalStack's Chaos API, see `localstack` |
//!
//! Errors are 400 `{"error", "field"}` for what cannot be read, 404, 405, 409 for a name that is taken or a kill switch
//! that is on, 413 for a body over 1 MiB.
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::body::BodyError;
use crate::injector::{Injector, Refused};
use crate::localstack::{self, Effects, Fault};
use crate::rule::{BadField, RuleSpec};

const MAX_BODY: usize = 1024 * 1024;
const MAX_ACTIVITY: usize = 10_000;

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lease {
    ttl_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    seed: u64,
}

/// An answer that is an error.
type Refusal = Box<Response<Bytes>>;

/// Answers one request of this interface.
pub async fn answer<I>(injector: Injector, request: Request<I>) -> Response<Bytes>
where
    I: Body<Data = Bytes, Error: Into<BodyError>>,
{
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let text = format!("the body is over {MAX_BODY} bytes");
            return *error_page(StatusCode::PAYLOAD_TOO_LARGE, None, &text);
        }
        Err(error) => {
            let text = format!("the body broke off: {error}");
            return *error_page(StatusCode::BAD_REQUEST, Some("body"), &text);
        }
    };
    let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
    let answered = match path.as_slice() {
        ["_localstack", "chaos", what] => chaos(&injector, &parts.method, what, &body),
        _ => own(&injector, &parts.method, &path, (parts.uri.query(), &body)),
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

fn own(
    injector: &Injector,
    method: &Method,
    path: &[&str],
    (query, body): (Option<&str>, &Bytes),
) -> Result<Response<Bytes>, Refusal> {
    match (method.as_str(), path) {
        ("GET", [""]) => Ok(page(StatusCode::OK, &injector.state())),
        ("GET", ["targets"]) => Ok(page(StatusCode::OK, &targets(injector))),
        ("GET", ["rules"]) => Ok(page(StatusCode::OK, &json!({ "rules": injector.list() }))),
        ("POST", ["rules"]) => {
            let many = rules(body)?;
            let names: Vec<String> = many.iter().map(|spec| spec.name.clone()).collect();
            injector.add(many).map_err(|refused| refusal(&refused))?;
            Ok(page(StatusCode::CREATED, &json!({ "added": names })))
        }
        ("DELETE", ["rules"]) => Ok(ended(injector.clear())),
        ("DELETE", ["rules", name]) => found(injector.end(|spec| spec.name == *name), name),
        ("DELETE", ["owners", owner]) => {
            Ok(ended(injector.end(|spec| spec.owner.as_deref() == Some(*owner))))
        }
        ("PUT", ["rules", name, "lease"]) => {
            let ttl_ms = read::<Lease>(body)?.ttl_ms;
            let renewed = injector.renew(ttl_ms, |spec| spec.name == *name);
            found(renewed.map_err(|field| bad(&field))?, name)
        }
        ("PUT", ["owners", owner, "lease"]) => {
            let ttl_ms = read::<Lease>(body)?.ttl_ms;
            let renewed = injector.renew(ttl_ms, |spec| spec.owner.as_deref() == Some(*owner));
            let renewed = renewed.map_err(|field| bad(&field))?;
            Ok(page(StatusCode::OK, &json!({ "renewed": renewed })))
        }
        ("GET", ["activity"]) => activity(injector, query),
        ("PUT", ["seed"]) => {
            injector.set_seed(read::<Seed>(body)?.seed);
            Ok(page(StatusCode::OK, &json!({ "seed": injector.seed() })))
        }
        ("PUT" | "DELETE", ["kill-switch"]) => {
            injector.kill(method == Method::PUT);
            Ok(page(StatusCode::OK, &json!({ "killed": injector.is_killed() })))
        }
        (_, ["" | "targets" | "rules" | "activity" | "seed" | "kill-switch"]) => Err(not_allowed()),
        _ => Err(error_page(
            StatusCode::NOT_FOUND,
            None,
            "known are /, /targets, /rules, /rules/{name}, /rules/{name}/lease, /owners/{owner}, \
             /owners/{owner}/lease, /activity, /seed, /kill-switch, /_localstack/chaos/{faults,effects}",
        )),
    }
}

fn chaos(
    injector: &Injector,
    method: &Method,
    what: &str,
    body: &Bytes,
) -> Result<Response<Bytes>, Refusal> {
    let (faults, now) = (injector.faults(), injector.clock().ticks());
    let given = || {
        let rules: Vec<Fault> = read(body)?;
        localstack::check(&rules, injector.catalogue()).map_err(|field| bad(&field))?;
        if injector.is_killed() {
            return Err(refusal(&Refused::Killed));
        }
        Ok(rules)
    };
    let rules = match (what, method.as_str()) {
        ("faults", "GET") => faults.change(now, |_| {}),
        ("faults", "POST") => {
            let new = given()?;
            faults.change(now, |rules| *rules = new)
        }
        ("faults", "PATCH") => {
            let more = given()?;
            faults.change(now, |rules| rules.extend(more))
        }
        ("faults", "DELETE") => {
            let these: Vec<Fault> = read(body)?;
            faults.change(now, |rules| rules.retain(|rule| !these.contains(rule)))
        }
        ("effects", "GET") => return Ok(page(StatusCode::OK, &json!(faults.effects(now, None)))),
        ("effects", "POST") => {
            let effects: Effects = read(body)?;
            localstack::check_effects(effects).map_err(|field| bad(&field))?;
            if injector.is_killed() {
                return Err(refusal(&Refused::Killed));
            }
            return Ok(page(StatusCode::OK, &json!(faults.effects(now, Some(effects)))));
        }
        ("faults" | "effects", _) => return Err(not_allowed()),
        _ => {
            let text = "known are /_localstack/chaos/faults and /_localstack/chaos/effects";
            return Err(error_page(StatusCode::NOT_FOUND, None, text));
        }
    };
    Ok(page(StatusCode::OK, &json!(rules)))
}

/// One rule or an array of them. Not by serde's untagged enum alone: its error would not name the field.
fn rules(body: &Bytes) -> Result<Vec<RuleSpec>, Refusal> {
    let many = match read::<OneOrMany>(body)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => vec![one],
    };
    let specs = many.into_iter().enumerate().map(|(index, value)| {
        serde_json::from_value(value).map_err(|error| {
            let text = format!("rule {}: {error}", index + 1);
            error_page(StatusCode::BAD_REQUEST, quoted(&error.to_string()), &text)
        })
    });
    specs.collect()
}

fn activity(injector: &Injector, query: Option<&str>) -> Result<Response<Bytes>, Refusal> {
    let (mut since, mut limit) = (0, 1000);
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let number = value.parse::<u64>().map_err(|_not_one| {
            let text = format!("`{name}` is `{value}`; expected a number");
            error_page(StatusCode::BAD_REQUEST, Some(&name), &text)
        });
        match name.as_ref() {
            "since" => since = number?,
            "limit" => limit = usize::try_from(number?).unwrap_or(MAX_ACTIVITY).min(MAX_ACTIVITY),
            _ => {
                let text = format!("`{name}` is no parameter; known are since and limit");
                return Err(error_page(StatusCode::BAD_REQUEST, Some(&name), &text));
            }
        }
    }
    let lines = injector.ledger().recent(since, limit);
    let (written, lost) = injector.ledger().counts();
    Ok(page(StatusCode::OK, &json!({ "activity": lines, "written": written, "lost": lost })))
}

fn targets(injector: &Injector) -> Value {
    let services = injector.catalogue().services().map(|service| {
        let errors =
            service.errors().map(|error| json!({ "code": error.code, "status": error.status }));
        json!({
            "service": service.name,
            "operations": service.operations,
            "errors": errors.collect::<Vec<_>>(),
        })
    });
    json!({ "services": services.collect::<Vec<_>>() })
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let told = error.to_string();
        let text = format!("the body is not what was expected: {told}");
        error_page(StatusCode::BAD_REQUEST, quoted(&told).or(Some("body")), &text)
    })
}

/// The first name in backquotes of serde's message: the field.
fn quoted(text: &str) -> Option<&str> {
    let name = text.split('`').nth(1)?;
    (name.starts_with(|c: char| c.is_ascii_alphabetic()) && text.contains("field")).then_some(name)
}

fn ended(rules: usize) -> Response<Bytes> {
    page(StatusCode::OK, &json!({ "ended": rules }))
}

fn found(rules: usize, name: &str) -> Result<Response<Bytes>, Refusal> {
    if rules == 0 {
        let text = format!("no rule `{name}` is on: its lease may have ended");
        return Err(error_page(StatusCode::NOT_FOUND, None, &text));
    }
    Ok(page(StatusCode::OK, &json!({ "rule": name })))
}

fn refusal(refused: &Refused) -> Refusal {
    let (status, field) = match refused {
        Refused::Field(_, field) => (StatusCode::BAD_REQUEST, Some(field.field.as_str())),
        Refused::TooMany => (StatusCode::BAD_REQUEST, None),
        Refused::Taken(_) => (StatusCode::CONFLICT, Some("name")),
        Refused::Killed => (StatusCode::CONFLICT, None),
    };
    error_page(status, field, &refused.to_string())
}

fn bad(field: &BadField) -> Refusal {
    error_page(StatusCode::BAD_REQUEST, Some(&field.field), &field.to_string())
}

fn not_allowed() -> Refusal {
    error_page(StatusCode::METHOD_NOT_ALLOWED, None, "this path does not take this method")
}

fn error_page(status: StatusCode, field: Option<&str>, text: &str) -> Refusal {
    let mut body = json!({ "error": text });
    if let Some(field) = field {
        body["field"] = field.into();
    }
    Box::new(page(status, &body))
}

fn page(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

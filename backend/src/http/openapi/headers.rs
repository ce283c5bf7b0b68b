//! The headers of answers: those that every answer has, and those that go with a status.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Components, Header, Ref, RefOr, Response};

use super::schemas::UUID;

/// On every answer, in the words of the document.
const ON_EVERY_ANSWER: [(&str, &str, &str); 11] = [
    ("X-Request-Id", UUID, "The id of this request, as in the log and in error bodies."),
    ("X-Manuel-Version", "^([0-9a-f]{7,40}(-dirty)?|unknown)$", "The commit this was built from."),
    (
        "Server-Timing",
        r"^own;dur=[0-9]+\.[0-9]{3}, dep;dur=[0-9]+\.[0-9]{3}$",
        "Own time and time waited for dependencies, in ms.",
    ),
    ("Strict-Transport-Security", "^max-age=[0-9]+; includeSubDomains$", "HTTPS only."),
    ("X-Content-Type-Options", "^nosniff$", "Types are not guessed."),
    ("X-Frame-Options", "^DENY$", "Not to be framed."),
    ("Content-Security-Policy", "^default-src 'none'", "Nothing is loaded by an answer."),
    ("Referrer-Policy", "^no-referrer$", "No address goes elsewhere."),
    ("Cache-Control", "^no-store$", "Nothing is kept."),
    ("Cross-Origin-Resource-Policy", "^same-site$", "Not for other sites."),
    ("Vary", "origin", "Answers differ by origin."),
];

const RETRY_AFTER: &str = "Retry-After";
const WWW_AUTHENTICATE: &str = "WWW-Authenticate";
const TRACEPARENT: &str = "traceparent";

/// Puts the headers among the components.
pub(super) fn add_to(components: &mut Components) {
    let patterned = |(name, pattern, says): (&str, &str, &str)| {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
        (name.to_owned(), header(schema, says))
    };
    let mut headers: BTreeMap<String, RefOr<Header>> =
        ON_EVERY_ANSWER.into_iter().map(patterned).collect();
    let scheme = (WWW_AUTHENTICATE, "^Bearer$", "How to authenticate.");
    headers.extend([patterned(scheme)]);
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1));
    let says =
        "Seconds after which the call may be made again: 1–60, or a quota's time to its reset.";
    headers.insert(RETRY_AFTER.to_owned(), header(seconds, says));
    components.headers = headers;
    components.parameters.insert(TRACEPARENT.to_owned(), traceparent().into());
}

/// Has an operation refer to its headers, of requests and of answers.
pub(super) fn refer_in(operation: &mut Operation) {
    let parameter = Ref::new(format!("#/components/parameters/{TRACEPARENT}"));
    operation.parameters.get_or_insert_default().push(RefOr::Ref(parameter));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            refer_in_response(response, status);
        }
    }
}

/// Has an answer refer to its headers.
pub(super) fn refer_in_response(response: &mut Response, status: &str) {
    let always = ON_EVERY_ANSWER.iter().map(|(name, _, _)| *name);
    let for_status: &[&str] = match status {
        "401" => &[WWW_AUTHENTICATE],
        "429" | "503" | "504" => &[RETRY_AFTER],
        _ => &[],
    };
    for name in always.chain(for_status.iter().copied()) {
        let reference = Ref::new(format!("#/components/headers/{name}"));
        response.headers.insert(name.to_owned(), RefOr::Ref(reference));
    }
}

fn header(schema: ObjectBuilder, says: &str) -> RefOr<Header> {
    HeaderBuilder::new().schema(Some(schema)).description(Some(says)).build().into()
}

fn traceparent() -> Parameter {
    ParameterBuilder::new()
        .name(TRACEPARENT)
        .parameter_in(ParameterIn::Header)
        .description(Some("W3C trace context, continued; one that cannot be read is ignored."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()))
        .build()
}

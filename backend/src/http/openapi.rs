//! The OpenAPI document, from the handlers: each has its `#[utoipa::path(..)]`, and a route without one cannot be composed
//! (`router`). What all operations share is added here: headers, the shape of errors, security schemes, pre-flights.
//!
//! `docs/openapi.json` is this document; `UPDATE_OPENAPI=1 cargo test -p backend openapi` writes it.

pub(super) mod causes;
pub(super) mod fails;
mod headers;
pub(super) mod schemas;

use std::collections::BTreeMap;
use std::mem;

use serde_json::Value;
use utoipa::PartialSchema as _;
use utoipa::openapi::example::Example;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, InfoBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Server, Tag,
};

use crate::VERSION;
use crate::http::error::{ApiError, ErrorBody, tell};
use crate::http::router;
use fails::ERROR_SCHEMA;

const DESCRIPTION: &str = "Questions about product manuals, answered from the user's own manuals, with citations.\n\n\
    Errors have one flat shape (`Error`): a sentence for a person and a `code` that stays. `retryable` says whether the same \
    call may succeed later, `retry_after` and the header `Retry-After` when, in seconds. Each operation lists its codes; an \
    address that does not exist answers 404 `no_such_route`, another method than those listed 405 `method_not_allowed`.\n\n\
    What changes state is signed: `X-Manuel-Signature` = hex HMAC-SHA256(key, timestamp + \"\\n\" + METHOD + \"\\n\" + path + \
    \"\\n\" + hex SHA-256(body)), the timestamp being `X-Manuel-Timestamp`. A signature works once: who repeats an identical \
    request takes the next second.";

/// The whole document.
pub fn document() -> OpenApi {
    let mut document = router::documented().into_openapi();
    document.info =
        InfoBuilder::new().title("Manuel").version(VERSION).description(Some(DESCRIPTION)).build();
    document.servers = Some(vec![Server::new("/")]);
    document.tags = Some(tags());
    let components = document.components.get_or_insert_default();
    components.schemas.insert(ERROR_SCHEMA.to_owned(), ErrorBody::schema());
    add_security(components);
    add_general_errors(components);
    headers::add_to(components);
    for item in document.paths.paths.values_mut() {
        item.options = Some(preflight(item));
        for operation in operations(item) {
            headers::refer_in(operation);
        }
    }
    name_codes(&mut document);
    document
}

fn tags() -> Vec<Tag> {
    [
        ("questions", "Questions, typed and spoken."),
        ("manuals", "The user's manuals."),
        ("ingestion", "How far the indexing is."),
        ("user", "What was used and what is left."),
        ("service", "The service itself."),
    ]
    .map(|(name, says)| TagBuilder::new().name(name).description(Some(says)).build())
    .into()
}

fn add_security(components: &mut Components) {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of the user pool: RS256, of our client, not expired."))
        .build();
    let key = |name, says: &str| {
        RefOr::T(SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, says))))
    };
    components.security_schemes.extend([
        ("token".to_owned(), RefOr::T(SecurityScheme::Http(token))),
        (
            "timestamp".to_owned(),
            key("X-Manuel-Timestamp", "Unix seconds, at most 300 s from the service's clock."),
        ),
        (
            "signature".to_owned(),
            key("X-Manuel-Signature", "Hex HMAC-SHA256 over timestamp, method, path and body."),
        ),
    ]);
}

/// What the router answers by itself; no operation has it.
fn add_general_errors(components: &mut Components) {
    for (name, error) in
        [("NoSuchRoute", ApiError::NoSuchRoute), ("MethodNotAllowed", ApiError::MethodNotAllowed)]
    {
        let told = tell(&error);
        let mut response = fails::response(&BTreeMap::from([(told.code, told)]));
        headers::refer_in_response(&mut response, "4XX");
        components.responses.insert(name.to_owned(), response.into());
    }
}

fn preflight(item: &PathItem) -> Operation {
    let first = [&item.get, &item.post, &item.delete].into_iter().flatten().next();
    let name = first.and_then(|operation| operation.operation_id.as_deref()).unwrap_or_default();
    let parameters = first.and_then(|operation| operation.parameters.clone()).unwrap_or_default();
    // A pre-flight is answered whatever stands in the path.
    let anything = || RefOr::from(ObjectBuilder::new().schema_type(Type::String));
    let of_path = parameters.into_iter().filter_map(|parameter| match parameter {
        RefOr::T(mut known) if known.parameter_in == ParameterIn::Path => {
            known.schema = Some(anything());
            Some(known)
        }
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    OperationBuilder::new()
        .parameters(Some(of_path))
        .operation_id(Some(format!("preflight_{name}")))
        .tag("service")
        .summary(Some("CORS pre-flight"))
        .response(
            "204",
            ResponseBuilder::new().description(
                "The `Access-Control-*` headers are there for configured origins only.",
            ),
        )
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete, &mut item.options].into_iter().flatten()
}

/// The examples of errors are one component each, by code; and the codes are the closed list of the shape.
fn name_codes(document: &mut OpenApi) {
    let mut examples = BTreeMap::new();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            for response in operation.responses.responses.values_mut() {
                move_examples(response, &mut examples);
            }
        }
    }
    let Some(components) = &mut document.components else { return };
    for response in components.responses.values_mut() {
        move_examples(response, &mut examples);
    }
    let codes = examples.keys().map(|code| Value::from(code.as_str())).collect();
    let error = components.schemas.get_mut(ERROR_SCHEMA);
    if let Some(RefOr::T(Schema::Object(error))) = error
        && let Some(RefOr::T(Schema::Object(code))) = error.properties.get_mut("code")
    {
        code.enum_values = Some(codes);
    }
    components.examples = examples;
}

fn move_examples(response: &mut RefOr<Response>, to: &mut BTreeMap<String, RefOr<Example>>) {
    let RefOr::T(response) = response else { return };
    for content in response.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        for (code, example) in &mut content.examples {
            let component = RefOr::Ref(Ref::new(format!("#/components/examples/{code}")));
            to.insert(code.clone(), mem::replace(example, component));
        }
    }
}

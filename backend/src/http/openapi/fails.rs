//! The errors of an operation, for the document: a handler names their causes, `Fails<(SignedIn, JsonBody, Store)>` among
//! its `responses(..)`, and statuses, codes and examples come from the very mapping that answers.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use super::schemas::one_of;
use crate::http::error::{ApiError, Told, error_body, tell};

/// The name of the one schema of errors.
pub(super) const ERROR_SCHEMA: &str = "Error";

/// The id in examples.
pub(super) const REQUEST_ID: &str = "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11";

/// What makes a call fail: a layer, a part of the input, a dependency.
pub(in crate::http) trait Cause {
    /// One error of each code that it can lead to.
    fn errors() -> Vec<ApiError>;
}

/// The responses of all causes of a tuple.
#[derive(Debug)]
pub(in crate::http) struct Fails<C>(PhantomData<C>);

impl<C: Cause> IntoResponses for Fails<C> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<String, BTreeMap<&'static str, Told>> = BTreeMap::new();
        for error in C::errors() {
            let told = tell(&error);
            by_status.entry(told.status.as_str().to_owned()).or_default().insert(told.code, told);
        }
        by_status.into_iter().map(|(status, told)| (status, response(&told).into())).collect()
    }
}

/// One status: the common shape, narrowed to the codes that are possible, each with its example.
pub(super) fn response(by_code: &BTreeMap<&'static str, Told>) -> Response {
    let sentences = by_code.values().map(|told| format!("- `{}`: {}", told.code, told.sentence));
    let description = sentences.collect::<Vec<_>>().join("\n");
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content(by_code))
        .build()
}

fn content(by_code: &BTreeMap<&'static str, Told>) -> Content {
    let code = one_of(by_code.keys().copied());
    let narrowed = ObjectBuilder::new().property("code", code);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(ERROR_SCHEMA)).item(narrowed);
    let examples = by_code.values().map(|told| {
        let body = json!(error_body(told, told.sentence, REQUEST_ID));
        (told.code, ExampleBuilder::new().value(Some(body)).build())
    });
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

macro_rules! causes_of_tuples {
    ($(($($name:ident)+))+) => {$(
        impl<$($name: Cause),+> Cause for ($($name,)+) {
            fn errors() -> Vec<ApiError> {
                [$($name::errors()),+].into_iter().flatten().collect()
            }
        }
    )+};
}

causes_of_tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) (A B C D E F G H I)
    (A B C D E F G H I J)
}

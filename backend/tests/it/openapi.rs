//! The OpenAPI document: committed as it is, and consistent with itself.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// The document as it is served and committed.
fn document() -> Value {
    serde_json::to_value(backend::http::document()).unwrap()
}

/// (path, method, operation) of all operations.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

/// A validator for a schema of the document; references are looked up in its components.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[test]
fn the_committed_document_is_the_one_of_the_handlers() {
    let current = backend::http::document().to_pretty_json().unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "run this test with UPDATE_OPENAPI=1 and commit docs/openapi.json"
    );
}

#[test]
fn it_is_openapi_3_1_and_every_operation_has_a_name_of_its_own() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    let names: BTreeSet<&str> = operations
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len());
    for (path, method, operation) in operations {
        assert!(operation["summary"].is_string(), "{method} {path} says what it is for");
        for tag in operation["tags"].as_array().unwrap() {
            let known = document["tags"].as_array().unwrap().iter();
            assert!(known.map(|known| &known["name"]).any(|name| name == tag), "{method} {path}");
        }
    }
}

/// Every example is of its schema, and every body has one.
#[test]
fn examples_are_what_their_schemas_say() {
    let document = document();
    let mut seen = 0;
    for (path, method, operation) in operations(&document) {
        let mut contents = vec![&operation["requestBody"]["content"]];
        contents.extend(
            operation["responses"].as_object().unwrap().values().map(|answer| &answer["content"]),
        );
        for content in contents.iter().filter_map(|content| content.get("application/json")) {
            let schema = &content["schema"];
            let examples = examples(&document, content);
            assert!(!examples.is_empty(), "{method} {path}: a body without an example: {schema}");
            let validator = validator(&document, schema);
            for example in examples {
                let errors: Vec<_> =
                    validator.iter_errors(&example).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{method} {path}: {example}: {errors:?}");
                seen += 1;
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let Some(example) = parameter.get("example") else { continue };
            let valid = validator(&document, &parameter["schema"]).is_valid(example);
            assert!(valid, "{method} {path}: {parameter}");
        }
    }
    assert!(seen > 50, "{seen} examples");
}

/// Of the content itself, or of the schema that it refers to.
fn examples(document: &Value, content: &Value) -> Vec<Value> {
    let own = content["examples"].as_object().into_iter().flat_map(|named| named.values());
    let mut all: Vec<Value> =
        own.map(|example| resolved(document, example)["value"].clone()).collect();
    all.extend(content.get("example").cloned());
    let of_schema =
        resolved(document, &content["schema"])["examples"].as_array().into_iter().flatten();
    all.extend(of_schema.cloned());
    all
}

/// The value, or what it refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |name| document.pointer(&name[1..]).unwrap())
}

/// A schema that refers to nothing that is not there.
#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut open = vec![&document];
    let mut followed = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
                    followed += 1;
                }
                open.extend(fields.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(followed > 50, "{followed} references");
}

/// Headers belong to all answers; `Retry-After` to those that can be tried again.
#[test]
fn every_answer_names_its_headers() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let headers = answer["headers"].as_object().unwrap();
            for name in ["X-Request-Id", "X-Manuel-Version", "Server-Timing", "Cache-Control"] {
                assert!(headers.contains_key(name), "{method} {path} {status}: {name}");
            }
            let later = ["429", "503", "504"].contains(&status.as_str());
            assert_eq!(headers.contains_key("Retry-After"), later, "{method} {path} {status}");
            let unknown = status == "401";
            assert_eq!(headers.contains_key("WWW-Authenticate"), unknown, "{method} {path}");
        }
    }
}

/// What an unsigned or unauthenticated call is told agrees with the security that is written down.
#[tokio::test]
async fn security_is_what_the_router_asks_for() {
    use crate::world::{ANNA, World};
    use axum::body::Body;
    use http::{Method, Request};

    let document = document();
    let world = World::new();
    for (path, method, operation) in operations(&document) {
        let schemes: BTreeSet<&str> = operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|scheme| scheme.as_object().unwrap().keys().map(String::as_str))
            .collect();
        let method: Method = method.to_uppercase().parse().unwrap();
        let path = path.replace("{id}", "5f2c1e0a-8d1e-4f6a-9b7c-1234567890ab");
        let stranger = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
        let told = world.send(stranger).await;
        let refused = told.status == 401 && told.code() == "token_missing";
        assert_eq!(refused, schemes.contains("token"), "{method} {path}");
        let unsigned = world.request(ANNA, method.clone(), &path, Vec::new());
        let told = world.send(unsigned).await;
        let refused = told.status == 401 && told.code() == "signature_missing";
        let signed = BTreeSet::from(["token", "timestamp", "signature"]);
        assert_eq!(refused, schemes == signed, "{method} {path}");
    }
}

/// The stable codes: those of the source, and no others.
#[test]
fn every_code_is_in_the_document_and_no_other() {
    let document = document();
    let listed = &document["components"]["schemas"]["Error"]["properties"]["code"]["enum"];
    let listed: BTreeSet<&str> =
        listed.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let source = codes_in_source();
    let mut answered: BTreeSet<&str> = source.iter().map(String::as_str).collect();
    for never in NEVER_ANSWERED {
        assert!(answered.remove(never), "{never} is not in the source");
    }
    assert_eq!(listed, answered);
    assert!(listed.contains("deadline_exceeded"), "{}", json!(listed));
}

/// In the table of outages because every dependency has both words, but no answer has them.
const NEVER_ANSWERED: [&str; 8] = [
    // No request waits for notifications.
    "alerts_throttled",
    "alerts_unavailable",
    // The keys of the user pool: whatever happens there is "unavailable" to a caller.
    "identity_throttled",
    // The index is pumped beside the requests; what it does is in the state of a job.
    "index_throttled",
    "index_unavailable",
    // What failed for good is reported by a task.
    "queue_throttled",
    "queue_unavailable",
    // A process of our own: it is there or it is not.
    "reader_throttled",
];

/// Every string of `http/error*.rs` that looks like a code.
fn codes_in_source() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut files = vec![folder.join("error.rs")];
    files.extend(fs::read_dir(folder.join("error")).unwrap().map(|entry| entry.unwrap().path()));
    let mut codes = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for literal in text.split('"').skip(1).step_by(2) {
            let word = !literal.is_empty()
                && literal.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && literal.contains('_');
            if word {
                codes.insert(literal.to_owned());
            }
        }
    }
    codes
}

//! Every answer that a test of the router gets is held to the OpenAPI document: its status, its code, its body, its
//! headers. What an operation does not name fails the test that saw it.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use http::{HeaderMap, Method};
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::world::Answer;

/// The document, and the validators made of it so far, by the place of their schema.
struct Book {
    document: Value,
    validators: Mutex<BTreeMap<String, Validator>>,
}

/// Panics unless the document foresees the answer.
pub(crate) fn assert_documented(method: &Method, path: &str, answer: &Answer) {
    let book = book();
    let status = answer.status.as_str();
    let method = method.as_str().to_lowercase();
    // What passes no route can still be stopped by the layers before it.
    let stopped = ["403", "413", "429", "503", "504"].contains(&status);
    let Some((template, item)) = item(&book.document, path) else {
        let preflight = method == "options" && status == "204";
        let unknown = status == "404" && answer.code() == "no_such_route";
        assert!(preflight || unknown || stopped, "{method} {path}, no route, answered {status}");
        return;
    };
    let Some(operation) = item.get(&method) else {
        let refused = status == "405" && answer.code() == "method_not_allowed";
        let head = method == "head" && item.get("get").is_some();
        assert!(
            refused || head || stopped,
            "{method} {path} is not in the document, and answered {status}"
        );
        return;
    };
    let what = format!("{method} {template} answered {status}");
    let response = operation["responses"].get(status);
    assert!(
        response.is_some(),
        "{what} {}: not in the document. Name the cause in `Fails<..>` of the handler",
        String::from_utf8_lossy(&answer.body)
    );
    let response = response.unwrap();
    let escaped = template.replace('/', "~1");
    let place = format!("/paths/{escaped}/{method}/responses/{status}");
    check_body(book, &format!("{place}/content/application~1json/schema"), response, answer, &what);
    check_headers(book, response, &answer.headers, &what);
}

fn check_body(book: &Book, place: &str, response: &Value, answer: &Answer, what: &str) {
    let Some(content) = response["content"].as_object() else {
        assert!(answer.body.is_empty(), "{what} with a body");
        return;
    };
    let content_type = answer.header("content-type");
    assert!(content.contains_key(content_type), "{what} as {content_type}");
    if content_type != "application/json" {
        return;
    }
    let errors = book.errors(place, &answer.json());
    assert!(
        errors.is_empty(),
        "{what}: {errors:?} in {}: mend the schema, or name the cause of the code in `Fails<..>` of the handler",
        String::from_utf8_lossy(&answer.body)
    );
}

fn check_headers(book: &Book, response: &Value, headers: &HeaderMap, what: &str) {
    for name in response["headers"].as_object().unwrap().keys() {
        assert!(headers.contains_key(name), "{what} without {name}");
        let text = headers[name].to_str().unwrap();
        let place = format!("/components/headers/{name}/schema");
        let number = book.document.pointer(&place).unwrap()["type"] == "integer";
        let value = if number { json!(text.parse::<i64>().unwrap()) } else { json!(text) };
        let errors = book.errors(&place, &value);
        assert!(errors.is_empty(), "{what}, {name}: {errors:?}");
    }
}

impl Book {
    /// What a value has against the schema at a place of the document.
    fn errors(&self, place: &str, value: &Value) -> Vec<String> {
        let mut validators = self.validators.lock().unwrap();
        if !validators.contains_key(place) {
            let mut schema = self.document.pointer(place).unwrap().clone();
            schema["components"] = self.document["components"].clone();
            let options = jsonschema::options().should_validate_formats(true);
            validators.insert(place.to_owned(), options.build(&schema).unwrap());
        }
        validators[place].iter_errors(value).map(|error| error.to_string()).collect()
    }
}

fn book() -> &'static Book {
    static BOOK: OnceLock<Book> = OnceLock::new();
    BOOK.get_or_init(|| Book {
        document: serde_json::to_value(backend::http::document()).unwrap(),
        validators: Mutex::default(),
    })
}

/// The path of the document that a request's path is of; fixed words go before parameters.
fn item<'a>(document: &'a Value, path: &str) -> Option<(&'a str, &'a Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut fitting: Vec<(&str, &Value)> = paths
        .iter()
        .filter(|(template, _)| fits(template, path))
        .map(|(template, item)| (template.as_str(), item))
        .collect();
    fitting.sort_by_key(|(template, _)| template.matches('{').count());
    fitting.first().copied()
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) => {
                let parameter = part.starts_with('{') && !given.is_empty();
                if !parameter && part != given {
                    return false;
                }
            }
            (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}

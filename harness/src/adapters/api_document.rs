//! The API's own description (`docs/openapi.json`, OpenAPI 3.1), and whether an answer is one that it foresees: its
//! status, its body, its code, its headers. Nothing of the backend is asked for it: the document is what clients were
//! given.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use jsonschema::Validator;
use manuel_client::Exchange;
use serde_json::Value;
use serde_json::json;
use thiserror::Error;

/// Where it is kept, below the project root.
const FILE: &str = "docs/openapi.json";
/// What the layers before every route may answer, whatever the route (api.md, "Layers").
const STOPPED: [u16; 5] = [403, 413, 429, 503, 504];

/// The document cannot be used.
#[derive(Debug, Error)]
pub enum ApiDocumentError {
    /// It is not there.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no JSON.
    #[error("{path} is no JSON")]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
}

/// The document, and the validators made of it so far, by the place of their schema.
#[derive(Debug)]
pub struct ApiDocument {
    document: Value,
    validators: Mutex<BTreeMap<String, Option<Validator>>>,
}

/// What was asked, as a document knows it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// In any case.
    pub method: &'a str,
    /// As sent, without the query.
    pub path: &'a str,
}

impl ApiDocument {
    /// Reads the document that is kept below `root`.
    pub fn read(root: &Path) -> Result<Self, ApiDocumentError> {
        let path = root.join(FILE);
        let bytes = std::fs::read(&path)
            .map_err(|source| ApiDocumentError::Read { path: path.clone(), source })?;
        let document = serde_json::from_slice(&bytes)
            .map_err(|source| ApiDocumentError::Parse { path, source })?;
        Ok(Self::new(document))
    }

    fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// As it is kept.
    pub fn value(&self) -> &Value {
        &self.document
    }

    /// Every `operationId`.
    pub fn operations(&self) -> BTreeSet<&str> {
        let paths = self.document["paths"].as_object();
        let items = paths.into_iter().flat_map(serde_json::Map::values);
        let operations = items.filter_map(Value::as_object).flat_map(serde_json::Map::values);
        operations.filter_map(|operation| operation["operationId"].as_str()).collect()
    }

    /// Everything about an answer that the document does not foresee; nothing where it is as documented.
    pub fn contradictions(&self, asked: Asked<'_>, answer: &Exchange) -> Vec<String> {
        let (method, status) = (asked.method.to_lowercase(), answer.status);
        let stopped = STOPPED.contains(&status);
        let Some((template, item)) = self.item(asked.path) else {
            let preflight = method == "options" && status == 204;
            let unknown = status == 404 && code(answer) == "no_such_route";
            return unforeseen(preflight || unknown || stopped, &asked, answer);
        };
        let Some(operation) = item.get(&method) else {
            let refused = status == 405 && code(answer) == "method_not_allowed";
            return unforeseen(refused || stopped, &asked, answer);
        };
        let what = format!("{method} {template} answered {status}");
        let Some(response) = operation["responses"].get(status.to_string()) else {
            return vec![format!("{what} `{}`, which is not documented", code(answer))];
        };
        let place = format!("/paths/{}/{method}/responses/{status}", template.replace('/', "~1"));
        let mut wrong = self.body(&place, response, answer);
        wrong.extend(self.headers(response, answer));
        wrong.into_iter().map(|wrong| format!("{what}: {wrong}")).collect()
    }

    fn body(&self, place: &str, response: &Value, answer: &Exchange) -> Vec<String> {
        let Some(content) = response["content"].as_object() else {
            let empty = answer.body.is_empty();
            return if empty {
                Vec::new()
            } else {
                vec!["a body where none is documented".to_owned()]
            };
        };
        let content_type = answer.text("content-type").unwrap_or("nothing");
        if !content.contains_key(content_type) {
            return vec![format!("a body of {content_type}, which is not documented")];
        }
        if content_type != "application/json" {
            return Vec::new();
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) => self.errors(&format!("{place}/content/application~1json/schema"), &body),
            Err(error) => vec![format!("a body that is no JSON: {error}")],
        }
    }

    fn headers(&self, response: &Value, answer: &Exchange) -> Vec<String> {
        let documented = response["headers"].as_object();
        let names = documented.into_iter().flat_map(serde_json::Map::keys);
        let wrong = names.flat_map(|name| {
            // A REST API of API Gateway gives some headers of a function another name ("Amazon API Gateway important notes").
            let remapped = format!("x-amzn-remapped-{name}");
            let Some(text) = answer.text(name).or_else(|| answer.text(&remapped)) else {
                return vec![format!("no {name}, or several")];
            };
            let place = format!("/components/headers/{name}/schema");
            let number = self.document.pointer(&place).is_some_and(|s| s["type"] == "integer");
            let value = if number {
                text.parse::<i64>().map_or(json!(text), |n| json!(n))
            } else {
                json!(text)
            };
            let errors = self.errors(&place, &value);
            errors.into_iter().map(|error| format!("{name}: {error}")).collect()
        });
        wrong.collect()
    }

    /// What a value has against the schema at a place of the document.
    fn errors(&self, place: &str, value: &Value) -> Vec<String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let validator = validators.entry(place.to_owned()).or_insert_with(|| self.validator(place));
        match validator {
            Some(validator) => {
                validator.iter_errors(value).map(|error| error.to_string()).collect()
            }
            None => vec![format!("the document has no usable schema at {place}")],
        }
    }

    fn validator(&self, place: &str) -> Option<Validator> {
        let mut schema = self.document.pointer(place)?.clone();
        // References are from the root of the document.
        schema
            .as_object_mut()?
            .insert("components".to_owned(), self.document["components"].clone());
        jsonschema::options().should_validate_formats(true).build(&schema).ok()
    }

    /// The path of the document that a request's path is of; fixed words go before parameters.
    fn item(&self, path: &str) -> Option<(&str, &Value)> {
        let paths = self.document["paths"].as_object()?;
        let fitting = paths.iter().filter(|(template, _)| fits(template, path));
        let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template.as_str(), item))
    }
}

fn unforeseen(held: bool, asked: &Asked<'_>, answer: &Exchange) -> Vec<String> {
    if held {
        return Vec::new();
    }
    let (Asked { method, path }, status) = (asked, answer.status);
    vec![format!("{method} {path} is not documented, and answered {status} `{}`", code(answer))]
}

fn code(answer: &Exchange) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let alike = |(part, given): (&&str, &&str)| {
        part == given || (part.starts_with('{') && !given.is_empty())
    };
    template.len() == path.len() && template.iter().zip(&path).all(alike)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use http::HeaderValue;
    use manuel_client::Marks;

    use super::*;

    fn document() -> ApiDocument {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        ApiDocument::read(&root).unwrap()
    }

    fn answer(status: u16, body: &Value) -> Exchange {
        let headers = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-site"),
            ("referrer-policy", "no-referrer"),
            ("server-timing", "own;dur=1.500, dep;dur=0.000"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("vary", "origin"),
            ("www-authenticate", "Bearer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-manuel-version", "4bf92f3577b34da6a3ce929d0e0e473600f067aa"),
            ("x-request-id", "7f1c6c1e-2b1a-4c3d-8e5f-0a1b2c3d4e5f"),
        ];
        let headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        let marks = Marks { sent_us: 0, head_us: None, done_us: 1 };
        Exchange { status, headers, body: Bytes::from(body.to_string()), marks }
    }

    fn quota(edit: impl FnOnce(&mut Value)) -> Exchange {
        let mut body = json!({
            "daily_limit": 50, "monthly_limit": 1000, "daily_remaining": 49,
            "monthly_remaining": 999, "resets_at": "2026-01-02T00:00:00Z",
        });
        edit(&mut body);
        answer(200, &body)
    }

    fn refusal(status: u16, code: &str) -> Exchange {
        let id = "7f1c6c1e-2b1a-4c3d-8e5f-0a1b2c3d4e5f";
        answer(
            status,
            &json!({
                "error": "No.", "code": code, "request_id": id, "retryable": false,
            }),
        )
    }

    const QUOTA: Asked<'static> = Asked { method: "GET", path: "/api/user/quota" };

    #[test]
    fn a_header_may_have_the_name_that_a_gateway_gives_it() {
        let asked = Asked { method: "GET", path: "/api/user/quota" };
        let mut refused = refusal(401, "token_missing");
        assert_eq!(document().contradictions(asked, &refused), Vec::<String>::new());
        let value = refused.headers.remove("www-authenticate").unwrap();
        assert_eq!(document().contradictions(asked, &refused).len(), 1);
        refused.headers.insert("x-amzn-remapped-www-authenticate", value);
        assert_eq!(document().contradictions(asked, &refused), Vec::<String>::new());
    }

    #[test]
    fn what_is_documented_holds() {
        let document = document();
        let none: Vec<String> = Vec::new();
        assert_eq!(document.contradictions(QUOTA, &quota(|_| {})), none);
        assert_eq!(document.contradictions(QUOTA, &refusal(401, "token_expired")), none);
        let nowhere = Asked { method: "GET", path: "/api/nothing" };
        assert_eq!(document.contradictions(nowhere, &refusal(404, "no_such_route")), none);
        let otherwise = Asked { method: "PATCH", path: "/api/manuals" };
        assert_eq!(document.contradictions(otherwise, &refusal(405, "method_not_allowed")), none);
        assert!(document.operations().contains("upload_manual"));
    }

    #[test]
    fn a_field_a_status_a_code_a_header_and_a_type_that_are_not_are_told() {
        let document = document();
        let told =
            |asked: Asked<'_>, answer: &Exchange| document.contradictions(asked, answer).join("; ");
        let lacking = quota(|body| drop(body.as_object_mut().unwrap().remove("resets_at")));
        assert!(told(QUOTA, &lacking).contains("resets_at"));
        let wrong = told(QUOTA, &quota(|body| body["daily_limit"] = json!("fifty")));
        assert!(wrong.contains("fifty"), "{wrong}");
        assert!(told(QUOTA, &refusal(404, "not_found")).contains("not documented"));
        assert!(told(QUOTA, &refusal(401, "signature_missing")).contains("signature_missing"));
        let mut bare = quota(|_| {});
        bare.headers.remove("x-frame-options");
        assert!(told(QUOTA, &bare).contains("no X-Frame-Options"));
        let mut text = quota(|_| {});
        text.headers.insert("content-type", HeaderValue::from_static("text/html"));
        assert!(told(QUOTA, &text).contains("text/html"));
        let secret = Asked { method: "GET", path: "/api/secret" };
        assert!(told(secret, &quota(|_| {})).contains("not documented"));
    }

    #[test]
    fn fixed_words_go_before_parameters() {
        let document = document();
        assert_eq!(document.item("/api/manuals/upload").unwrap().0, "/api/manuals/upload");
        assert_eq!(document.item("/api/manuals/x").unwrap().0, "/api/manuals/{id}");
        assert!(
            document.item("/api/manuals/x/y").is_none() && document.item("/api/manuals/").is_none()
        );
    }
}

//! The extract of a service's public model: which operations there are, how a request names one, and
//! what its input may be. The format is described in `models/README.md`; `validate` applies it.
mod form;
mod route;
pub(crate) mod shape;
mod validate;

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value};

use crate::credentials::Access;
use crate::model::route::Template;
use crate::model::shape::Shape;
use crate::wire::{Protocol, Spelling};

/// A file of `models/` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("not in the format of models/README.md")]
    Format(#[source] serde_json::Error),
    #[error("shape `{0}` is named but not defined")]
    UnknownShape(String),
    #[error("pattern `{pattern}` is not a regular expression")]
    Pattern {
        pattern: String,
        #[source]
        source: Box<regex::Error>,
    },
    #[error("there is no model of `{0}`")]
    NoModel(&'static str),
    #[error("operation `{0}` needs a method and a URI")]
    NoRoute(String),
    #[error("a shape needs exactly one of `type` and `ref`, and a list or map needs `of`")]
    Shape,
}

/// One service's operations and shapes.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) protocol: Protocol,
    #[serde(default)]
    target_prefix: String,
    /// The code of a failed constraint: `ValidationException` in most services.
    #[serde(default = "validation_exception")]
    validation_error: String,
    /// The member that holds an error's text: `message` in most services.
    #[serde(default = "message")]
    message_member: String,
    /// awsQuery: the `Version` that every call names.
    #[serde(default)]
    version: String,
    /// awsQuery: the namespace of every answer.
    #[serde(default)]
    xml_namespace: String,
    operations: BTreeMap<String, Operation>,
    #[serde(default)]
    shapes: BTreeMap<String, Shape>,
}

/// One operation.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    #[serde(default)]
    method: String,
    #[serde(default)]
    uri: Template,
    /// The status of success.
    #[serde(default = "ok")]
    pub(crate) status: u16,
    /// Accepted without a signature.
    #[serde(default)]
    pub(crate) unsigned: bool,
    #[serde(default)]
    pub(crate) access: Access,
    #[serde(default)]
    input: BTreeMap<String, Shape>,
}

/// Why an input was refused before the service saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Wire values of a request that are not in its body.
#[derive(Debug, Default)]
pub(crate) struct Located {
    /// Decoded URI labels by name.
    labels: BTreeMap<String, String>,
}

impl Model {
    /// Reads a model and checks that it is whole, so that no request finds a gap.
    pub(crate) fn parse(text: &str) -> Result<Self, ModelError> {
        let model: Self = serde_json::from_str(text).map_err(ModelError::Format)?;
        for (name, operation) in &model.operations {
            if model.protocol == Protocol::RestJson1
                && (operation.method.is_empty() || operation.uri.is_empty())
            {
                return Err(ModelError::NoRoute(name.clone()));
            }
        }
        let inputs = model.operations.values().flat_map(|operation| operation.input.values());
        for shape in inputs.chain(model.shapes.values()) {
            shape.check(&model.shapes)?;
        }
        Ok(model)
    }

    /// Compiles every pattern: for tests, since at run time each is compiled at its first use.
    #[cfg(test)]
    pub(crate) fn compile(&self) -> Result<(), ModelError> {
        let inputs = self.operations.values().flat_map(|operation| operation.input.values());
        inputs.chain(self.shapes.values()).try_for_each(Shape::compile)
    }

    /// How the service spells its answers.
    pub(crate) fn spelling(&self) -> Spelling<'_> {
        Spelling {
            protocol: self.protocol,
            message_member: &self.message_member,
            xml_namespace: &self.xml_namespace,
        }
    }

    /// What a request says that it wants, where that is not its path: a header, or the form's
    /// `Action` of this model's version.
    pub(crate) fn target(&self, headers: &http::HeaderMap, body: &[u8]) -> Option<String> {
        if self.protocol != Protocol::AwsQuery {
            return headers.get("x-amz-target")?.to_str().ok().map(str::to_owned);
        }
        let form = form::Form::parse(body);
        let current = form.text("Version") == Some(self.version.as_str());
        form.text("Action").filter(|_| current).map(str::to_owned)
    }

    /// The operation that a request names.
    pub(crate) fn resolve(
        &self,
        method: &Method,
        path: &str,
        target: Option<&str>,
    ) -> Option<(&str, &Operation, Located)> {
        if self.protocol == Protocol::RestJson1 {
            return self.operations.iter().find_map(|(name, operation)| {
                let same = operation.method == method.as_str();
                let labels = same.then(|| operation.uri.matches(path)).flatten()?;
                Some((name.as_str(), operation, Located { labels }))
            });
        }
        let name = match self.protocol {
            Protocol::AwsQuery => target?,
            Protocol::DynamoDb
            | Protocol::AwsJson10
            | Protocol::AwsJson11
            | Protocol::RestJson1 => {
                target?.strip_prefix(&self.target_prefix)?.strip_prefix('.')?
            }
        };
        let (name, operation) = self.operations.get_key_value(name)?;
        (method == Method::POST).then_some((name.as_str(), operation, Located::default()))
    }

    /// Merges labels, query, headers and body, checks the whole, and leaves only what the model names.
    pub(crate) fn input(
        &self,
        operation: &Operation,
        located: &Located,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let mut raw = match self.protocol {
            Protocol::AwsQuery => {
                form::Form::parse(body).members("", &operation.input, &self.shapes)
            }
            Protocol::DynamoDb
            | Protocol::AwsJson10
            | Protocol::AwsJson11
            | Protocol::RestJson1 => body_members(body)?,
        };
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes())
                .into_owned()
                .collect();
        for (name, shape) in &operation.input {
            let wire = shape.wire_name(name);
            let found = match shape.location() {
                shape::Location::Body => continue,
                shape::Location::Uri => located.labels.get(wire).cloned(),
                shape::Location::Query => {
                    query.iter().find(|(key, _)| key == wire).map(|(_, value)| value.clone())
                }
                shape::Location::Header => {
                    parts.headers.get(wire).and_then(|value| value.to_str().ok()).map(str::to_owned)
                }
            };
            raw.remove(name);
            if let Some(text) = found {
                raw.insert(name.clone(), shape.read_text(&self.shapes, text));
            }
        }
        let checked = validate::members(&self.shapes, &operation.input, &raw)
            .map_err(|message| Refusal { code: "SerializationException".to_owned(), message })?;
        match checked.failures.as_slice() {
            [] => Ok(Value::Object(checked.kept)),
            failures => Err(Refusal {
                code: self.validation_error.clone(),
                message: validate::summary(failures),
            }),
        }
    }
}

fn body_members(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(serialization("Unexpected token: the body must be a JSON object")),
        Err(error) => Err(serialization(&format!("could not parse the body: {error}"))),
    }
}

fn serialization(message: &str) -> Refusal {
    Refusal { code: "SerializationException".to_owned(), message: message.to_owned() }
}

fn validation_exception() -> String {
    "ValidationException".to_owned()
}

fn message() -> String {
    "message".to_owned()
}

fn ok() -> u16 {
    200
}

#[cfg(test)]
mod tests {
    use super::Model;

    #[test]
    fn every_committed_model_is_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path).unwrap();
                let model = Model::parse(&text).unwrap_or_else(|e| panic!("{path:?}: {e}: {e:?}"));
                model.compile().unwrap_or_else(|e| panic!("{path:?}: {e:?}"));
                seen += 1;
            }
        }
        assert!(seen >= 2, "{seen} models");
    }

    #[test]
    fn a_gap_in_a_model_is_found_at_the_start() {
        let text =
            r#"{"protocol":"awsJson1.1","operations":{"A":{"input":{"x":{"ref":"Nothing"}}}}}"#;
        assert!(matches!(Model::parse(text), Err(super::ModelError::UnknownShape(_))));
        let text = r#"{"protocol":"restJson1","operations":{"A":{"method":"GET"}}}"#;
        assert!(matches!(Model::parse(text), Err(super::ModelError::NoRoute(_))));
    }
}

//! One shape of a model: its kind, its constraints, and where on the wire a member stands.
use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;
use serde_json::{Number, Value};

use crate::model::ModelError;

/// A shape or a member, as it stands in the file.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    kind: Option<Kind>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    /// Never repeated in an error: passwords.
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(rename = "in", default)]
    location: Location,
    name: Option<String>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) pattern: Option<Pattern>,
    #[serde(rename = "enum", default)]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Self>,
    pub(super) of: Option<Box<Self>>,
    pub(super) key: Option<Box<Self>>,
}

/// The kinds of Smithy that the models use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
    List,
    Map,
    Structure,
    Union,
    Document,
}

/// Where a member of the input stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    #[default]
    Body,
    Uri,
    Query,
    Header,
}

/// A regular expression over the whole string, compiled when it is first needed.
#[derive(Debug, serde::Deserialize)]
#[serde(from = "String")]
pub(crate) struct Pattern {
    pub(super) source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Whether the whole of `text` matches. A pattern that cannot be compiled matches nothing; the
    /// test over all models excludes it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| self.compile().ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    fn compile(&self) -> Result<Regex, ModelError> {
        Regex::new(&format!("^(?s:{})$", self.source)).map_err(|source| ModelError::Pattern {
            pattern: self.source.clone(),
            source: Box::new(source),
        })
    }
}

impl From<String> for Pattern {
    fn from(source: String) -> Self {
        Self { source, compiled: OnceLock::new() }
    }
}

impl Shape {
    /// The shape that this one names, or itself.
    pub(super) fn target<'a>(&'a self, shapes: &'a BTreeMap<String, Self>) -> &'a Self {
        let mut shape = self;
        while let Some(next) = shape.reference.as_ref().and_then(|name| shapes.get(name)) {
            shape = next;
        }
        shape
    }

    /// A document if nothing is known, which `check` excludes.
    pub(super) fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Document)
    }

    pub(super) fn location(&self) -> Location {
        self.location
    }

    /// The member's name on the wire.
    pub(super) fn wire_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(name)
    }

    /// A label's, query's or header's text as the JSON value that the body would have.
    pub(super) fn read_text(&self, shapes: &BTreeMap<String, Self>, text: String) -> Value {
        let number = match self.target(shapes).kind() {
            Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Number::from),
            Kind::Float | Kind::Double => text.parse().ok().and_then(Number::from_f64),
            Kind::Boolean => return text.parse().map_or(Value::String(text), Value::Bool),
            Kind::String
            | Kind::Timestamp
            | Kind::Blob
            | Kind::List
            | Kind::Map
            | Kind::Structure
            | Kind::Union
            | Kind::Document => None,
        };
        number.map_or(Value::String(text), Value::Number)
    }

    /// Every reference leads somewhere and every list has elements.
    pub(super) fn check(&self, shapes: &BTreeMap<String, Self>) -> Result<(), ModelError> {
        match (&self.kind, &self.reference) {
            (None, Some(name)) => match shapes.get(name) {
                // Chains of references are not needed; without them `target` cannot go in circles.
                Some(shape) if shape.reference.is_none() => {}
                Some(_) => return Err(ModelError::Shape),
                None => return Err(ModelError::UnknownShape(name.clone())),
            },
            (Some(Kind::List | Kind::Map), None) if self.of.is_none() => {
                return Err(ModelError::Shape);
            }
            (Some(_), None) => {}
            (Some(_), Some(_)) | (None, None) => return Err(ModelError::Shape),
        }
        self.children().try_for_each(|child| child.check(shapes))
    }

    #[cfg(test)]
    pub(super) fn compile(&self) -> Result<(), ModelError> {
        if let Some(pattern) = &self.pattern {
            pattern.compile()?;
        }
        self.children().try_for_each(Self::compile)
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        self.members.values().chain(self.of.as_deref()).chain(self.key.as_deref())
    }
}

//! Checking an input against its shapes, in the words that AWS's services use:
//! "N validation errors detected: Value '…' at 'a.1.member.b' failed to satisfy constraint: …".
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::model::shape::{Kind, Shape};

/// An input after the check: what the model names, and each constraint that failed.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) kept: Map<String, Value>,
    pub(super) failures: Vec<String>,
}

/// Checks the members of a structure. The error is a value of the wrong type.
pub(super) fn members(
    shapes: &BTreeMap<String, Shape>,
    members: &BTreeMap<String, Shape>,
    given: &Map<String, Value>,
) -> Result<Checked, String> {
    let mut walk = Walk { shapes, failures: Vec::new() };
    let kept = walk.structure("", members, given)?;
    Ok(Checked { kept, failures: walk.failures })
}

/// All failures in one sentence, as AWS lists them.
pub(super) fn summary(failures: &[String]) -> String {
    let errors = if failures.len() == 1 { "error" } else { "errors" };
    format!("{} validation {errors} detected: {}", failures.len(), failures.join("; "))
}

struct Walk<'a> {
    shapes: &'a BTreeMap<String, Shape>,
    failures: Vec<String>,
}

impl<'a> Walk<'a> {
    fn structure(
        &mut self,
        path: &str,
        members: &'a BTreeMap<String, Shape>,
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut kept = Map::new();
        for (name, shape) in members {
            let path = join(path, &lower_first(name));
            match given.get(name) {
                None | Some(Value::Null) => {
                    if shape.required {
                        self.failures.push(format!(
                            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
                        ));
                    }
                }
                Some(value) => {
                    kept.insert(name.clone(), self.value(&path, shape, value)?);
                }
            }
        }
        Ok(kept)
    }

    fn value(&mut self, path: &str, member: &'a Shape, value: &Value) -> Result<Value, String> {
        let shape = member.target(self.shapes);
        match (shape.kind(), value) {
            (Kind::String, Value::String(text)) => self.string(path, shape, text),
            (Kind::Integer | Kind::Long, Value::Number(number)) if number.is_f64() => {
                return Err(format!("{number} can not be converted to an Integer"));
            }
            (Kind::Integer, Value::Number(number))
                if number.as_i64().is_none_or(|number| i32::try_from(number).is_err()) =>
            {
                return Err(format!("{number} is out of range of an Integer"));
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
                let size = number.as_f64().unwrap_or(f64::NAN);
                self.bounds(path, shape, Size::Value(size), value);
            }
            (Kind::Boolean, Value::Bool(_))
            | (Kind::Document, _)
            | (Kind::Timestamp, Value::Number(_) | Value::String(_)) => {}
            (Kind::Blob, Value::String(text)) => {
                let bytes =
                    STANDARD.decode(text).map_err(|error| format!("Invalid base64: {error}"))?;
                self.bounds(path, shape, Size::length(bytes.len()), value);
            }
            (Kind::List, Value::Array(values)) => return self.list(path, shape, values, value),
            (Kind::Map, Value::Object(entries)) => return self.map(path, shape, entries, value),
            (Kind::Structure, Value::Object(given)) => {
                return self.structure(path, &shape.members, given).map(Value::Object);
            }
            (Kind::Union, Value::Object(given)) => return self.union(path, shape, given),
            (kind, value) => return Err(mismatch(kind, value)),
        }
        Ok(value.clone())
    }

    fn string(&mut self, path: &str, shape: &Shape, text: &str) {
        let shown = Value::String(text.to_owned());
        self.bounds(path, shape, Size::length(text.chars().count()), &shown);
        if let Some(pattern) = &shape.pattern
            && !pattern.matches(text)
        {
            let rule =
                format!("Member must satisfy regular expression pattern: {}", pattern.source);
            self.fail(path, shape, &shown, &rule);
        }
        if !shape.values.is_empty() && !shape.values.iter().any(|value| value == text) {
            let rule = format!("Member must satisfy enum value set: [{}]", shape.values.join(", "));
            self.fail(path, shape, &shown, &rule);
        }
    }

    fn list(
        &mut self,
        path: &str,
        shape: &'a Shape,
        values: &[Value],
        whole: &Value,
    ) -> Result<Value, String> {
        self.bounds(path, shape, Size::length(values.len()), whole);
        let Some(of) = shape.of.as_deref() else { return Ok(whole.clone()) };
        let mut kept = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            // AWS counts from one and names the element "member".
            kept.push(self.value(&format!("{path}.{}.member", index + 1), of, value)?);
        }
        Ok(Value::Array(kept))
    }

    fn map(
        &mut self,
        path: &str,
        shape: &'a Shape,
        entries: &Map<String, Value>,
        whole: &Value,
    ) -> Result<Value, String> {
        self.bounds(path, shape, Size::length(entries.len()), whole);
        let Some(of) = shape.of.as_deref() else { return Ok(whole.clone()) };
        let mut kept = Map::new();
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            if let Some(rule) = shape.key.as_deref() {
                self.string(path, rule.target(self.shapes), key);
            }
            let at = format!("{path}.{key}.member");
            kept.insert(key.clone(), self.value(&at, of, value)?);
        }
        Ok(Value::Object(kept))
    }

    fn union(
        &mut self,
        path: &str,
        shape: &'a Shape,
        given: &Map<String, Value>,
    ) -> Result<Value, String> {
        let kept = self.structure(path, &shape.members, given)?;
        let sent = given.values().filter(|value| !value.is_null()).count();
        if sent != 1 || kept.len() != 1 {
            let names: Vec<&str> = shape.members.keys().map(String::as_str).collect();
            self.failures.push(format!(
                "Value at '{path}' failed to satisfy constraint: Member must have exactly one of [{}] set",
                names.join(", ")
            ));
        }
        Ok(Value::Object(kept))
    }

    fn bounds(&mut self, path: &str, shape: &Shape, size: Size, value: &Value) {
        let (what, size) = match size {
            Size::Length(size) => ("length", size),
            Size::Value(size) => ("value", size),
        };
        if let Some(min) = shape.min.filter(|min| size < *min) {
            let rule = format!("Member must have {what} greater than or equal to {min}");
            self.fail(path, shape, value, &rule);
        }
        if let Some(max) = shape.max.filter(|max| size > *max) {
            let rule = format!("Member must have {what} less than or equal to {max}");
            self.fail(path, shape, value, &rule);
        }
    }

    fn fail(&mut self, path: &str, shape: &Shape, value: &Value, rule: &str) {
        let shown = if shape.sensitive {
            String::new()
        } else if let Value::String(text) = value {
            format!(" '{}'", shorten(text))
        } else {
            format!(" '{}'", shorten(&value.to_string()))
        };
        self.failures
            .push(format!("Value{shown} at '{path}' failed to satisfy constraint: {rule}"));
    }
}

fn mismatch(kind: Kind, value: &Value) -> String {
    let aggregate = matches!(kind, Kind::List | Kind::Map | Kind::Structure | Kind::Union);
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) | Value::Object(_) if aggregate => {
            return format!("Unexpected field type: expected a {}", wanted(kind));
        }
        Value::Array(_) | Value::Object(_) => {
            return "Start of structure or list found where not expected.".to_owned();
        }
    };
    if aggregate {
        return "Expected list or null".to_owned();
    }
    format!("{found} can not be converted to a {}", wanted(kind))
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "String",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Float => "Float",
        Kind::Double => "Double",
        Kind::Boolean => "Boolean",
        Kind::Timestamp => "Timestamp",
        Kind::Blob => "Blob",
        Kind::List => "List",
        Kind::Map => "Map",
        Kind::Structure | Kind::Union => "Structure",
        Kind::Document => "Document",
    }
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// AWS names members in lower camel case in these texts, whatever their case on the wire.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What `min` and `max` bound.
#[derive(Debug, Clone, Copy)]
enum Size {
    Length(f64),
    Value(f64),
}

impl Size {
    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
    fn length(length: usize) -> Self {
        Self::Length(length as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{Checked, members, summary};
    use crate::model::shape::Shape;

    fn check(input: &Value, given: &Value) -> Result<Checked, String> {
        let shapes: BTreeMap<String, Shape> = serde_json::from_value(json!({
            "Filter": {"type": "union", "members": {
                "equals": {"type": "string"},
                "andAll": {"type": "list", "min": 2, "of": {"ref": "Filter"}}}}
        }))
        .unwrap();
        let input: BTreeMap<String, Shape> = serde_json::from_value(input.clone()).unwrap();
        members(&shapes, &input, given.as_object().unwrap())
    }

    #[test]
    fn failures_are_in_the_words_of_aws() {
        let input = json!({
            "Name": {"type": "string", "required": true, "min": 3, "pattern": "[a-z]+"},
            "secret": {"type": "string", "min": 6, "sensitive": true},
            "missing": {"type": "integer", "required": true},
            "mode": {"type": "string", "enum": ["A", "B"]},
            "count": {"type": "integer", "max": 10}});
        let given = json!({"Name": "A1", "secret": "abc", "mode": "C", "count": 11, "extra": 1});
        let failures = check(&input, &given).unwrap().failures;
        assert_eq!(
            failures,
            [
                "Value 'A1' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 3",
                "Value 'A1' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
                "Value '11' at 'count' failed to satisfy constraint: Member must have value less than or equal to 10",
                "Value null at 'missing' failed to satisfy constraint: Member must not be null",
                "Value 'C' at 'mode' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
                "Value at 'secret' failed to satisfy constraint: Member must have length greater than or equal to 6",
            ]
        );
        assert!(summary(&failures).starts_with("6 validation errors detected: Value 'A1' at"));
    }

    #[test]
    fn recursion_paths_and_unions() {
        let input = json!({"filter": {"ref": "Filter"}});
        let given = json!({"filter": {"andAll": [{"equals": "a"}, {"andAll": [{"equals": "b"}]}]}});
        let failures = check(&input, &given).unwrap().failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].contains("at 'filter.andAll.2.member.andAll'"), "{failures:?}");
        for given in [json!({}), json!({"equals": "a", "andAll": []}), json!({"other": 1})] {
            let failures = check(&input, &json!({"filter": given})).unwrap().failures;
            assert!(failures.iter().any(|f| f.contains("exactly one of")), "{failures:?}");
        }
    }

    #[test]
    fn wrong_types_do_not_parse_and_unknown_members_vanish() {
        let input = json!({"count": {"type": "integer"}, "text": {"type": "string"}});
        assert!(check(&input, &json!({"count": "1"})).unwrap_err().starts_with("STRING_VALUE"));
        assert!(check(&input, &json!({"count": 1.5})).is_err());
        assert!(check(&input, &json!({"count": 3_000_000_000_u64})).is_err());
        assert!(check(&input, &json!({"text": {}})).is_err());
        let kept = check(&input, &json!({"count": 1, "text": null, "other": 2})).unwrap().kept;
        assert_eq!(Value::Object(kept), json!({"count": 1}));
    }
}

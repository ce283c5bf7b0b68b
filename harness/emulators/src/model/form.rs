//! The query protocol's form as the members that its shapes describe: `A.B`, `List.member.1`,
//! `Map.entry.1.Name`. A member that no shape names is never looked for.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::model::shape::{Kind, Shape};

/// More elements than this are not looked for: no list or map of the models may have as many.
const MAX_ELEMENTS: usize = 1000;

/// A decoded form.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form; of a field that stands twice the last counts.
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field's text.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The members below `prefix` that were sent.
    pub(super) fn members(
        &self,
        prefix: &str,
        members: &BTreeMap<String, Shape>,
        shapes: &BTreeMap<String, Shape>,
    ) -> Map<String, Value> {
        members
            .iter()
            .filter_map(|(name, shape)| {
                let field = joined(prefix, shape.wire_name(name));
                Some((name.clone(), self.value(&field, shape, shapes)?))
            })
            .collect()
    }

    fn value(
        &self,
        field: &str,
        member: &Shape,
        shapes: &BTreeMap<String, Shape>,
    ) -> Option<Value> {
        let shape = member.target(shapes);
        match shape.kind() {
            Kind::Structure | Kind::Union => {
                let members = self.members(field, &shape.members, shapes);
                (!members.is_empty()).then_some(Value::Object(members))
            }
            Kind::List => {
                let of = shape.of.as_deref()?;
                let element = |n| self.value(&format!("{field}.member.{n}"), of, shapes);
                let values: Vec<Value> = (1..=MAX_ELEMENTS).map_while(element).collect();
                (!values.is_empty()).then_some(Value::Array(values))
            }
            Kind::Map => {
                let (key, of) = (shape.key.as_deref()?, shape.of.as_deref()?);
                let entry = |n| {
                    let entry = format!("{field}.entry.{n}");
                    let key = self.text(&joined(&entry, key.wire_name("key")))?;
                    let value = self.value(&joined(&entry, of.wire_name("value")), of, shapes)?;
                    Some((key.to_owned(), value))
                };
                let entries: Map<String, Value> = (1..=MAX_ELEMENTS).map_while(entry).collect();
                (!entries.is_empty()).then_some(Value::Object(entries))
            }
            Kind::String
            | Kind::Integer
            | Kind::Long
            | Kind::Float
            | Kind::Double
            | Kind::Boolean
            | Kind::Timestamp
            | Kind::Blob
            | Kind::Document => {
                self.text(field).map(|text| shape.read_text(shapes, text.to_owned()))
            }
        }
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::Form;
    use crate::model::shape::Shape;

    #[test]
    fn lists_maps_and_structures_are_read_by_their_shapes() {
        let input: BTreeMap<String, Shape> = serde_json::from_value(json!({
            "Text": {"type": "string"},
            "Count": {"type": "integer"},
            "Names": {"type": "list", "of": {"type": "string"}},
            "Attributes": {"type": "map",
                "key": {"type": "string", "name": "Name"},
                "of": {"type": "structure", "name": "Value", "members": {"Kind": {"type": "string"}}}},
        }))
        .unwrap();
        let form = Form::parse(
            b"Text=a%26b&Count=3&Names.member.1=x&Names.member.2=y&Attributes.entry.1.Name=n&Attributes.entry.1.Value.Kind=k&Other=1",
        );
        assert_eq!(
            Value::Object(form.members("", &input, &BTreeMap::new())),
            json!({"Text": "a&b", "Count": 3, "Names": ["x", "y"], "Attributes": {"n": {"Kind": "k"}}})
        );
    }
}

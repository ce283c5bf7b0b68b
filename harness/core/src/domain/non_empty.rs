//! A list that is never empty, also not after deserialising: a Fail without a breach cannot be written or read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// One or more `T`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// The list, if it has anything in it.
    pub fn new(items: Vec<T>) -> Option<Self> {
        if items.is_empty() { None } else { Some(Self(items)) }
    }

    /// All of it.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// All of it, owned.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NonEmpty<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(deserializer)?;
        Self::new(items).ok_or_else(|| D::Error::custom("expected at least one entry"))
    }
}

impl<T: JsonSchema> JsonSchema for NonEmpty<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("NonEmpty_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "array", "minItems": 1, "items": items })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_does_not_parse() {
        assert!(serde_json::from_str::<NonEmpty<u8>>("[]").is_err());
        assert!(NonEmpty::<u8>::new(Vec::new()).is_none());
        assert_eq!(serde_json::from_str::<NonEmpty<u8>>("[1]").unwrap().as_slice(), [1]);
    }
}

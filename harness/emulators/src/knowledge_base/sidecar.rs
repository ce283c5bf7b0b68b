//! Metadata sidecars, `<key>.metadata.json`: the attributes that retrieval filters by. Pure.
use std::collections::BTreeMap;

use serde_json::Value;

/// The ending of a sidecar's key.
pub(super) const ENDING: &str = ".metadata.json";
/// A larger sidecar is refused, as in AWS.
const BYTES_MAX: usize = 10 * 1024;

/// A document's attributes.
pub(super) type Attributes = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SidecarError {
    #[error("the metadata file exceeds 10 KB")]
    TooLarge,
    #[error("the metadata file is not a JSON object with metadataAttributes")]
    Malformed,
    #[error("the value of {0} is no string, number, boolean or list of strings")]
    Value(String),
}

/// The attributes in a sidecar: plain values, or the typed form with `value.type`.
pub(super) fn parse(bytes: &[u8]) -> Result<Attributes, SidecarError> {
    if bytes.len() > BYTES_MAX {
        return Err(SidecarError::TooLarge);
    }
    let whole: Value =
        serde_json::from_slice(bytes).map_err(|_not_json| SidecarError::Malformed)?;
    let attributes = whole["metadataAttributes"].as_object().ok_or(SidecarError::Malformed)?;
    attributes
        .iter()
        .map(|(key, value)| {
            let value = plain(value).ok_or_else(|| SidecarError::Value(key.clone()))?;
            Ok((key.clone(), value))
        })
        .collect()
}

fn plain(value: &Value) -> Option<Value> {
    let value = match value["value"]["type"].as_str() {
        Some("STRING") => &value["value"]["stringValue"],
        Some("NUMBER") => &value["value"]["numberValue"],
        Some("BOOLEAN") => &value["value"]["booleanValue"],
        Some("STRING_LIST") => &value["value"]["stringListValue"],
        Some(_) => return None,
        None => value,
    };
    let strings = |list: &Vec<Value>| list.iter().all(Value::is_string);
    let accepted = value.is_string()
        || value.is_number()
        || value.is_boolean()
        || value.as_array().is_some_and(strings);
    accepted.then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{SidecarError, parse};

    #[test]
    fn reads_plain_and_typed_values() {
        let bytes = br#"{"metadataAttributes": {"user_id": "u", "year": 2024, "tags": ["a"],
            "typed": {"value": {"type": "STRING", "stringValue": "s"}, "includeForEmbedding": false}}}"#;
        let attributes = parse(bytes).unwrap();
        assert_eq!(attributes["user_id"], json!("u"));
        assert_eq!(attributes["typed"], json!("s"));
        assert_eq!(attributes.len(), 4);
    }

    #[test]
    fn refuses_what_aws_would_ignore() {
        assert_eq!(parse(b"{}").unwrap_err(), SidecarError::Malformed);
        assert_eq!(parse(b"nonsense").unwrap_err(), SidecarError::Malformed);
        assert_eq!(
            parse(br#"{"metadataAttributes": {"a": {"b": 1}}}"#).unwrap_err(),
            SidecarError::Value("a".to_owned())
        );
        assert_eq!(parse(&vec![b' '; 10_241]).unwrap_err(), SidecarError::TooLarge);
    }
}

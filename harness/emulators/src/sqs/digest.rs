//! The MD5 sums that SQS answers with, so that a sender can compare what arrived.
//!
//! Source: "Calculating the MD5 message digest for message attributes", SQS Developer Guide.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// Of a message's body, in hex.
pub(super) fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

/// Of a message's attributes, in hex: by name, each part with its length before it. None without any.
pub(super) fn of_attributes(attributes: &Map<String, Value>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut sorted: Vec<(&String, &Value)> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut hash = Md5::new();
    for (name, value) in sorted {
        part(&mut hash, name.as_bytes());
        let text = |member| value.get(member).and_then(Value::as_str);
        part(&mut hash, text("DataType").unwrap_or_default().as_bytes());
        if let Some(text) = text("StringValue") {
            hash.update([TEXT]);
            part(&mut hash, text.as_bytes());
        } else {
            hash.update([BINARY]);
            // The front has decoded it once to check it.
            part(
                &mut hash,
                &STANDARD.decode(text("BinaryValue").unwrap_or("")).unwrap_or_default(),
            );
        }
    }
    Some(hex::encode(hash.finalize()))
}

fn part(hash: &mut Md5, bytes: &[u8]) {
    hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of_attributes, of_body};

    #[test]
    fn sums_are_those_of_sqs() {
        assert_eq!(of_body("hello"), "5d41402abc4b2a76b9719d911017c592");
        // `printf '\0\0\0\4Name\0\0\0\6String\1\0\0\0\5value' | md5sum`
        let attributes = json!({"Name": {"DataType": "String", "StringValue": "value"}});
        let sum = of_attributes(attributes.as_object().unwrap()).unwrap();
        assert_eq!(sum, "923297cac651001d0476adce9b21cd24");
        // `printf '\0\0\0\1a\0\0\0\6Binary\2\0\0\0\1x\0\0\0\1b\0\0\0\6Number\1\0\0\0\0011' | md5sum`
        let attributes = json!({
            "b": {"DataType": "Number", "StringValue": "1"},
            "a": {"DataType": "Binary", "BinaryValue": "eA=="},
        });
        let sum = of_attributes(attributes.as_object().unwrap()).unwrap();
        assert_eq!(sum, "561fd15fb7014488a87dc065a1bd964c");
        assert_eq!(of_attributes(json!({}).as_object().unwrap()), None);
    }
}

//! SQS's limits on what is sent, in its words. Pure.
//!
//! Source: `SendMessage` and "Amazon SQS message quotas" in the API reference and Developer Guide.
use serde_json::{Map, Value};

use crate::service::AwsError;

/// One mebibyte for a message, and for a batch together: what the SDK's documentation says today
/// (it was 256 KiB until 2025).
const MAX_BYTES: usize = 1024 * 1024;
const MAX_ATTRIBUTES: usize = 10;
const MAX_NAME: usize = 256;

const MAX_BATCH: usize = 10;

/// A message that may be sent.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) body: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) delay_s: Option<i64>,
}

/// Checks one message, or one entry of a batch.
pub(super) fn checked(input: &Map<String, Value>, max_bytes: i64) -> Result<Checked, AwsError> {
    for (member, only) in [
        (
            "MessageDeduplicationId",
            "The request includes a parameter that is not valid for this queue type.",
        ),
        ("MessageSystemAttributes", "Message system attributes are not emulated."),
    ] {
        if input.contains_key(member) {
            return Err(invalid("given", member, only));
        }
    }
    let body = required(input, "MessageBody")?;
    characters(body)?;
    let attributes = attributes(input)?;
    let limit = usize::try_from(max_bytes).unwrap_or(MAX_BYTES).min(MAX_BYTES);
    if size(body, &attributes) > limit {
        return Err(invalid_text(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )));
    }
    let delay_s = number(input, "DelaySeconds", (0, 900), "DelaySeconds must be >= 0 and <= 900.")?;
    Ok(Checked { body: body.to_owned(), attributes, delay_s })
}

/// Id and content of one entry of a batch.
pub(super) type Entry<'a> = (&'a str, &'a Map<String, Value>);

/// The entries of a batch by their ids.
pub(super) fn batch(input: &Map<String, Value>) -> Result<Vec<Entry<'_>>, AwsError> {
    let refuse = |code, message: String| Err(AwsError::new(400, code, message));
    let entries = input.get("Entries").and_then(Value::as_array).map(Vec::as_slice);
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        let message = "There should be at least one SendMessageBatchRequestEntry in the request.";
        return refuse("EmptyBatchRequest", message.to_owned());
    }
    if entries.len() > MAX_BATCH {
        return refuse(
            "TooManyEntriesInBatchRequest",
            format!(
                "Maximum number of entries per request are {MAX_BATCH}. You have sent {}.",
                entries.len()
            ),
        );
    }
    let mut found: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
    let mut total = 0;
    for entry in entries.iter().filter_map(Value::as_object) {
        let id = required(entry, "Id")?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if id.len() > 80 || !id.bytes().all(allowed) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
            return refuse("InvalidBatchEntryId", message.to_owned());
        }
        if found.iter().any(|(earlier, _)| *earlier == id) {
            return refuse("BatchEntryIdsNotDistinct", format!("Id {id} repeated."));
        }
        let body = entry.get("MessageBody").and_then(Value::as_str).unwrap_or_default();
        let attributes = entry.get("MessageAttributes").and_then(Value::as_object);
        total += size(body, &attributes.cloned().unwrap_or_default());
        found.push((id, entry));
    }
    if total > MAX_BYTES {
        return refuse(
            "BatchRequestTooLong",
            format!(
                "Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {total} bytes."
            ),
        );
    }
    Ok(found)
}

/// How long a message stays hidden, if the call says so.
pub(super) fn visibility(input: &Map<String, Value>) -> Result<Option<i64>, AwsError> {
    let reason = "VisibilityTimeout must be an integer between 0 and 43200";
    number(input, "VisibilityTimeout", (0, 43_200), reason)
}

/// `InvalidParameterValue` in its usual words.
pub(super) fn invalid(value: impl std::fmt::Display, name: &str, reason: &str) -> AwsError {
    invalid_text(format!("Value {value} for parameter {name} is invalid. Reason: {reason}"))
}

fn invalid_text(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidParameterValueException", message)
}

/// A member that must be there and not be empty.
pub(super) fn required<'a>(input: &'a Map<String, Value>, name: &str) -> Result<&'a str, AwsError> {
    let text = input.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| {
        let message = format!("The request must contain the parameter {name}.");
        AwsError::new(400, "MissingRequiredParameterException", message)
    })
}

/// A whole number within bounds, if it was sent.
pub(super) fn number(
    input: &Map<String, Value>,
    name: &str,
    (min, max): (i64, i64),
    reason: &str,
) -> Result<Option<i64>, AwsError> {
    match input.get(name).and_then(Value::as_i64) {
        Some(value) if !(min..=max).contains(&value) => Err(invalid(value, name, reason)),
        value => Ok(value),
    }
}

/// The attributes of one message; none is as good as an empty map.
fn attributes(input: &Map<String, Value>) -> Result<Map<String, Value>, AwsError> {
    let sent = input.get("MessageAttributes").and_then(Value::as_object);
    let sent = sent.cloned().unwrap_or_default();
    if sent.len() > MAX_ATTRIBUTES {
        return Err(invalid_text(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            sent.len()
        )));
    }
    for (name, value) in &sent {
        attribute(name, value)?;
    }
    Ok(sent)
}

fn attribute(name: &str, value: &Value) -> Result<(), AwsError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let lower = name.to_ascii_lowercase();
    let reserved = lower.starts_with("aws.") || lower.starts_with("amazon.");
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) || reserved || dots {
        return Err(invalid_text(format!("Invalid attribute name '{name}'.")));
    }
    let text = |member| value.get(member).and_then(Value::as_str);
    let given = text("DataType").unwrap_or_default();
    let base = given.split('.').next().unwrap_or_default();
    let content = match base {
        "String" | "Number" => text("StringValue"),
        "Binary" => text("BinaryValue"),
        _ => {
            return Err(invalid_text(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    let content = content.filter(|content| !content.is_empty()).ok_or_else(|| {
        invalid_text(format!(
            "The message attribute '{name}' must contain a non-empty message attribute value for message attribute type '{base}'."
        ))
    })?;
    if base == "Number" && !content.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(invalid_text(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    if base == "Binary" { Ok(()) } else { characters(content) }
}

/// Only the characters that XML 1.0 has may be in a message.
fn characters(text: &str) -> Result<(), AwsError> {
    let allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().find(|letter| !allowed(*letter)) {
        None => Ok(()),
        Some(letter) => Err(AwsError::new(
            400,
            "InvalidMessageContents",
            format!(
                "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20 to #xD7FF] | [#xE000 to #xFFFD] | [#x10000 to #x10FFFF]",
                u32::from(letter)
            ),
        )),
    }
}

/// Bytes of a message as SQS counts them: the body, and names, types and values of attributes.
fn size(body: &str, attributes: &Map<String, Value>) -> usize {
    let member =
        |value: &Value, member| value.get(member).and_then(Value::as_str).map_or(0, str::len);
    let attributes = attributes.iter().map(|(name, value)| {
        let binary = member(value, "BinaryValue") / 4 * 3;
        name.len() + member(value, "DataType") + member(value, "StringValue") + binary
    });
    body.len() + attributes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{attributes, characters, size};

    #[test]
    fn characters_are_those_of_xml() {
        assert!(characters("a\t\n\r\u{10ffff}ü").is_ok());
        for bad in ["\0", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(characters(bad).unwrap_err().code, "InvalidMessageContents", "{bad:?}");
        }
    }

    #[test]
    fn attributes_have_a_name_a_type_and_a_value() {
        let check = |name: &str, value| {
            attributes(json!({"MessageAttributes": {name: value}}).as_object().unwrap()).is_ok()
        };
        assert!(check("a.b-c_1", json!({"DataType": "String.kind", "StringValue": "x"})));
        assert!(check("n", json!({"DataType": "Number", "StringValue": "-1.5"})));
        assert!(!check("n", json!({"DataType": "Number", "StringValue": "one"})));
        assert!(!check("n", json!({"DataType": "String", "StringValue": ""})));
        assert!(!check("n", json!({"DataType": "Text", "StringValue": "x"})));
        for name in ["aws.x", "Amazon.x", "a b", ".a", "a..b"] {
            assert!(!check(name, json!({"DataType": "String", "StringValue": "x"})), "{name}");
        }
    }

    #[test]
    fn attributes_count_towards_the_size() {
        let attributes = json!({"ab": {"DataType": "String", "StringValue": "xyz"}});
        assert_eq!(size("body", attributes.as_object().unwrap()), 4 + 2 + 6 + 3);
    }
}

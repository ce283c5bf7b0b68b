//! The one way in which a judged file is written: keys sorted, two spaces, a newline at the end.

use serde::Serialize;
use serde_json::Value;

/// `value` as canonical JSON.
///
/// # Errors
/// If the value does not serialise, or holds a number that is no integer: those have no canonical form.
pub fn canonical_json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    write(&serde_json::to_value(value)?, 0, &mut text)?;
    text.push('\n');
    Ok(text)
}

fn write(value: &Value, depth: usize, text: &mut String) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                separate(i, depth, text);
                text.push_str(&serde_json::to_string(key)?);
                text.push_str(": ");
                write(value, depth + 1, text)?;
            }
            close('}', depth, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i, depth, text);
                write(item, depth + 1, text)?;
            }
            close(']', depth, text);
        }
        Value::Number(number) if number.is_f64() => {
            return Err(serde::ser::Error::custom("a judged file holds integers only"));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => text.push_str(&serde_json::to_string(value)?),
    }
    Ok(())
}

fn separate(index: usize, depth: usize, text: &mut String) {
    text.push_str(if index == 0 { "\n" } else { ",\n" });
    text.push_str(&"  ".repeat(depth + 1));
}

fn close(bracket: char, depth: usize, text: &mut String) {
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(bracket);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_floats_refused() {
        let value = serde_json::json!({"b": [1, {"z": 1, "a": null}], "a": {}});
        let text = canonical_json(&value).unwrap();
        assert_eq!(
            text,
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"a\": null,\n      \"z\": 1\n    }\n  ]\n}\n"
        );
        assert!(canonical_json(&serde_json::json!({"a": 0.5})).is_err());
    }
}

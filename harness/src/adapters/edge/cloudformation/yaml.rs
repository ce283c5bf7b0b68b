//! YAML as JSON, the short forms of intrinsic functions (`!Ref X`) as their long ones (`{"Ref": "X"}`).

use saphyr::LoadableYamlNode as _;
use saphyr::Scalar;
use saphyr::ScanError;
use saphyr::Yaml;
use serde_json::Value;
use serde_json::json;

pub(super) fn parse(text: &str) -> Result<Value, ScanError> {
    let documents = Yaml::load_from_str(text)?;
    Ok(documents.first().map(json).unwrap_or_default())
}

fn json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(tag, inner) if tag.handle == "!" => {
            let name = match tag.suffix.as_str() {
                short @ ("Ref" | "Condition") => short.to_owned(),
                short => format!("Fn::{short}"),
            };
            json!({ name: json(inner) })
        }
        Yaml::Tagged(_, inner) => json(inner),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let key = json(key);
                    (key.as_str().map_or_else(|| key.to_string(), str::to_owned), json(value))
                })
                .collect(),
        ),
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => text.as_ref().into(),
        Yaml::Value(Scalar::Null) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "a: !Ref X\nb: !If [C, 1, !GetAtt [R, Arn]]\nc: !Condition D\nd: 'true'\ne: true\n1: ~\n";
        let expected = json!({
            "a": {"Ref": "X"},
            "b": {"Fn::If": ["C", 1, {"Fn::GetAtt": ["R", "Arn"]}]},
            "c": {"Condition": "D"},
            "d": "true",
            "e": true,
            "1": null,
        });
        assert_eq!(parse(text).unwrap(), expected);
    }
}

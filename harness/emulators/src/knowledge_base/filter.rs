//! `RetrievalFilter`: which documents may be searched. Parsed once into a closed enum; what does not
//! parse is refused, never taken as "everything". Pure.
use serde_json::Value;

use super::sidecar::Attributes;
use crate::service::AwsError;

/// Groups may hold groups, and those only conditions: AWS documents one level of embedding.
const GROUP_DEPTH_MAX: usize = 2;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Condition { operator: Operator, key: String, value: Value },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanOrEquals,
    LessThan,
    LessThanOrEquals,
    In,
    NotIn,
    StartsWith,
    ListContains,
    StringContains,
}

impl Filter {
    /// The filter that `value`, which fits the service's model already, describes.
    pub(super) fn parse(value: &Value) -> Result<Self, AwsError> {
        parse_at(value, 0)
    }

    /// Whether a document with `attributes` passes. An attribute that is absent is equal to nothing.
    pub(super) fn passes(&self, attributes: &Attributes) -> bool {
        match self {
            Self::All(members) => members.iter().all(|member| member.passes(attributes)),
            Self::Any(members) => members.iter().any(|member| member.passes(attributes)),
            Self::Condition { operator, key, value } => operator.holds(attributes.get(key), value),
        }
    }

    /// The string that `key` must equal for anything to pass, if there is one.
    pub(super) fn pinned(&self, key: &str) -> Option<&str> {
        match self {
            Self::All(members) => members.iter().find_map(|member| member.pinned(key)),
            Self::Condition { operator: Operator::Equals, key: of, value } if of == key => {
                value.as_str()
            }
            Self::Any(_) | Self::Condition { .. } => None,
        }
    }
}

fn parse_at(value: &Value, depth: usize) -> Result<Filter, AwsError> {
    let Some((name, operand)) = value.as_object().and_then(|members| members.iter().next()) else {
        return Err(invalid("the filter has no operator"));
    };
    if let "andAll" | "orAll" = name.as_str() {
        let members = operand.as_array().map(Vec::as_slice).unwrap_or_default();
        if members.len() < 2 {
            return Err(invalid(&format!("{name} needs at least 2 filters")));
        }
        if depth >= GROUP_DEPTH_MAX {
            return Err(invalid("filter groups are nested too deeply"));
        }
        let members = members.iter().map(|member| parse_at(member, depth + 1));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        return Ok(if name == "andAll" { Filter::All(members) } else { Filter::Any(members) });
    }
    let operator = Operator::parse(name)
        .ok_or_else(|| invalid(&format!("{name} is not an operator of a filter")))?;
    let (key, operand) = (operand["key"].as_str(), operand.get("value"));
    let (Some(key), Some(value)) = (key, operand) else {
        return Err(invalid(&format!("{name} needs a key and a value")));
    };
    if !operator.accepts(value) {
        return Err(invalid(&format!("the value of {key} does not fit the operator {name}")));
    }
    Ok(Filter::Condition { operator, key: key.to_owned(), value: value.clone() })
}

fn invalid(reason: &str) -> AwsError {
    AwsError::validation(format!("The provided retrieval filter is invalid: {reason}."))
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "equals" => Self::Equals,
            "notEquals" => Self::NotEquals,
            "greaterThan" => Self::GreaterThan,
            "greaterThanOrEquals" => Self::GreaterThanOrEquals,
            "lessThan" => Self::LessThan,
            "lessThanOrEquals" => Self::LessThanOrEquals,
            "in" => Self::In,
            "notIn" => Self::NotIn,
            "startsWith" => Self::StartsWith,
            "listContains" => Self::ListContains,
            "stringContains" => Self::StringContains,
            _ => return None,
        })
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Equals | Self::NotEquals => !value.is_object() && !value.is_null(),
            Self::GreaterThan
            | Self::GreaterThanOrEquals
            | Self::LessThan
            | Self::LessThanOrEquals => value.is_number(),
            Self::In | Self::NotIn => value.is_array(),
            Self::StartsWith | Self::ListContains | Self::StringContains => value.is_string(),
        }
    }

    fn holds(self, attribute: Option<&Value>, value: &Value) -> bool {
        let Some(attribute) = attribute else {
            return matches!(self, Self::NotEquals | Self::NotIn);
        };
        match self {
            Self::Equals => same(attribute, value),
            Self::NotEquals => !same(attribute, value),
            Self::GreaterThan => compares(attribute, value, |a, b| a > b),
            Self::GreaterThanOrEquals => compares(attribute, value, |a, b| a >= b),
            Self::LessThan => compares(attribute, value, |a, b| a < b),
            Self::LessThanOrEquals => compares(attribute, value, |a, b| a <= b),
            Self::In => among(attribute, value),
            Self::NotIn => !among(attribute, value),
            Self::StartsWith => strings(attribute, value, |text, start| text.starts_with(start)),
            Self::ListContains => among(value, attribute),
            Self::StringContains => {
                strings(attribute, value, |text, part| text.contains(part))
                    || among(value, attribute)
            }
        }
    }
}

/// Equality in which 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || compares(a, b, |a, b| a.total_cmp(&b).is_eq())
}

fn compares(a: &Value, b: &Value, holds: fn(f64, f64) -> bool) -> bool {
    a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| holds(a, b))
}

fn among(item: &Value, list: &Value) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|member| same(item, member)))
}

fn strings(a: &Value, b: &Value, holds: fn(&str, &str) -> bool) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| holds(a, b))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Filter;
    use crate::knowledge_base::sidecar::Attributes;

    fn attributes() -> Attributes {
        [("user_id", json!("u1")), ("year", json!(2024)), ("tags", json!(["a", "b"]))]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    fn condition(operator: &str, key: &str, value: &Value) -> Value {
        json!({ operator: { "key": key, "value": value } })
    }

    #[test]
    fn operators_hold_as_documented() {
        for (operator, key, value, expected) in [
            ("equals", "user_id", json!("u1"), true),
            ("equals", "user_id", json!("u2"), false),
            ("equals", "year", json!(2024.0), true),
            ("equals", "missing", json!("u1"), false),
            ("notEquals", "user_id", json!("u1"), false),
            ("notEquals", "missing", json!("u1"), true),
            ("in", "user_id", json!(["u0", "u1"]), true),
            ("in", "user_id", json!([]), false),
            ("notIn", "user_id", json!(["u1"]), false),
            ("greaterThan", "year", json!(2024), false),
            ("lessThanOrEquals", "year", json!(2024), true),
            ("startsWith", "user_id", json!("u"), true),
            ("listContains", "tags", json!("b"), true),
            ("stringContains", "user_id", json!("1"), true),
        ] {
            let filter = Filter::parse(&condition(operator, key, &value)).unwrap();
            assert_eq!(filter.passes(&attributes()), expected, "{operator} {key} {value}");
        }
    }

    #[test]
    fn groups_combine_and_pin_the_user() {
        let (mine, year) = (condition("equals", "user_id", &json!("u1")), json!(2023));
        let other = condition("equals", "year", &year);
        let all = Filter::parse(&json!({ "andAll": [mine, other] })).unwrap();
        let any = Filter::parse(&json!({ "orAll": [mine, other] })).unwrap();
        assert!(!all.passes(&attributes()) && any.passes(&attributes()));
        assert_eq!((all.pinned("user_id"), any.pinned("user_id")), (Some("u1"), None));
    }

    #[test]
    fn refuses_what_is_not_a_filter() {
        let leaf = condition("equals", "a", &json!("b"));
        let group = json!({ "andAll": [leaf, leaf] });
        let nested = json!({ "orAll": [leaf, { "andAll": [leaf, group] }] });
        for bad in [
            json!({}),
            json!({ "andAll": [leaf] }),
            json!({ "like": { "key": "a", "value": "b" } }),
            json!({ "in": { "key": "a", "value": "b" } }),
            json!({ "equals": { "key": "a" } }),
            nested,
        ] {
            assert_eq!(Filter::parse(&bad).unwrap_err().code, "ValidationException", "{bad}");
        }
        assert!(Filter::parse(&json!({ "orAll": [leaf, group] })).is_ok());
    }
}

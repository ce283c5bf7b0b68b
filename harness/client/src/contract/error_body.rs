//! The body of an error: one flat JSON object with a sentence, a stable code, and the request's id.

use serde_json::Value;

use super::{ContractBreach, ContractRule, headers};
use crate::answers::ErrorAnswer;
use crate::exchange::Exchange;

/// Parses the body and reports everything that is off; none where it cannot be parsed.
pub(super) fn check(
    exchange: &Exchange,
    breaches: &mut Vec<ContractBreach>,
) -> Option<ErrorAnswer> {
    let mut wrong = |detail: String| {
        breaches.push(ContractBreach::new(ContractRule::ErrorBody, detail));
    };
    if !headers::is_json(exchange) {
        wrong("content-type is not application/json".to_owned());
    }
    let value: Value = match serde_json::from_slice(&exchange.body) {
        Ok(value) => value,
        Err(error) => {
            wrong(format!("not json: {error}"));
            return None;
        }
    };
    let Value::Object(fields) = &value else {
        wrong("not an object".to_owned());
        return None;
    };
    for (name, field) in fields {
        if field.is_object() || field.is_array() {
            wrong(format!("field {name:?} is not flat"));
        }
    }
    let answer: ErrorAnswer = match serde_json::from_value(value) {
        Ok(answer) => answer,
        Err(error) => {
            wrong(error.to_string());
            return None;
        }
    };
    if answer.error.trim().is_empty() {
        wrong("error is empty".to_owned());
    }
    if !is_code(&answer.code) {
        wrong(format!("code {:?} is not snake_case", answer.code));
    }
    if exchange.request_id() != Some(&answer.request_id) {
        wrong(format!("request_id {:?} differs from x-request-id", answer.request_id));
    }
    if answer.retry_after.is_some() && answer.retry_after != exchange.retry_after_s() {
        wrong("retry_after differs from the header".to_owned());
    }
    Some(answer)
}

fn is_code(code: &str) -> bool {
    code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

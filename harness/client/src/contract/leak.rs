//! Looks for the inside of the service in errors and headers: ARNs, account ids, keys, hosts, SDK text, stacks, and a
//! stage's own names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ContractBreach, ContractRule};
use crate::exchange::Exchange;

/// Text that no answer has a use for, in lower case, and what it is.
const TELLTALES: &[(&str, &str)] = &[
    ("arn:aws", "an arn"),
    ("amazonaws.com", "an aws host"),
    ("sdkerror", "sdk text"),
    ("serviceerror", "sdk text"),
    ("dispatchfailure", "sdk text"),
    ("dispatch failure", "sdk text"),
    ("constructionfailure", "sdk text"),
    ("aws_sdk_", "sdk text"),
    ("aws_smithy_", "sdk text"),
    ("unhandled(", "sdk text"),
    ("backtrace", "a stack"),
    ("panicked", "a panic"),
    (".rs:", "a source line"),
];

/// API Gateway developer guide, "Gateway response types".
const AWS_KIND: &str = "x-amzn-errortype";

/// Scans every header of any answer.
pub(super) fn check_headers(
    exchange: &Exchange,
    forbidden: &[String],
    breaches: &mut Vec<ContractBreach>,
) {
    for (name, value) in &exchange.headers {
        // A gateway names the kind of its own error there; the service has no such header.
        if name == AWS_KIND && super::is_from_edge(exchange) {
            continue;
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        for kind in scan(&text, forbidden) {
            let detail = format!("header {name} shows {kind}");
            breaches.push(ContractBreach::new(ContractRule::Leak, detail));
        }
    }
}

/// Scans an error's body as it is and, where it is JSON, each text of it without its escapes.
pub(super) fn check_body(
    exchange: &Exchange,
    forbidden: &[String],
    breaches: &mut Vec<ContractBreach>,
) {
    let mut kinds = scan(&String::from_utf8_lossy(&exchange.body), forbidden);
    if let Ok(value) = serde_json::from_slice::<Value>(&exchange.body) {
        texts(&value, &mut |text| kinds.extend(scan(text, forbidden)));
    }
    for kind in kinds {
        let detail = format!("the error body shows {kind}");
        breaches.push(ContractBreach::new(ContractRule::Leak, detail));
    }
}

fn texts(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, see)),
        Value::Object(fields) => {
            for (name, field) in fields {
                see(name);
                texts(field, see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn scan(text: &str, forbidden: &[String]) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let mut kinds: BTreeSet<String> = TELLTALES
        .iter()
        .filter(|(telltale, _)| lower.contains(telltale))
        .map(|(_, kind)| (*kind).to_owned())
        .collect();
    for word in forbidden {
        if lower.contains(word) {
            kinds.insert(format!("the forbidden word {word:?}"));
        }
    }
    if has_access_key(text) {
        kinds.insert("an access key id".to_owned());
    }
    if has_account_id(text) {
        kinds.insert("an account id".to_owned());
    }
    if has_exception_name(text) {
        kinds.insert("an exception's name".to_owned());
    }
    kinds
}

/// `AKIA` or `ASIA` and sixteen more of `[A-Z0-9]`, on their own (IAM user guide, "unique ids").
fn has_access_key(text: &str) -> bool {
    words(text, |byte| byte.is_ascii_alphanumeric()).any(|word| {
        let key = word.starts_with("AKIA") || word.starts_with("ASIA");
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        key && word.len() == 20 && word.bytes().all(upper)
    })
}

/// Twelve digits between the colons of an ARN, also of a cut one.
fn has_account_id(text: &str) -> bool {
    let mut fields = text.split(':').peekable();
    // The first and the last field have a colon on one side only.
    fields.next();
    while let Some(field) = fields.next() {
        let closed = fields.peek().is_some();
        if closed && field.len() == 12 && field.bytes().all(|byte| byte.is_ascii_digit()) {
            return true;
        }
    }
    false
}

/// `ResourceNotFoundException` and its like: a word in camel case that ends so.
fn has_exception_name(text: &str) -> bool {
    words(text, |byte| byte.is_ascii_alphanumeric()).any(|word| {
        let name = word.strip_suffix("Exception").unwrap_or_default();
        name.starts_with(|first: char| first.is_ascii_uppercase())
    })
}

fn words(text: &str, inside: fn(u8) -> bool) -> impl Iterator<Item = &str> {
    text.split(move |c: char| !u8::try_from(c).is_ok_and(inside)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(text: &str) -> bool {
        !scan(text, &["manuel-usage".to_owned()]).is_empty()
    }

    #[test]
    fn leaks_are_found() {
        for text in [
            "User: arn:aws:sts::123456789012:assumed-role/x is not authorized",
            "arn:aws-cn:s3:::b",
            "see eu-west-1:123456789012:table/x",
            "key AKIAIOSFODNN7EXAMPLE refused",
            "https://bucket.s3.eu-west-1.AMAZONAWS.com/x",
            "SdkError: dispatch",
            "ServiceError(ServiceError { .. })",
            "ProvisionedThroughputExceededException",
            "thread 'main' panicked at x",
            "at src/http/error.rs:12",
            "stack backtrace:",
            "cannot read Manuel-Usage",
        ] {
            assert!(finds(text), "{text}");
        }
    }

    #[test]
    fn plain_sentences_pass() {
        for text in [
            "Your daily quota is used up. It resets at 00:00:00 UTC.",
            "The manual was not found.",
            "With one Exception, all files are fine.",
            "request 123456789012 failed",
            "AKIA is a name; ASIAN food too; AKIAIOSFODNN7EXAMPLELONGER",
            "default-src 'none'; frame-ancestors 'none'",
        ] {
            assert!(!finds(text), "{text}: {:?}", scan(text, &[]));
        }
    }

    proptest! {
        #[test]
        fn a_planted_arn_is_found(before in "[ -~]{0,30}", after in "[ -~]{0,30}") {
            let text = format!("{before}arn:aws:iam::1:x{after}");
            prop_assert!(finds(&text));
        }

        #[test]
        fn uuids_are_no_leak(id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
            prop_assert!(!finds(&id));
        }
    }
}

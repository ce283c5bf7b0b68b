//! The headers that every answer carries, errors too (api.md, "Headers").

use super::{ContractBreach, ContractRule};
use crate::exchange::Exchange;

type Test = fn(&str) -> bool;

/// Header, what it must be, and the test of it (values in lower case).
const WANTED: &[(&str, &str, Test)] = &[
    ("strict-transport-security", "max-age of more than 0", is_hsts),
    ("x-content-type-options", "nosniff", |value| value == "nosniff"),
    ("x-frame-options", "DENY", |value| value == "deny"),
    ("content-security-policy", "default-src 'none' …", is_csp),
    ("referrer-policy", "one that keeps the path from other sites", is_referrer_policy),
    ("cache-control", "no-store", |value| directives(value, ',').any(|one| one == "no-store")),
    ("x-request-id", "1 to 128 visible characters", is_request_id),
    ("x-manuel-version", "a git commit, with -dirty where it is", is_version),
];

/// Reports each header that is missing, doubled or wrong.
pub(super) fn check(exchange: &Exchange, breaches: &mut Vec<ContractBreach>) {
    for (name, wanted, test) in WANTED {
        let detail = match exchange.text(name) {
            Some(value) if test(&value.to_ascii_lowercase()) => continue,
            Some(value) => format!("{name} is {value:?}, wanted {wanted}"),
            None if exchange.headers.contains_key(*name) => {
                format!("{name} is there more than once, or not in visible characters")
            }
            None => format!("{name} is missing, wanted {wanted}"),
        };
        breaches.push(ContractBreach::new(ContractRule::Header, detail));
    }
    if let Err(error) = exchange.server_timing() {
        breaches.push(ContractBreach::new(ContractRule::Header, error.to_string()));
    }
}

/// Whether the body is announced as JSON.
pub(super) fn is_json(exchange: &Exchange) -> bool {
    exchange.text("content-type").is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    })
}

fn directives(value: &str, separator: char) -> impl Iterator<Item = &str> {
    value.split(separator).map(str::trim)
}

fn is_hsts(value: &str) -> bool {
    directives(value, ';')
        .filter_map(|directive| directive.strip_prefix("max-age="))
        .any(|age| age.trim_matches('"').parse::<u64>().is_ok_and(|seconds| seconds > 0))
}

fn is_csp(value: &str) -> bool {
    directives(value, ';').any(|directive| {
        let mut words = directive.split_ascii_whitespace();
        words.next() == Some("default-src") && words.eq(["'none'"])
    })
}

fn is_referrer_policy(value: &str) -> bool {
    ["no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"]
        .contains(&value)
}

fn is_request_id(value: &str) -> bool {
    (1..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_version(value: &str) -> bool {
    let commit = value.strip_suffix("-dirty").unwrap_or(value);
    (7..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert!(is_hsts("max-age=31536000; includesubdomains") && is_hsts("preload;max-age=1"));
        assert!(!is_hsts("max-age=0") && !is_hsts("includesubdomains"));
        assert!(
            is_csp("default-src 'none'; frame-ancestors 'none'") && is_csp("default-src 'none'")
        );
        assert!(!is_csp("default-src 'self'") && !is_csp("default-src 'none' 'self'"));
        assert!(!is_referrer_policy("unsafe-url") && is_referrer_policy("no-referrer"));
        assert!(is_version("1a53660") && is_version("1a53660-dirty"));
        assert!(!is_version("unknown") && !is_version("-dirty") && !is_version(""));
        assert!(!is_request_id("") && !is_request_id("a b") && is_request_id("r-1"));
    }
}

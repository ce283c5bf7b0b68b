//! The deployment's own template, and what makes it one that cannot be enforced.

use super::*;
use crate::adapters::edge::firewall::Asks;

fn template() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../backend/deploy/template.yaml");
    std::fs::read_to_string(path).unwrap()
}

fn chosen(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn error(from: &str, to: &str) -> String {
    let text = template();
    assert!(text.contains(from), "{from} is gone from the template");
    let error = Deployment::parse(&text.replace(from, to), &BTreeMap::new()).unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

#[test]
fn the_template_is_read_whole() {
    let deployment = Deployment::parse(&template(), &BTreeMap::new()).unwrap();
    assert_eq!(deployment.throttle, Throttle { rate_per_s: 100, burst: 200 });
    let rules: Vec<(&str, &str)> = deployment
        .firewall
        .rules
        .iter()
        .map(|rule| {
            let enforced = match (&rule.asks, rule.approximation()) {
                (Asks::Managed(_), _) => "no",
                (_, Some(_)) => "approximate",
                (_, None) => "exact",
            };
            (rule.name.as_str(), enforced)
        })
        .collect();
    assert_eq!(
        rules,
        [
            ("rate-per-address", "approximate"),
            ("no-token", "exact"),
            ("long-address", "exact"),
            ("large-body-elsewhere", "exact"),
            ("known-bad-inputs", "no"),
            ("common", "no"),
            ("sql", "no"),
            ("sql-injection", "approximate"),
            ("cross-site-scripting", "approximate"),
            ("suspicious-body-elsewhere", "approximate"),
        ]
    );
    let routes = &deployment.routes;
    assert!(routes.len() > 12, "{routes:?}");
    assert_ne!(routes.of("/api/query"), routes.of("/api/manuals"));
    assert_eq!(routes.of("/nothing/here"), routes.of("/openapi.json"));
    let looked_at = ["ApiBurstLimit", "ApiRateLimit", "IpAllowlist", "WafRateLimit"];
    let read: Vec<&String> = deployment.parameters.keys().collect();
    assert!(looked_at.iter().all(|name| read.contains(&&(*name).to_owned())), "{read:?}");
}

#[test]
fn parameters_choose_limits_and_the_allowlist() {
    let chosen = chosen(&[("ApiRateLimit", "7"), ("IpAllowlist", "127.0.0.0/30")]);
    let deployment = Deployment::parse(&template(), &chosen).unwrap();
    assert_eq!(deployment.throttle, Throttle { rate_per_s: 7, burst: 200 });
    assert_eq!(deployment.firewall.rules[0].name, "not-on-the-allowlist");
}

#[test]
fn a_choice_that_changes_nothing_is_refused() {
    let idle = Deployment::parse(&template(), &chosen(&[("DailyQuota", "7")])).unwrap_err();
    let idle = idle.to_string();
    assert!(idle.contains("does not look at the parameter `DailyQuota`"), "{idle}");
    assert!(idle.contains("WafRateLimit"), "{idle}");
}

#[test]
fn what_would_have_to_be_enforced_too_is_refused_by_name() {
    let auth = "      OpenApiVersion: \"3.0.1\"\n";
    for (from, to, said) in [
        (auth, "      Auth: {DefaultAuthorizer: Pool}\n", "`Api` has an authorizer (Auth)"),
        (auth, "      Cors: \"'*'\"\n", "`Api` has Cors"),
        ("ResourcePath: \"/*\"", "ResourcePath: /health", "MethodSettings of single methods"),
        (
            "Method: any, Path: \"/api/query\"",
            "Method: post, Path: \"/api/query\"",
            "the method post only",
        ),
        ("FieldToMatch: {Method: {}}", "FieldToMatch: {Cookies: {}}", "unknown variant `Cookies`"),
        ("Type: LOWERCASE", "Type: BASE64_DECODE", "unknown variant `BASE64_DECODE`"),
        (
            "AggregateKeyType: IP",
            "AggregateKeyType: FORWARDED_IP",
            "unknown variant `FORWARDED_IP`",
        ),
    ] {
        let error = error(from, to);
        assert!(error.contains(said), "{error}");
    }
    let two = "Resources:\n  Second: {Type: AWS::WAFv2::WebACL, Properties: {}}\n";
    assert!(error("Resources:\n", two).contains("has 2 resources of the type AWS::WAFv2::WebACL"));
}

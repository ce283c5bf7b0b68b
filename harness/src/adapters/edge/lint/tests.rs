//! The deployment's own rules are clean, and each way of making them unclean is found.

use std::collections::BTreeMap;

use super::*;
use crate::adapters::edge::deployment::Deployment;
use crate::adapters::edge::legitimate;

fn template() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../backend/deploy/template.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// What is found in the template after `from` was replaced.
fn found(from: &str, to: &str) -> Vec<Finding> {
    let text = template();
    assert!(from.is_empty() || text.contains(from), "{from} is gone from the template");
    let deployment = Deployment::parse(&text.replace(from, to), &BTreeMap::new()).unwrap();
    lint(&deployment.firewall, &legitimate::requests())
}

#[test]
fn the_deployment_blocks_nothing_that_is_legitimate() {
    let deployment = Deployment::parse(&template(), &BTreeMap::new()).unwrap();
    assert_eq!(lint(&deployment.firewall, &legitimate::requests()), []);
    let groups =
        deployment.firewall.rules.iter().filter(|rule| matches!(rule.asks, Asks::Managed(_)));
    assert_eq!(groups.count(), 3);
}

/// A seeded mistake in the template, a word of the requests that it blocks, and the rule.
#[test]
fn what_would_be_blocked_is_named() {
    let counted =
        |rule: &str| format!("                - {{Name: {rule}, ActionToUse: {{Count: {{}}}}}}\n");
    let elsewhere = r#"RegexString: "/api/(query|transcribe|manuals/upload)$""#;
    for (from, to, request, rule) in [
        (
            counted("SizeRestrictions_BODY"),
            String::new(),
            "an upload of 4 MB",
            "SizeRestrictions_BODY",
        ),
        (
            counted("SizeRestrictions_BODY"),
            String::new(),
            "a spoken question",
            "SizeRestrictions_BODY",
        ),
        (counted("SQLi_BODY"), String::new(), "DROP TABLE do?", "SQLi_BODY"),
        (
            counted("SQLiExtendedPatterns_BODY"),
            String::new(),
            "DROP TABLE do?",
            "SQLiExtendedPatterns_BODY",
        ),
        (counted("CrossSiteScripting_BODY"), String::new(), "<script>", "CrossSiteScripting_BODY"),
        (counted("GenericLFI_BODY"), String::new(), "etc/passwd", "GenericLFI_BODY"),
        (counted("GenericRFI_BODY"), String::new(), "a download", "GenericRFI_BODY"),
        (counted("EC2MetaDataSSRF_BODY"), String::new(), "169.254", "EC2MetaDataSSRF_BODY"),
        (
            elsewhere.to_owned(),
            elsewhere.replace("query|", ""),
            "a spoken question",
            "large-body-elsewhere",
        ),
        (
            elsewhere.to_owned(),
            elsewhere.replace("query|", ""),
            "DROP TABLE do?",
            "suspicious-body-elsewhere",
        ),
        (
            elsewhere.to_owned(),
            elsewhere.replace("|manuals/upload", ""),
            "an upload of 4 MB",
            "large-body-elsewhere",
        ),
        (
            "SearchString: OPTIONS".to_owned(),
            "SearchString: HEAD".to_owned(),
            "OPTIONS /api/query",
            "no-token",
        ),
        ("Size: 2048".to_owned(), "Size: 40".to_owned(), "cursor=", "long-address"),
    ] {
        let found = found(&from, &to);
        let named = |finding: &Finding| match finding {
            Finding::Blocks { request: blocked, rule: by, within } => {
                blocked.contains(request) && within.unwrap_or(by) == rule
            }
            Finding::OverridesNothing { .. } | Finding::UnknownGroup { .. } => false,
        };
        assert!(found.iter().any(named), "{request} under {rule}: {found:?}");
    }
}

#[test]
fn an_override_of_nothing_and_an_unknown_group_are_named() {
    let typo = found("{Name: SQLi_BODY,", "{Name: SQLI_BODY,");
    let overrides = Finding::OverridesNothing { rule: "sql".into(), overrides: "SQLI_BODY".into() };
    assert!(typo.contains(&overrides), "{typo:?}");
    let other =
        found("Name: AWSManagedRulesKnownBadInputsRuleSet", "Name: AWSManagedRulesLinuxRuleSet");
    let group = Finding::UnknownGroup {
        rule: "known-bad-inputs".into(),
        group: "AWSManagedRulesLinuxRuleSet".into(),
    };
    assert_eq!(other, [group]);
}

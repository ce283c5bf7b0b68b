//! The order of rules, what their actions do, and what is refused before anything is enforced.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::adapters::edge::acl::WebAcl;
use crate::adapters::edge::rules_error::RuleProblem;
use crate::adapters::edge::statement::Sets;

fn firewall(rules: Value) -> Result<Firewall, (String, RuleProblem)> {
    let mut acl = json!({
        "Name": "x", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": {},
        "CustomResponseBodies": {"slow": {"ContentType": "APPLICATION_JSON", "Content": "{}"}},
    });
    acl["Rules"] = rules;
    let acl: WebAcl = serde_json::from_value(acl).unwrap();
    Firewall::compile(acl, &Sets::new())
}

fn rule(name: &str, priority: u32, action: Value, statement: Value) -> Value {
    let mut rule = json!({"Name": name, "Priority": priority, "VisibilityConfig": {}});
    rule["Action"] = action;
    rule["Statement"] = statement;
    rule
}

fn path(regex: &str) -> Value {
    json!({"RegexMatchStatement": {"RegexString": regex, "FieldToMatch": {"UriPath": {}},
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}})
}

fn group(overrides: Value, whole: &str) -> Value {
    let mut group = json!({"VendorName": "AWS", "Name": "G", "ScopeDownStatement": path("^/in")});
    group["RuleActionOverrides"] = overrides;
    let mut rule = json!({"Name": "group", "Priority": 1, "VisibilityConfig": {}, "Statement": {}});
    rule["OverrideAction"] = json!({ whole: {} });
    rule["Statement"]["ManagedRuleGroupStatement"] = group;
    rule
}

/// The rules that matched, and who blocked, of a `GET` of `path`.
fn decide(firewall: &Firewall, path: &str, at: Option<u64>) -> (Vec<String>, Option<String>) {
    let headers = HeaderMap::new();
    let seen = Seen {
        method: "GET",
        path,
        query: "",
        headers: &headers,
        body: &[],
        peer: [127, 0, 0, 1].into(),
    };
    let managed =
        |_: &ManagedGroup, _: &Seen<'_>| vec![Matched { rule: "R_BODY", label: "l:r".to_owned() }];
    let look = Look { managed: &managed, at: at.map(Duration::from_secs) };
    let decision = firewall.decide(&seen, &look);
    let matched = decision.matched.into_iter().map(str::to_owned).collect();
    let by = |blocked: Blocked<'_>| {
        blocked
            .within
            .map_or_else(|| blocked.by.to_owned(), |rule| format!("{}/{rule}", blocked.by))
    };
    (matched, decision.blocked.map(by))
}

#[test]
fn rules_are_asked_in_their_order_until_one_decides() {
    let firewall = firewall(json!([
        rule("last", 9, json!({"Block": {}}), path(".")),
        rule("count", 1, json!({"Count": {}}), path("/a")),
        rule("allow", 2, json!({"Allow": {}}), path("/ab")),
        rule("block", 3, json!({"Block": {}}), path("/a")),
    ]))
    .unwrap();
    for (asked, matched, blocked) in [
        ("/ab", &["count", "allow"][..], None),
        ("/a", &["count", "block"], Some("block")),
        ("/x", &["last"], Some("last")),
    ] {
        let (seen, by) = decide(&firewall, asked, None);
        assert_eq!(
            (seen, by.as_deref()),
            (matched.iter().map(|&m| m.to_owned()).collect(), blocked)
        );
    }
}

#[test]
fn a_group_is_what_its_overrides_and_its_scope_make_of_it() {
    let label = json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "l:r"}});
    let counted = json!([{"Name": "R_BODY", "ActionToUse": {"Count": {}}}]);
    for (overrides, whole, asked, by) in [
        (json!([]), "None", "/in", Some("group/R_BODY")),
        (json!([]), "None", "/out", None),
        (json!([]), "Count", "/in", Some("labelled")),
        (counted.clone(), "None", "/in", Some("labelled")),
        (json!([{"Name": "R_BODY", "ActionToUse": {"Allow": {}}}]), "None", "/in", None),
        (counted, "None", "/out", None),
    ] {
        let labelled = rule("labelled", 2, json!({"Block": {}}), label.clone());
        let firewall = firewall(json!([group(overrides, whole), labelled])).unwrap();
        assert_eq!(decide(&firewall, asked, None).1.as_deref(), by, "{whole} {asked}");
    }
}

#[test]
fn a_rate_is_counted_only_where_there_is_time() {
    let rate = json!({"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": 1,
        "EvaluationWindowSec": 60, "ScopeDownStatement": path("^/api")}});
    let answer = json!({"Block": {"CustomResponse": {"ResponseCode": 429, "CustomResponseBodyKey": "slow",
        "ResponseHeaders": [{"Name": "Retry-After", "Value": "60"}]}}});
    let firewall = firewall(json!([rule("rate", 0, answer, rate)])).unwrap();
    let by = |path, at| decide(&firewall, path, at).1;
    assert_eq!(
        [by("/api", None), by("/api", None), by("/api", Some(0)), by("/", Some(0))],
        [const { None }; 4]
    );
    assert_eq!(by("/api", Some(59)).as_deref(), Some("rate"));
    assert_eq!(by("/api", Some(130)), None);
    assert!(firewall.rules[0].approximation().is_some());
    let Action::Block(Refusal { custom: Some(answer) }) = &firewall.rules[0].action else {
        panic!("{firewall:?}")
    };
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (429, &b"{}"[..]));
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[test]
fn what_cannot_be_enforced_whole_is_refused() {
    let answer = |answer: Value| json!({"Block": {"CustomResponse": answer}});
    let both = |mut rule: Value| {
        rule["OverrideAction"] = json!({"None": {}});
        rule
    };
    for (rules, said) in [
        (
            json!([
                rule("a", 0, json!({"Count": {}}), path("x")),
                rule("a", 1, json!({"Count": {}}), path("x"))
            ]),
            "name",
        ),
        (
            json!([
                rule("a", 0, json!({"Count": {}}), path("x")),
                rule("b", 0, json!({"Count": {}}), path("x"))
            ]),
            "priority",
        ),
        (json!([rule("a", 0, answer(json!({"ResponseCode": 99})), path("x"))]), "99 cannot"),
        (
            json!([rule(
                "a",
                0,
                answer(json!({"ResponseCode": 400, "CustomResponseBodyKey": "fast"})),
                path("x")
            )]),
            "fast cannot",
        ),
        (json!([both(rule("a", 0, json!({"Count": {}}), path("x")))]), "no managed group"),
    ] {
        let (rule, problem) = firewall(rules).unwrap_err();
        assert!(
            ["a", "b"].contains(&rule.as_str()) && problem.to_string().contains(said),
            "{problem}"
        );
    }
    let captcha =
        serde_json::from_value::<crate::adapters::edge::acl::Action>(json!({"Captcha": {}}));
    assert!(captcha.unwrap_err().to_string().contains("unknown variant `Captcha`"));
}

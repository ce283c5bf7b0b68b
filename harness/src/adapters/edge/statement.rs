//! Statements that can be asked: patterns compiled, sets of addresses looked up, and what no rule of one's own may hold
//! refused.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use libinjectionrs::detect_sqli;
use libinjectionrs::detect_xss;
use regex::bytes::Regex;

use super::acl;
use super::acl::Comparison;
use super::acl::Field;
use super::acl::Position;
use super::acl::TextTransformation;
use super::addresses::Addresses;
use super::component::Component;
use super::component::Seen;
use super::rules_error::RuleProblem;

/// Sets of addresses, by the name of their resource.
pub(super) type Sets = BTreeMap<String, Addresses>;

/// What a rule looks for.
#[derive(Debug)]
pub(super) enum Statement {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    From(Addresses),
    Label(String),
    Regex(Target, Regex),
    Bytes(Target, Position, Vec<u8>),
    Size(Target, Comparison, usize),
    Sqli(Target),
    Xss(Target),
}

/// A part of a request, and what is made of it first.
#[derive(Debug)]
pub(super) struct Target {
    field: Field,
    transformations: Vec<TextTransformation>,
}

impl Statement {
    pub(super) fn compile(statement: acl::Statement, sets: &Sets) -> Result<Self, RuleProblem> {
        let all = |several: acl::Several| -> Result<Vec<Self>, RuleProblem> {
            several.statements.into_iter().map(|one| Self::compile(one, sets)).collect()
        };
        Ok(match statement {
            acl::Statement::AndStatement(several) => Self::All(all(several)?),
            acl::Statement::OrStatement(several) => Self::Any(all(several)?),
            acl::Statement::NotStatement(one) => {
                Self::Not(Box::new(Self::compile(*one.statement, sets)?))
            }
            acl::Statement::IPSetReferenceStatement(reference) => {
                let name = reference.arn.strip_suffix(".Arn").unwrap_or(&reference.arn);
                let set = sets.get(name).ok_or_else(|| RuleProblem::NoSet(name.to_owned()))?;
                Self::From(set.clone())
            }
            acl::Statement::LabelMatchStatement(label) => Self::Label(label.key),
            acl::Statement::RegexMatchStatement(wanted) => {
                let regex = Regex::new(&wanted.regex_string)
                    .map_err(|source| RuleProblem::Regex { source })?;
                Self::Regex(Target::new(wanted.field_to_match, wanted.text_transformations), regex)
            }
            acl::Statement::ByteMatchStatement(wanted) => Self::Bytes(
                Target::new(wanted.field_to_match, wanted.text_transformations),
                wanted.positional_constraint,
                wanted.search_string.into_bytes(),
            ),
            acl::Statement::SizeConstraintStatement(size) => Self::Size(
                Target::new(size.field_to_match, size.text_transformations),
                size.comparison_operator,
                size.size,
            ),
            acl::Statement::SqliMatchStatement(injection) => {
                Self::Sqli(Target::new(injection.field_to_match, injection.text_transformations))
            }
            acl::Statement::XssMatchStatement(injection) => {
                Self::Xss(Target::new(injection.field_to_match, injection.text_transformations))
            }
            acl::Statement::RateBasedStatement(_) => return Err(RuleProblem::Nested("a rate")),
            acl::Statement::ManagedRuleGroupStatement(_) => {
                return Err(RuleProblem::Nested("a managed group"));
            }
        })
    }

    /// Whether `seen` is what the statement looks for, with the labels that earlier rules set.
    pub(super) fn matches(&self, seen: &Seen<'_>, labels: &BTreeSet<String>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.matches(seen, labels)),
            Self::Any(any) => any.iter().any(|one| one.matches(seen, labels)),
            Self::Not(one) => !one.matches(seen, labels),
            Self::From(addresses) => addresses.has(seen.peer),
            Self::Label(label) => labels.contains(label),
            Self::Regex(target, regex) => target.any(seen, |text| regex.is_match(text)),
            Self::Bytes(target, position, bytes) => {
                target.any(seen, |text| position.holds(text, bytes))
            }
            Self::Size(target, comparison, size) => {
                target.any(seen, |text| comparison.holds(text.len(), *size))
            }
            Self::Sqli(target) => target.any(seen, |text| detect_sqli(text).is_injection()),
            Self::Xss(target) => target.any(seen, |text| detect_xss(text).is_injection()),
        }
    }

    /// Why what is enforced here may differ from what AWS does; none where it cannot.
    pub(super) fn approximation(&self) -> Option<&'static str> {
        match self {
            Self::All(several) | Self::Any(several) => several.iter().find_map(Self::approximation),
            Self::Not(one) => one.approximation(),
            Self::Sqli(_) | Self::Xss(_) => {
                Some("by libinjection; what AWS WAF looks for is closed")
            }
            Self::Label(label) if label.starts_with("awswaf:managed:") => {
                Some("a managed group sets this label, and none is imitated")
            }
            Self::Label(_) | Self::From(_) | Self::Regex(..) | Self::Bytes(..) | Self::Size(..) => {
                None
            }
        }
    }
}

impl Target {
    fn new(field: Field, mut transformations: Vec<TextTransformation>) -> Self {
        transformations.sort_by_key(|transformation| transformation.priority);
        Self { field, transformations }
    }

    fn any(&self, seen: &Seen<'_>, holds: impl Fn(&[u8]) -> bool) -> bool {
        match self.field.of(seen, &self.transformations) {
            Component::Decided(matches) => matches,
            Component::Texts(texts) => texts.iter().map(Cow::as_ref).any(holds),
        }
    }
}

impl Position {
    fn holds(self, text: &[u8], wanted: &[u8]) -> bool {
        match self {
            Self::Exactly => text == wanted,
            Self::StartsWith => text.starts_with(wanted),
            Self::EndsWith => text.ends_with(wanted),
            Self::Contains => {
                wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
            }
        }
    }
}

impl Comparison {
    fn holds(self, size: usize, limit: usize) -> bool {
        match self {
            Self::Eq => size == limit,
            Self::Ne => size != limit,
            Self::Le => size <= limit,
            Self::Lt => size < limit,
            Self::Ge => size >= limit,
            Self::Gt => size > limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn compile(statement: Value) -> Result<Statement, RuleProblem> {
        let office = Addresses::parse(&["127.0.0.0/30".to_owned()]).unwrap();
        let sets = [("Office".to_owned(), office)].into();
        Statement::compile(serde_json::from_value(statement).unwrap(), &sets)
    }

    fn plain(field: &str) -> Value {
        json!({ field: {} })
    }

    fn of(field: &str, kind: &str, mut members: Value) -> Value {
        members["FieldToMatch"] = plain(field);
        members["TextTransformations"] = json!([
            {"Priority": 1, "Type": "HTML_ENTITY_DECODE"}, {"Priority": 0, "Type": "URL_DECODE"}
        ]);
        json!({ kind: members })
    }

    fn not(statement: Value) -> Value {
        let mut not = json!({"NotStatement": {}});
        not["NotStatement"]["Statement"] = statement;
        not
    }

    fn joined(kind: &str, statements: &[Value]) -> Value {
        json!({ kind: {"Statements": statements} })
    }

    #[test]
    fn each_statement_matches_what_it_names() {
        let headers = HeaderMap::new();
        let labels = ["a:b".to_owned()].into();
        let seen = Seen {
            method: "GET",
            path: "/api/manuals",
            query: "limit=1%27%20OR%20%271%27=%271&q=%26lt;script%26gt;alert(1)%26lt;/script%26gt;",
            headers: &headers,
            body: b"12345",
            peer: [127, 0, 0, 2].into(),
        };
        let size = |operator: &str, size: usize| {
            of(
                "Body",
                "SizeConstraintStatement",
                json!({"ComparisonOperator": operator, "Size": size}),
            )
        };
        let bytes = |position: &str, text: &str| {
            let members = json!({"PositionalConstraint": position, "SearchString": text});
            of("UriPath", "ByteMatchStatement", members)
        };
        let regex = |text: &str| of("UriPath", "RegexMatchStatement", json!({"RegexString": text}));
        let label = |key: &str| json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": key}});
        let office = json!({"IPSetReferenceStatement": {"Arn": "Office.Arn"}});
        let (yes, no) = (label("a:b"), label("a:c"));
        for (statement, expected) in [
            (size("EQ", 5), true),
            (size("NE", 5), false),
            (size("LE", 4), false),
            (size("LT", 6), true),
            (size("GE", 6), false),
            (size("GT", 4), true),
            (bytes("EXACTLY", "/api/manuals"), true),
            (bytes("EXACTLY", "/api"), false),
            (bytes("STARTS_WITH", "/api/"), true),
            (bytes("ENDS_WITH", "/api/"), false),
            (bytes("CONTAINS", "i/m"), true),
            (bytes("CONTAINS", "query"), false),
            (regex("/(query|manuals)$"), true),
            (regex("^/manuals"), false),
            (office.clone(), true),
            (not(office), false),
            (of("AllQueryArguments", "SqliMatchStatement", json!({})), true),
            (of("UriPath", "SqliMatchStatement", json!({})), false),
            (of("AllQueryArguments", "XssMatchStatement", json!({})), true),
            (of("Body", "XssMatchStatement", json!({})), false),
            (joined("AndStatement", &[yes.clone(), no.clone()]), false),
            (joined("OrStatement", &[yes, no]), true),
        ] {
            let compiled = compile(statement.clone()).unwrap();
            assert_eq!(compiled.matches(&seen, &labels), expected, "{statement}");
        }
    }

    #[test]
    fn what_is_only_near_says_so() {
        let sqli = of("UriPath", "SqliMatchStatement", json!({}));
        let managed =
            json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:managed:aws:x:Y"}});
        let exact = of("UriPath", "RegexMatchStatement", json!({"RegexString": "x"}));
        for (statement, near) in [
            (exact.clone(), false),
            (not(sqli.clone()), true),
            (joined("AndStatement", &[exact.clone(), managed]), true),
            (joined("OrStatement", &[exact, sqli]), true),
        ] {
            assert_eq!(compile(statement).unwrap().approximation().is_some(), near);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let wrong = [
            json!({"IPSetReferenceStatement": {"Arn": "Nobody.Arn"}}),
            of("UriPath", "RegexMatchStatement", json!({"RegexString": "("})),
            not(json!({"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": 100}})),
        ];
        for statement in wrong {
            assert!(compile(statement.clone()).is_err(), "{statement}");
        }
        let unknown = json!({"GeoMatchStatement": {"CountryCodes": ["NL"]}});
        let error = serde_json::from_value::<acl::Statement>(unknown).unwrap_err();
        assert!(error.to_string().contains("unknown variant `GeoMatchStatement`"), "{error}");
    }
}

//! Rules: on which calls, when, what. They are read from JSON (admin API) and TOML (scenarios) alike, and every
//! mistake is told with the field's name.
pub(crate) mod amounts;
mod verb;
mod when;

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Service, hint};
use crate::identify::Target;
use crate::pattern::Pattern;

pub use verb::Verb;
pub use when::{Count, OncePer, Per, When, WhenSpec};

/// The longest lease.
pub const MAX_TTL: Duration = Duration::from_secs(15);
const MAX_NAME: usize = 100;

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// By which ledger and draws know it; the same name in two runs draws the same numbers.
    pub name: String,
    /// `service:operation`, the operation a glob: `bedrock-runtime:{InvokeModel,Converse*}`.
    pub on: String,
    /// Narrower: all of these must hold.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub only: Option<OnlySpec>,
    /// Which of these calls; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<WhenSpec>,
    /// The verb: `error ThrottlingException`, `delay 4s±1s` ….
    #[serde(rename = "do")]
    pub verb: String,
    /// The lease in milliseconds, 1 to 15 000.
    pub ttl_ms: u64,
    /// Whose it is, so that all of one owner's can be renewed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What else must hold of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlySpec {
    /// Glob over `x-manuel-user`, the hash of the user for whom the backend calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Glob over the table, bucket, model, queue ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Header name → glob over its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
}

/// A field that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct BadField {
    /// As it is written: `do`, `when.rate`.
    pub field: String,
    /// What was expected.
    pub reason: String,
}

impl BadField {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// A rule that can be asked.
#[derive(Debug, Clone)]
pub struct Rule {
    /// By which it is known.
    pub name: String,
    /// The endpoint's name.
    pub service: String,
    operation: Pattern,
    tenant: Option<Pattern>,
    resource: Option<Pattern>,
    headers: Vec<(http::HeaderName, Pattern)>,
    /// Which of the matching calls.
    pub when: When,
    /// What is done to them.
    pub verb: Verb,
}

impl Rule {
    /// Reads a rule; its operations and errors must be in `catalogue`.
    pub fn read(spec: &RuleSpec, catalogue: &Catalogue) -> Result<Self, BadField> {
        let name = spec.name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.#/".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
            let reason = format!("is `{name}`; expected 1 to {MAX_NAME} letters, digits, -_.#/");
            return Err(BadField::new("name", reason));
        }
        let (service, operation) = target(&spec.on, catalogue)?;
        let only = spec.only.clone().unwrap_or_default();
        let optional = |field: &str, text: Option<&String>| {
            let pattern = text.map(|text| Pattern::new(text)).transpose();
            pattern.map_err(|why| BadField::new(format!("if.{field}"), why))
        };
        let headers = only.header.iter().map(|(name, value)| {
            let field = format!("if.header.{name}");
            let parsed = name.parse::<http::HeaderName>();
            let name = parsed
                .map_err(|_not_one| BadField::new(field.clone(), "is no name of a header"))?;
            let value = Pattern::new(value).map_err(|why| BadField::new(field, why))?;
            Ok((name, value))
        });
        Ok(Self {
            name: name.to_owned(),
            service: service.name.clone(),
            operation,
            tenant: optional("tenant", only.tenant.as_ref())?,
            resource: optional("resource", only.resource.as_ref())?,
            headers: headers.collect::<Result<_, _>>()?,
            when: When::read(spec.when.as_ref())?,
            verb: Verb::parse(&spec.verb, service).map_err(|why| BadField::new("do", why))?,
        })
    }

    /// Calls that it can be about, `service:operation`, pages beside the service among them.
    pub fn operations(&self, catalogue: &Catalogue) -> Vec<String> {
        let known = catalogue.service(&self.service);
        let named = known.iter().flat_map(|service| service.operations.iter().map(String::as_str));
        let pages = PAGES.iter().filter(|(of, _)| *of == self.service).map(|(_, page)| *page);
        let all = named.chain(pages).filter(|name| self.operation.matches(name));
        all.map(|name| format!("{}:{name}", self.service)).collect()
    }

    /// Whether the rule is about this call.
    pub(crate) fn is_about(&self, target: &Target, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let holds = |pattern: &Option<Pattern>, value: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| value.is_some_and(|value| pattern.matches(value)))
        };
        self.operation.matches(&target.operation)
            && holds(&self.tenant, text("x-manuel-user"))
            && holds(&self.resource, target.resource.as_deref())
            && self.headers.iter().all(|(name, pattern)| {
                text(name.as_str()).is_some_and(|value| pattern.matches(value))
            })
    }

    /// Whether the body must be read before the rule can be asked or do its work.
    pub(crate) fn reads_the_body(&self) -> bool {
        self.resource.is_some()
            || matches!(
                self.verb,
                Verb::Limit { tokens: true, .. } | Verb::Duplicate(_) | Verb::Stale(_)
            )
    }
}

/// Pages beside a service, which are no operations of its model.
const PAGES: [(&str, &str); 2] =
    [("cognito-idp", "jwks.json"), ("cognito-idp", "openid-configuration")];

fn target<'a>(on: &str, catalogue: &'a Catalogue) -> Result<(&'a Service, Pattern), BadField> {
    let bad = |reason: String| BadField::new("on", reason);
    let (service, operation) = on.split_once(':').ok_or_else(|| {
        bad(format!("is `{on}`; expected service:operation, such as dynamodb:UpdateItem or s3:*"))
    })?;
    let found = catalogue.service(service).ok_or_else(|| {
        let near = hint(catalogue.nearest_service(service));
        bad(format!("names no service `{service}`{near}"))
    })?;
    let pattern = Pattern::new(operation).map_err(bad)?;
    let pages = PAGES.iter().filter(|(of, _)| *of == service).map(|(_, page)| *page);
    if !found.operations.iter().map(String::as_str).chain(pages).any(|name| pattern.matches(name)) {
        let near = hint(found.nearest_operation(operation));
        return Err(bad(format!("matches no operation of {service}: `{operation}`{near}")));
    }
    Ok((found, pattern))
}

/// The lease of a rule, checked.
pub(crate) fn lease(ttl_ms: u64) -> Result<Duration, BadField> {
    let ttl = Duration::from_millis(ttl_ms);
    if ttl.is_zero() || ttl > MAX_TTL {
        let reason = format!("is {ttl_ms}; expected 1 to {} (a lease)", MAX_TTL.as_millis());
        return Err(BadField::new("ttl_ms", reason));
    }
    Ok(ttl)
}

//! What the template of the deployment says of its edge: the web ACL, and the API's throttling and resources. Anything
//! of them that would have to be enforced and is not known here is an error.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use verdict::domain::lambda::Throttle;

use super::acl::WebAcl;
use super::addresses::Addresses;
use super::cloudformation::Resolver;
use super::firewall::Firewall;
use super::routes::Routes;
use super::rules_error::RuleProblem;
use super::rules_error::RulesError;
use super::statement::Sets;

const ACL: &str = "AWS::WAFv2::WebACL";
const IP_SET: &str = "AWS::WAFv2::IPSet";
const API: &str = "AWS::Serverless::Api";
const FUNCTION: &str = "AWS::Serverless::Function";

/// A parameter without a default that is part of names only, and its value here.
const NAMED: (&str, &str) = ("Stage", "dev");

/// What stands in front of the service where it is deployed.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) firewall: Firewall,
    /// Of each resource of the API.
    pub(super) throttle: Throttle,
    pub(super) routes: Routes,
    /// What was read of the template's parameters.
    pub(super) parameters: BTreeMap<String, Value>,
}

impl Deployment {
    /// Reads the template `path`, with `chosen` values for some of its parameters.
    pub(super) fn read(path: &Path, chosen: &BTreeMap<String, String>) -> Result<Self, RulesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RulesError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&text, chosen)
    }

    /// The same of a template's text.
    pub(super) fn parse(text: &str, chosen: &BTreeMap<String, String>) -> Result<Self, RulesError> {
        let mut values = chosen.clone();
        let (name, stage) = NAMED;
        values.entry(name.to_owned()).or_insert_with(|| stage.to_owned());
        let template =
            Resolver::new(text, &values).map_err(|source| RulesError::Resolve { source })?;
        let firewall = firewall(&template)?;
        let throttle = throttle(&template)?;
        let routes = routes(&template)?;
        let parameters = template.read();
        if let Some(name) = chosen.keys().find(|name| !parameters.contains_key(*name)) {
            let looks_at = parameters.into_keys().collect();
            return Err(RulesError::Idle { name: name.clone(), looks_at });
        }
        Ok(Self { firewall, throttle, routes, parameters })
    }
}

/// A resource that is there once, as the type that says what is known of it.
fn the_one<T: serde::de::DeserializeOwned>(
    template: &Resolver,
    kind: &'static str,
) -> Result<(String, T), RulesError> {
    let mut found = resources(template, kind)?;
    match (found.pop(), found.len()) {
        (Some((resource, properties)), 0) => {
            let parsed = parsed(template, &resource, &properties)?;
            Ok((resource, parsed))
        }
        (last, before) => {
            Err(RulesError::NotOne { kind, found: before + usize::from(last.is_some()) })
        }
    }
}

fn resources(template: &Resolver, kind: &'static str) -> Result<Vec<(String, Value)>, RulesError> {
    template.resources(kind).map_err(|source| RulesError::Resolve { source })
}

fn parsed<T: serde::de::DeserializeOwned>(
    template: &Resolver,
    resource: &str,
    properties: &Value,
) -> Result<T, RulesError> {
    let resolved = template.resolve(properties).map_err(|source| RulesError::Resolve { source })?;
    serde_json::from_value(resolved.unwrap_or_default())
        .map_err(|source| RulesError::Unknown { resource: resource.to_owned(), source })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpSet {
    addresses: Vec<String>,
}

fn firewall(template: &Resolver) -> Result<Firewall, RulesError> {
    let refused = |rule: String, source| RulesError::Rule { rule, source };
    let mut sets = Sets::new();
    for (name, properties) in resources(template, IP_SET)? {
        let set: IpSet = parsed(template, &name, &properties)?;
        let addresses = Addresses::parse(&set.addresses)
            .map_err(|range| refused(name.clone(), RuleProblem::Range(range)))?;
        sets.insert(name, addresses);
    }
    let (_name, acl): (_, WebAcl) = the_one(template, ACL)?;
    Firewall::compile(acl, &sets).map_err(|(rule, source)| refused(rule, source))
}

/// An API, as far as it is enforced, or would have to be.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Api {
    method_settings: Vec<MethodSetting>,
    /// An authorizer.
    auth: Option<Value>,
    /// Answers of the gateway in other words.
    gateway_responses: Option<Value>,
    /// Preflights that the gateway answers.
    cors: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MethodSetting {
    http_method: String,
    resource_path: String,
    throttling_rate_limit: u32,
    throttling_burst_limit: u32,
}

fn throttle(template: &Resolver) -> Result<Throttle, RulesError> {
    let (resource, api): (String, Api) = the_one(template, API)?;
    let unenforced = |what: &str| {
        Err(RulesError::Unenforced { resource: resource.clone(), what: what.to_owned() })
    };
    let others = [
        (api.auth.is_some(), "an authorizer (Auth)"),
        (api.gateway_responses.is_some(), "GatewayResponses"),
        (api.cors.is_some(), "Cors"),
    ];
    if let Some((_, what)) = others.into_iter().find(|(is_there, _)| *is_there) {
        return unenforced(what);
    }
    match &api.method_settings[..] {
        [all] if all.http_method == "*" && all.resource_path == "/*" => Ok(Throttle {
            rate_per_s: all.throttling_rate_limit,
            burst: all.throttling_burst_limit,
        }),
        _ => unenforced("MethodSettings of single methods"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Function {
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    #[serde(rename = "Type")]
    kind: String,
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ApiEvent {
    #[serde(rename = "RestApiId")]
    _rest_api_id: String,
    path: String,
    method: String,
}

fn routes(template: &Resolver) -> Result<Routes, RulesError> {
    let mut paths = Vec::new();
    for (name, properties) in resources(template, FUNCTION)? {
        let function: Function = serde_json::from_value(properties)
            .map_err(|source| RulesError::Unknown { resource: name.clone(), source })?;
        for (event, Event { kind, properties }) in function.events {
            if kind != "Api" {
                continue;
            }
            let event = format!("{name}.{event}");
            let route: ApiEvent = parsed(template, &event, &properties)?;
            if !route.method.eq_ignore_ascii_case("any") {
                let what = format!("the method {} only", route.method);
                return Err(RulesError::Unenforced { resource: event, what });
            }
            paths.push(route.path);
        }
    }
    Ok(Routes::new(&paths))
}

#[cfg(test)]
#[path = "deployment/tests.rs"]
mod tests;

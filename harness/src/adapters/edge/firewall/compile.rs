//! From a web ACL as it is written to one that can be asked; whatever cannot be enforced whole is refused by the name of
//! its rule.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;

use super::Action;
use super::Asks;
use super::CustomAnswer;
use super::Effect;
use super::Firewall;
use super::ManagedGroup;
use super::Refusal;
use super::Rule;
use crate::adapters::edge::acl;
use crate::adapters::edge::acl::ContentType;
use crate::adapters::edge::rates::Rates;
use crate::adapters::edge::rules_error::RuleProblem;
use crate::adapters::edge::statement::Sets;
use crate::adapters::edge::statement::Statement;

type Bodies = BTreeMap<String, acl::ResponseBody>;

impl Firewall {
    /// The rules of `acl`, in their order; an error with the rule that has it.
    pub(in crate::adapters::edge) fn compile(
        acl: acl::WebAcl,
        sets: &Sets,
    ) -> Result<Self, (String, RuleProblem)> {
        let bodies = acl.custom_response_bodies;
        let default = match acl.default_action {
            acl::DefaultAction::Allow(_) => None,
            acl::DefaultAction::Block(block) => {
                let refused = |problem| ("the default action".to_owned(), problem);
                Some(refusal(block, &bodies).map_err(refused)?)
            }
        };
        let (mut rules, mut names, mut priorities) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for written in acl.rules {
            let name = written.name.clone();
            let rule = if !names.insert(name.clone()) {
                Err(RuleProblem::Twice("name"))
            } else if !priorities.insert(written.priority) {
                Err(RuleProblem::Twice("priority"))
            } else {
                rule(written, sets, &bodies)
            };
            rules.push(rule.map_err(|problem| (name, problem))?);
        }
        rules.sort_by_key(|rule| rule.priority);
        Ok(Self { rules, default })
    }
}

fn rule(rule: acl::Rule, sets: &Sets, bodies: &Bodies) -> Result<Rule, RuleProblem> {
    let acl::Rule { name, priority, action, override_action, statement, .. } = rule;
    let scope = |scope: Option<Box<acl::Statement>>| {
        scope.map(|scope| Statement::compile(*scope, sets)).transpose()
    };
    let (asks, action) = match (statement, action, override_action) {
        (acl::Statement::ManagedRuleGroupStatement(group), None, Some(whole)) => {
            let overrides = group.rule_action_overrides.into_iter();
            let group = ManagedGroup {
                name: group.name,
                overrides: overrides.map(|one| (one.name, effect(&one.action_to_use))).collect(),
                scope: scope(group.scope_down_statement)?,
                counted: matches!(whole, acl::OverrideAction::Count(_)),
            };
            (Asks::Managed(group), Action::Count)
        }
        (acl::Statement::ManagedRuleGroupStatement(_), _, _) => {
            return Err(RuleProblem::Action("a managed group and not just an OverrideAction"));
        }
        (_, None, _) | (_, _, Some(_)) => {
            return Err(RuleProblem::Action("no managed group and not just an Action"));
        }
        (acl::Statement::RateBasedStatement(rate), Some(action), None) => {
            let rates = Rates::new(rate.limit, rate.evaluation_window_sec);
            (Asks::Rate(rates, scope(rate.scope_down_statement)?), own(action, bodies)?)
        }
        (statement, Some(action), None) => {
            (Asks::Statement(Statement::compile(statement, sets)?), own(action, bodies)?)
        }
    };
    Ok(Rule { name, priority, asks, action })
}

fn effect(action: &acl::Action) -> Effect {
    match action {
        acl::Action::Allow(_) => Effect::Allow,
        acl::Action::Block(_) => Effect::Block,
        acl::Action::Count(_) => Effect::Count,
    }
}

fn own(action: acl::Action, bodies: &Bodies) -> Result<Action, RuleProblem> {
    Ok(match action {
        acl::Action::Allow(_) => Action::Allow,
        acl::Action::Block(block) => Action::Block(refusal(block, bodies)?),
        acl::Action::Count(_) => Action::Count,
    })
}

fn refusal(block: acl::Block, bodies: &Bodies) -> Result<Refusal, RuleProblem> {
    let Some(response) = block.custom_response else { return Ok(Refusal::default()) };
    let status = StatusCode::from_u16(response.response_code)
        .map_err(|_none| RuleProblem::Answer(response.response_code.to_string()))?;
    let mut headers = HeaderMap::new();
    for acl::Header { name, value } in response.response_headers {
        let header = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(value).ok());
        let (name, value) = header.ok_or(RuleProblem::Answer(name))?;
        headers.insert(name, value);
    }
    let mut body = Bytes::new();
    if let Some(key) = response.body_key {
        let wanted = bodies.get(&key).ok_or(RuleProblem::Answer(key))?;
        body = wanted.content.clone().into();
        let kind = match wanted.content_type {
            ContentType::ApplicationJson => "application/json",
            ContentType::TextHtml => "text/html",
            ContentType::TextPlain => "text/plain",
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Ok(Refusal { custom: Some(CustomAnswer { status, headers, body }) })
}

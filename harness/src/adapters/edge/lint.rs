//! Whether the rules of a deployment leave legitimate requests alone: each is held against all rules, those of managed
//! groups by what is documented of them, with the template's overrides and scopes.

use std::net::Ipv4Addr;

use http::HeaderMap;
use serde::Serialize;

use super::component::Seen;
use super::firewall::Asks;
use super::firewall::Firewall;
use super::firewall::Look;
use super::managed;

/// A request that must be let through.
#[derive(Clone, Debug)]
pub(super) struct Legitimate {
    /// What it is, for a person.
    pub(super) name: String,
    /// `POST`.
    pub(super) method: String,
    /// With its query.
    pub(super) target: String,
    /// A token and whatever a client sends.
    pub(super) headers: HeaderMap,
    /// All of it.
    pub(super) body: Vec<u8>,
}

/// Something that is wrong with the rules.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// A legitimate request falls under a rule that blocks, or may.
    Blocks {
        /// The request's name.
        request: String,
        /// The rule.
        rule: String,
        /// The rule of a managed group.
        #[serde(skip_serializing_if = "Option::is_none")]
        within: Option<&'static str>,
    },
    /// An override of a rule that its group does not have.
    OverridesNothing {
        /// The rule that holds the group.
        rule: String,
        /// The name that is none.
        overrides: String,
    },
    /// A group of which it is not known what its rules are.
    UnknownGroup {
        /// The rule that holds the group.
        rule: String,
        /// The group.
        group: String,
    },
}

/// Everything that is wrong with `firewall`, for `requests`.
pub(super) fn lint(firewall: &Firewall, requests: &[Legitimate]) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in &firewall.rules {
        let Asks::Managed(group) = &rule.asks else { continue };
        if !managed::is_described(&group.name) {
            let (rule, group) = (rule.name.clone(), group.name.clone());
            found.push(Finding::UnknownGroup { rule, group });
            continue;
        }
        let idle = managed::idle_overrides(group).into_iter().map(|name| {
            Finding::OverridesNothing { rule: rule.name.clone(), overrides: name.to_owned() }
        });
        found.extend(idle);
    }
    let look = Look { managed: &managed::may_match, at: None };
    for request in requests {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target.as_str(), ""));
        let seen = Seen {
            method: &request.method,
            path,
            query,
            headers: &request.headers,
            body: &request.body,
            peer: Ipv4Addr::LOCALHOST.into(),
        };
        if let Some(blocked) = firewall.decide(&seen, &look).blocked {
            let (request, rule) = (request.name.clone(), blocked.by.to_owned());
            found.push(Finding::Blocks { request, rule, within: blocked.within });
        }
    }
    found
}

#[cfg(test)]
#[path = "lint/tests.rs"]
mod tests;

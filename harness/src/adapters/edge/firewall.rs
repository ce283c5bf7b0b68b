//! A web ACL that can be asked: its rules in their order, what each does with a match, and the answer to what is blocked.

mod compile;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;

use super::component::Seen;
use super::rates::Rates;
use super::statement::Statement;

/// The rules of a deployment.
#[derive(Debug)]
pub(super) struct Firewall {
    /// In the order in which they are asked.
    pub(super) rules: Vec<Rule>,
    /// What is done where none decides: none lets pass.
    default: Option<Refusal>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) priority: u32,
    pub(super) asks: Asks,
    pub(super) action: Action,
}

/// What a rule goes by.
#[derive(Debug)]
pub(super) enum Asks {
    Statement(Statement),
    Rate(Rates, Option<Statement>),
    Managed(ManagedGroup),
}

/// What is done with a match.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Allow,
    Block(Refusal),
    Count,
}

/// How a blocked request is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal {
    /// What the template says; none for the gateway's own words.
    pub(super) custom: Option<CustomAnswer>,
}

#[derive(Clone, Debug)]
pub(super) struct CustomAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A group of AWS's own rules, which are closed: what the template makes of it.
#[derive(Debug)]
pub(super) struct ManagedGroup {
    pub(super) name: String,
    /// Rules whose action is another than their own.
    pub(super) overrides: BTreeMap<String, Effect>,
    /// What of the traffic it looks at.
    scope: Option<Statement>,
    /// All its actions are counted only.
    counted: bool,
}

/// What becomes of a request that a rule of a group matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    Allow,
    Block,
    Count,
}

/// A rule of a group that a request may fall under.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    pub(super) rule: &'static str,
    pub(super) label: String,
}

/// What is known beside the rules when a request is looked at.
pub(super) struct Look<'a> {
    /// Which rules of a group match. Where requests are served, none does: groups are not imitated.
    pub(super) managed: &'a dyn Fn(&ManagedGroup, &Seen<'_>) -> Vec<Matched>,
    /// The time since the beginning; none where rates are not to be counted.
    pub(super) at: Option<Duration>,
}

/// What the rules say of a request.
#[derive(Debug)]
pub(super) struct Decision<'a> {
    /// Rules that matched, in order; the last may have decided.
    pub(super) matched: Vec<&'a str>,
    pub(super) blocked: Option<Blocked<'a>>,
}

#[derive(Debug)]
pub(super) struct Blocked<'a> {
    /// The rule; `default` where none decided.
    pub(super) by: &'a str,
    /// The rule of a managed group.
    pub(super) within: Option<&'static str>,
    pub(super) refusal: Refusal,
}

/// What one rule makes of a request.
enum Outcome {
    No,
    Counted,
    Passes,
    Blocks(Option<&'static str>, Refusal),
}

impl Firewall {
    /// Asks the rules in their order, until one decides.
    pub(super) fn decide(&self, seen: &Seen<'_>, look: &Look<'_>) -> Decision<'_> {
        let (mut matched, mut labels) = (Vec::new(), BTreeSet::new());
        for rule in &self.rules {
            let outcome = rule.outcome(seen, &mut labels, look);
            if !matches!(outcome, Outcome::No) {
                matched.push(rule.name.as_str());
            }
            match outcome {
                Outcome::No | Outcome::Counted => {}
                Outcome::Passes => return Decision { matched, blocked: None },
                Outcome::Blocks(within, refusal) => {
                    let blocked = Some(Blocked { by: &rule.name, within, refusal });
                    return Decision { matched, blocked };
                }
            }
        }
        let blocked =
            self.default.clone().map(|refusal| Blocked { by: "default", within: None, refusal });
        Decision { matched, blocked }
    }
}

impl Rule {
    fn outcome(&self, seen: &Seen<'_>, labels: &mut BTreeSet<String>, look: &Look<'_>) -> Outcome {
        let matches = match &self.asks {
            Asks::Statement(statement) => statement.matches(seen, labels),
            Asks::Rate(rates, scope) => {
                scope.as_ref().is_none_or(|scope| scope.matches(seen, labels))
                    && look.at.is_some_and(|at| rates.too_many(seen.peer, at))
            }
            Asks::Managed(group) => return group.outcome(seen, labels, look),
        };
        match &self.action {
            _ if !matches => Outcome::No,
            Action::Allow => Outcome::Passes,
            Action::Count => Outcome::Counted,
            Action::Block(refusal) => Outcome::Blocks(None, refusal.clone()),
        }
    }

    /// Why what is enforced here may differ from what AWS does; none where it cannot.
    pub(super) fn approximation(&self) -> Option<&'static str> {
        match &self.asks {
            Asks::Statement(statement) => statement.approximation(),
            Asks::Rate(..) => Some("counted at once; AWS WAF notices within half a minute or so"),
            Asks::Managed(_) => None,
        }
    }
}

impl ManagedGroup {
    fn outcome(&self, seen: &Seen<'_>, labels: &mut BTreeSet<String>, look: &Look<'_>) -> Outcome {
        if self.scope.as_ref().is_some_and(|scope| !scope.matches(seen, labels)) {
            return Outcome::No;
        }
        let mut outcome = Outcome::No;
        for Matched { rule, label } in (look.managed)(self, seen) {
            labels.insert(label);
            let effect = self.overrides.get(rule).copied().unwrap_or(Effect::Block);
            match if self.counted { Effect::Count } else { effect } {
                Effect::Count => outcome = Outcome::Counted,
                Effect::Allow => return Outcome::Passes,
                Effect::Block => return Outcome::Blocks(Some(rule), Refusal::default()),
            }
        }
        outcome
    }
}

#[cfg(test)]
#[path = "firewall/tests.rs"]
mod tests;

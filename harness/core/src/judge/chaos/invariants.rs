//! What holds in every phase of every scenario, whatever fails (chaos.md §4.2): one checker each, over the generator's
//! ledger and the stores as they were read over the wire afterwards.

use crate::domain::{
    evidence::{Conservation, Evidence, Finding},
    rule::Rule,
};

use super::view::View;

mod auth_closed;
mod bounded_work;
mod explained;
mod honest_partial;
mod idempotent;
pub mod monotone_state;
mod no_free_lunch;
mod no_leak;
mod no_loss;
mod no_orphans;
mod quota_ledger;
pub mod secrets;
mod tenant_isolation;

pub use explained::Explained;

/// An invariant.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// `I1 quota-ledger`.
    pub code: &'static str,
    /// The promise, as a sentence for a person.
    pub promise: &'static str,
    /// What the evidence of a scenario says.
    pub check: fn(&View<'_>) -> Checked,
}

/// What came of a check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Checked {
    /// Observations that could have broken it.
    pub tested: u64,
    /// Those that did.
    pub broken: Vec<Broken>,
}

/// One observation that broke a promise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Broken {
    /// What happened instead: by how much, to whom.
    pub message: String,
    /// When, in µs from the begin of the load.
    pub at_us: Option<u64>,
    /// The backend's request id.
    pub request_id: Option<String>,
    /// The trace.
    pub trace_id: Option<String>,
    /// Arrivals that show it.
    pub ordinals: Vec<u32>,
}

/// All of them, in the order of their numbers.
pub const ALL: [Invariant; 13] = [
    quota_ledger::INVARIANT,
    no_free_lunch::INVARIANT,
    no_orphans::INVARIANT,
    no_loss::INVARIANT,
    idempotent::INVARIANT,
    tenant_isolation::INVARIANT,
    auth_closed::INVARIANT,
    no_leak::INVARIANT,
    monotone_state::INVARIANT,
    honest_partial::INVARIANT,
    explained::INVARIANT,
    bounded_work::INVARIANT,
    secrets::INVARIANT,
];

/// Comparisons of this scenario that `of` is about.
fn conservations<'a>(view: &View<'a>, of: impl Fn(&Conservation) -> bool) -> Vec<&'a Conservation> {
    let all = view
        .load
        .iter()
        .filter_map(|line| if let Evidence::Conservation(line) = line { Some(line) } else { None });
    all.filter(|line| of(line)).collect()
}

/// Broken promises of this kind that the generator saw in answers.
fn findings<'a>(view: &View<'a>, of: impl Fn(&Finding) -> bool) -> Vec<&'a Finding> {
    let all = view
        .load
        .iter()
        .filter_map(|line| if let Evidence::Finding(line) = line { Some(line) } else { None });
    all.filter(|line| of(line)).collect()
}

fn found(finding: &Finding) -> Broken {
    Broken {
        message: format!(
            "{} of {}: expected {}; saw {}",
            finding.kind, finding.user, finding.expected, finding.seen
        ),
        at_us: Some(finding.at_ms * 1_000),
        request_id: finding.request_id.clone(),
        trace_id: Some(finding.trace_id.clone()),
        ordinals: vec![finding.ordinal],
    }
}

fn compared(line: &Conservation) -> Broken {
    let expected = if line.expected_min == line.expected_max {
        line.expected_min.to_string()
    } else {
        format!("{} to {}", line.expected_min, line.expected_max)
    };
    Broken {
        message: format!("{} of {}: expected {expected}; saw {}", line.what, line.user, line.seen),
        ordinals: line.ordinals.clone(),
        ..Broken::default()
    }
}

/// Findings of one rule; `tested` is how many answers could have shown one.
fn of_rule(view: &View<'_>, rules: &[Rule]) -> Checked {
    let tested = view.requests.iter().filter(|request| request.status > 0).count() as u64;
    let broken = findings(view, |finding| rules.contains(&finding.rule));
    Checked { tested, broken: broken.into_iter().map(found).collect() }
}

//! What became of faults and of requests, counted: for reports, and for nothing else.

use std::collections::BTreeMap;

use crate::domain::chaos::evidence::Hit;

use super::{
    fate::{CallEnd, Fate, Wrong, calls, fate},
    view::View,
};

/// Requests of a scenario by what became of them.
pub fn counts(view: &View<'_>) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for request in &view.requests {
        *counts.entry(word(&fate(view, request)).to_owned()).or_default() += 1;
    }
    counts
}

/// The word for a fate.
pub fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Untouched => "untouched",
        Fate::Absorbed => "absorbed",
        Fate::Surfaced => "surfaced",
        Fate::Breaker(_) => "breaker_open",
        Fate::Cut => "cut",
        Fate::Wrong(Wrong::Unexplained { .. }) => "unexplained",
        Fate::Wrong(Wrong::Leaked { .. }) => "leaked",
        Fate::Wrong(Wrong::Ignored { .. }) => "ignored",
    }
}

/// What became of one fault's hits.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OfFault {
    /// Attempts that it hit.
    pub hits: u64,
    /// Of these, of no request: of background work.
    pub background: u64,
    /// Calls that it hit.
    pub calls: u64,
    /// Of these, ended well by another attempt, or only slowed.
    pub clean: u64,
    /// Failed: every attempt was hit.
    pub failed: u64,
    /// Given up early, since the SDK's tokens for retries were spent.
    pub spared: u64,
    /// Requests by what became of them: `absorbed`, `surfaced`, `leaked`, `ignored`.
    pub requests: BTreeMap<&'static str, u64>,
}

/// What became of each fault of a scenario.
pub fn of_faults<'a>(view: &View<'a>) -> BTreeMap<&'a str, OfFault> {
    let mut all: BTreeMap<&str, OfFault> =
        view.faults().map(|fault| (fault.raw.name.as_str(), OfFault::default())).collect();
    for (name, hits) in &view.fired {
        let of = all.entry(name).or_default();
        of.hits = hits.len() as u64;
        of.background = hits.iter().filter(|hit: &&&Hit| hit.trace_id.is_none()).count() as u64;
    }
    for request in &view.requests {
        let calls = calls(view, request);
        let fate = word(&fate(view, request));
        let mut counted: Vec<&str> = Vec::new();
        for call in calls {
            let Some(of) = all.get_mut(call.fault) else { continue };
            of.calls += 1;
            match call.end {
                CallEnd::Clean | CallEnd::Unsure => of.clean += 1,
                CallEnd::Failed => of.failed += 1,
                CallEnd::Spared | CallEnd::GivenUp => of.spared += 1,
            }
            if !counted.contains(&call.fault) {
                counted.push(call.fault);
                *of.requests.entry(fate).or_default() += 1;
            }
        }
    }
    all
}

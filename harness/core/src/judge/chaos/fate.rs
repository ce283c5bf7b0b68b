//! What must become of each request, and what did. The faults are keyed, so the attempts that were hit decide: a call with
//! one clean attempt has succeeded, one without has failed, and the request ends accordingly. A refusal that no call
//! explains is right only while a breaker was open that the scenario names and that had reason to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    chaos::{
        Outcome,
        evidence::{Foretold, Hit},
    },
    kind::AnswerClass,
    ledger::LedgerEntry,
};

use super::view::{Fault, Span, View, as_usual};

/// The clocks of backend and generator agree within this, and a change of a breaker is logged a moment after it.
const SLACK_US: u64 = 100_000;
/// A breaker opens on no fewer failures in its window than this (`breaker.rs`: half of ten).
const FAILURES_TO_OPEN: usize = 5;
/// The window in which it counts them (`breaker.rs`), and the clocks' slack.
const BREAKER_WINDOW_US: u64 = 10_000_000 + SLACK_US;
/// A client of the SDK has tokens for no fewer retries than this: 500 tokens, 5 for each retry, 10 after what it takes for
/// passing (a time-out, a 503).
const RETRIES_BEFORE_SPARING: usize = 49;
/// The next attempt at a call comes within this: the backend's longest pause between attempts, and what an attempt takes.
const NEXT_ATTEMPT_US: u64 = 2_500_000;
/// What the backend remembers of a failure (keys that could not be fetched) it remembers for this long (`auth`).
const REMEMBERED_US: u64 = 2_000_000;
/// A request that gets no answer may have been sent just before the backend went.
const CUT_SLACK_US: u64 = 1_500_000;

/// What the calls of one operation of one request came to under one fault.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Which fault.
    pub fault: &'a str,
    /// `service:operation`.
    pub operation: &'a str,
    /// Attempts that were hit.
    pub attempts: BTreeSet<u32>,
    /// How it ended.
    pub end: CallEnd,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallEnd {
    /// An attempt was left alone.
    Clean,
    /// An attempt would have been left alone, if it was made: the SDK's tokens for retries may have been spent.
    Unsure,
    /// Every attempt failed.
    Failed,
    /// It was given up though an attempt was left: the SDK's tokens for retries were spent.
    Spared,
    /// It was given up though an attempt was left, and nothing explains that.
    GivenUp,
}

impl CallEnd {
    /// Whether the call failed for certain.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Spared | Self::GivenUp)
    }
}

/// How a request must end.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Demand {
    /// As always.
    #[default]
    Usual,
    /// As always, or refused.
    Either,
    /// As always, refused, or without any answer.
    Anything,
    /// Refused.
    Refused,
}

/// What must become of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Must {
    /// How it must end.
    pub demand: Demand,
    /// Refused with one of these.
    pub answers: BTreeSet<String>,
}

/// What became of a request, held against what must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// Nothing hit it, and it ended as always.
    Untouched,
    /// Something hit it, and it ended as always.
    Absorbed,
    /// It was refused as it had to be, or might be.
    Surfaced,
    /// It was refused while this breaker was open.
    Breaker(String),
    /// It got no answer while the backend was gone.
    Cut,
    /// It was not what it had to be: why.
    Wrong(Wrong),
}

/// In which way a request was not what it had to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wrong {
    /// It failed, and no fault explains it.
    Unexplained {
        /// What had to be.
        expected: String,
    },
    /// A fault explains that it failed, but not how.
    Leaked {
        /// What had to be.
        expected: String,
    },
    /// It had to fail, and did not.
    Ignored {
        /// What had to be.
        expected: String,
    },
}

/// The calls of a request that were hit.
pub fn calls<'a>(view: &View<'a>, request: &LedgerEntry) -> Vec<Call<'a>> {
    let mut groups: BTreeMap<(&str, &str, u32), Vec<&Hit>> = BTreeMap::new();
    for hit in view.hits_of(request) {
        groups.entry((&hit.fault, &hit.operation, hit.call)).or_default().push(hit);
    }
    let mut calls = Vec::new();
    for ((name, operation, call), hits) in groups {
        let Some(fault) = view.faults().find(|fault| fault.raw.name == name) else { continue };
        let attempts: BTreeSet<u32> = hits.iter().map(|hit| hit.attempt).collect();
        let foretold = view.foretold.get(&(request.ordinal, name, operation, call)).copied();
        let last_us = hits.iter().map(|hit| hit.at_us).max().unwrap_or(0);
        let end = end(view, fault, (operation, &attempts, foretold), last_us);
        calls.push(Call {
            fault: &fault.raw.name,
            operation: known(&fault, operation),
            attempts,
            end,
        });
    }
    // With one call the request is decided, and what it did beside it is dropped half-way.
    if calls.iter().any(|call| call.end == CallEnd::Failed) {
        for call in calls.iter_mut().filter(|call| call.end == CallEnd::GivenUp) {
            call.end = CallEnd::Clean;
        }
    }
    calls
}

fn known<'a>(fault: &Fault<'a>, operation: &str) -> &'a str {
    fault.facts.operations.iter().find(|known| *known == operation).map_or("", String::as_str)
}

fn end(
    view: &View<'_>,
    fault: Fault<'_>,
    (operation, attempts, foretold): (&str, &BTreeSet<u32>, Option<&Foretold>),
    at_us: u64,
) -> CallEnd {
    if !fault.facts.fails {
        return CallEnd::Clean;
    }
    let most = fault.facts.attempts.max(1);
    let last = attempts.last().copied().unwrap_or(0);
    if last >= most {
        return CallEnd::Failed;
    }
    match foretold {
        // The next attempt would have been hit, too, and was never made.
        Some(told) if told.clean_attempt.is_none_or(|clean| clean > last + 1) => {
            let off_us = view.reverted.get(fault.raw.name.as_str()).map_or(0, |mark| mark.asked_us);
            // It may have been made when the fault was off.
            let perhaps = at_us + NEXT_ATTEMPT_US >= off_us;
            match (perhaps, spared(view, operation, at_us)) {
                (true, true) => CallEnd::Unsure,
                (true, false) => CallEnd::Clean,
                (false, true) => CallEnd::Spared,
                (false, false) => CallEnd::GivenUp,
            }
        }
        Some(_) | None if spared(view, operation, at_us) => CallEnd::Unsure,
        Some(_) | None => CallEnd::Clean,
    }
}

/// Whether so many retries had been made that the SDK's tokens can have been spent (`aws-smithy-runtime`, token bucket).
fn spared(view: &View<'_>, operation: &str, at_us: u64) -> bool {
    let own = operation.split(':').next().unwrap_or_default();
    let before =
        |(at, service, _): &&(u64, &str, usize)| *at <= at_us + SLACK_US && *service == own;
    let retries: usize = view.retries.iter().filter(before).map(|(_, _, many)| many).sum();
    retries >= RETRIES_BEFORE_SPARING
}

/// What must become of `request`.
pub fn must(view: &View<'_>, request: &LedgerEntry, calls: &[Call<'_>]) -> Must {
    let mut must = Must::default();
    for fault in view.faults() {
        let name = fault.raw.name.as_str();
        let affected = fault.raw.affects.iter().any(|kind| kind == request.kind.name());
        let of_fault = || calls.iter().filter(|call| call.fault == name);
        let failed = of_fault().any(|call| call.end.is_failure());
        let unsure = of_fault().any(|call| call.end == CallEnd::Unsure);
        let (mut refused, mut may, mut cut) = (false, false, false);
        match fault.raw.outcome {
            Outcome::Absorbed => {}
            Outcome::Exact => (refused, may) = (failed, unsure),
            Outcome::During => {
                let touches = |span: Span| {
                    Span { to_us: span.to_us.saturating_add(REMEMBERED_US), ..span }
                        .touches(request)
                };
                may = affected && view.perhaps_on(name).is_some_and(touches);
            }
            Outcome::MayRefuse if fault.raw.on.is_some() => may = of_fault().next().is_some(),
            Outcome::MayRefuse => may = affected && during(view, name, request),
            Outcome::Refused => {
                let inside = view.surely_on(name).is_some_and(|span| span.holds(request));
                refused = affected && inside;
                may = affected && during(view, name, request);
            }
            Outcome::Cut => {
                let down = view.down(name, CUT_SLACK_US);
                if affected && down.iter().any(|span| span.touches(request)) {
                    (may, cut) = (true, true);
                }
            }
        }
        let demand = match (refused, cut, may) {
            (true, ..) => Demand::Refused,
            (false, true, _) => Demand::Anything,
            (false, false, true) => Demand::Either,
            (false, false, false) => Demand::Usual,
        };
        must.demand = must.demand.max(demand);
        if demand > Demand::Usual {
            must.answers.extend(fault.raw.answers.iter().cloned());
        }
    }
    must
}

fn during(view: &View<'_>, fault: &str, request: &LedgerEntry) -> bool {
    view.perhaps_on(fault).is_some_and(|span| span.touches(request))
}

/// What became of it.
pub fn fate(view: &View<'_>, request: &LedgerEntry) -> Fate {
    let calls = calls(view, request);
    let must = must(view, request, &calls);
    let answer = answer(request);
    if as_usual(request) {
        if must.demand == Demand::Refused {
            return Fate::Wrong(Wrong::Ignored { expected: expected(&must) });
        }
        return if view.hits_of(request).is_empty() { Fate::Untouched } else { Fate::Absorbed };
    }
    let unanswered = matches!(request.class, AnswerClass::Transport | AnswerClass::Timeout);
    if unanswered {
        return if must.demand == Demand::Anything { Fate::Cut } else { wrong(&must, &calls) };
    }
    if must.demand > Demand::Usual && must.answers.contains(&answer) {
        return Fate::Surfaced;
    }
    if let Some(breaker) = breaker(view, request, &answer) {
        return Fate::Breaker(breaker);
    }
    wrong(&must, &calls)
}

fn wrong(must: &Must, calls: &[Call<'_>]) -> Fate {
    let expected = expected(must);
    let explained = must.demand > Demand::Usual || calls.iter().any(|call| call.end.is_failure());
    Fate::Wrong(if explained {
        Wrong::Leaked { expected }
    } else {
        Wrong::Unexplained { expected }
    })
}

fn expected(must: &Must) -> String {
    let answers: Vec<&str> = must.answers.iter().map(String::as_str).collect();
    let answers = answers.join(" or ");
    match must.demand {
        Demand::Refused => answers,
        Demand::Either | Demand::Anything if answers.is_empty() => {
            "a success, or no answer".to_owned()
        }
        Demand::Either | Demand::Anything => format!("a success, or {answers}"),
        Demand::Usual => "a success".to_owned(),
    }
}

/// `429 model_throttled`.
pub fn answer(request: &LedgerEntry) -> String {
    match (&request.code, request.status) {
        (_, 0) => "no answer".to_owned(),
        (Some(code), status) => format!("{status} {code}"),
        (None, status) => format!("{status} without a code"),
    }
}

/// The open breaker that explains a refusal: one that the scenario names, that was open while the request ran, that gives
/// this answer, and that had failures enough to open.
fn breaker(view: &View<'_>, request: &LedgerEntry, answer: &str) -> Option<String> {
    let named = &view.run.scenario.expect.breakers;
    let prefix = |name: &str| match name {
        "transcriber" => "transcription".to_owned(),
        "secrets" => "signing".to_owned(),
        name => name.to_owned(),
    };
    view.breakers_open(request)
        .into_iter()
        .filter(|name| named.iter().any(|known| known == name))
        .find(|name| {
            answer == format!("503 {}_unavailable", prefix(name)) && had_reason(view, name)
        })
        .map(str::to_owned)
}

/// Whether the breaker first opened after failures enough; half open, one is enough to open it again.
fn had_reason(view: &View<'_>, dependency: &str) -> bool {
    let Some(spans) = view.open.get(dependency) else { return false };
    let Some(first) = spans.first() else { return false };
    // The wire and processes fail calls that no ledger counts.
    if view.run.scenario.faults.iter().any(|fault| fault.on.is_none()) {
        return true;
    }
    let from_us = first.from_us.saturating_sub(BREAKER_WINDOW_US);
    let recent = |hit: &&&Hit| hit.at_us >= from_us && hit.at_us <= first.from_us + SLACK_US;
    view.fired.values().flatten().filter(recent).count() >= FAILURES_TO_OPEN
}

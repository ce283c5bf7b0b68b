//! Whether a scenario shows anything at all: a steady state before, the stimulus often enough, faults that did what was
//! foretold, a generator that kept its schedule.

use crate::domain::{
    chaos::Outcome, evidence::Evidence, kind::AnswerClass, ledger::LedgerEntry, verdict::Cause,
};

use super::{
    fate::{Fate, fate},
    phases::{seconds, unsteady},
    view::{Fault, View},
};

/// Requests are sent this much after they were due at most, at the 95th percentile (µs).
const LAG_US: u64 = 250_000;

/// Whether everything of the scenario is there.
pub(super) fn is_whole(view: &View<'_>) -> bool {
    view.lost.is_empty() && view.missing.is_empty() && view.ended.is_some()
}

/// Whether what the scenario broke counts: there was a steady state, and nothing of it was lost. A stimulus that was too
/// rare takes nothing from what broke nevertheless.
pub(super) fn is_firm(view: &View<'_>) -> bool {
    is_whole(view) && unsteady(view).is_none() && astray(view).is_none() && lagged(view).is_none()
}

/// Builds that answered in it.
pub(super) fn builds<'a>(view: &View<'a>) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&'a Evidence> = view.load.clone();
    lines.into_iter().filter_map(|line| {
        if let Evidence::Version(version) = line { Some(version.commit.as_str()) } else { None }
    })
}

/// Why the scenario cannot tell.
pub(super) fn causes(view: &View<'_>) -> Vec<Cause> {
    let named = |detail: &str| format!("in `{}`: {detail}", view.run.name);
    let mut causes: Vec<Cause> =
        view.missing.iter().map(|d| Cause::CapabilityMissing { detail: named(d) }).collect();
    causes.extend(view.lost.iter().map(|d| Cause::TargetLost { detail: named(d) }));
    if view.ended.is_none() {
        return causes;
    }
    causes.extend(unsteady(view).map(|d| Cause::BaselineUnsteady { detail: named(&d) }));
    causes.extend(lagged(view).map(|d| Cause::GeneratorLagged { detail: named(&d) }));
    causes.extend(astray(view).map(|d| Cause::FaultsAstray { detail: named(&d) }));
    for fault in view.faults() {
        let got = fired(view, fault);
        if got < fault.raw.at_least {
            causes.push(Cause::FaultNeverFired {
                fault: format!("{}/{}", view.run.name, fault.raw.name),
                wanted: fault.raw.at_least,
                got,
            });
        }
    }
    if let Some(over) = view.run.scenario.load.burst_over {
        let burst = |r: &&&LedgerEntry| r.kind == crate::domain::kind::RequestKind::QuotaBurst;
        let got = view.requests.iter().filter(burst).count() as u64;
        let wanted = u64::from(over) + view.began.map_or(0, |began| began.quota);
        if got < wanted {
            let fault = format!("{}/burst", view.run.name);
            causes.push(Cause::FaultNeverFired { fault, wanted, got });
        }
    }
    causes
}

/// How often the fault happened.
pub(super) fn fired(view: &View<'_>, fault: Fault<'_>) -> u64 {
    let name = fault.raw.name.as_str();
    if fault.raw.on.is_some() {
        return view.fired.get(name).map_or(0, |hits| hits.len() as u64);
    }
    if fault.raw.process.is_some() {
        let begun = view.processes.iter().filter(|event| {
            event.fault == name
                && !matches!(
                    event.what,
                    crate::domain::chaos::evidence::ProcessStep::Restarted
                        | crate::domain::chaos::evidence::ProcessStep::Continued
                )
        });
        return begun.count() as u64;
    }
    if fault.raw.clock_ms.is_some() {
        return u64::from(view.applied.contains_key(name) && view.reverted.contains_key(name));
    }
    wire(view, fault)
}

/// Requests that show a fault on the wire: refused as it says, without an answer, or at least as slow as it makes them.
fn wire(view: &View<'_>, fault: Fault<'_>) -> u64 {
    let name = fault.raw.name.as_str();
    let Some(span) = view.perhaps_on(name) else { return 0 };
    let latency_ms = fault.raw.attributes.get("latency");
    let shows = |request: &&&LedgerEntry| {
        let affected = fault.raw.affects.iter().any(|kind| kind == request.kind.name());
        let took_us = request.done_us.saturating_sub(request.sent_us);
        let slow = latency_ms.is_some_and(|ms| took_us >= ms * 1_000);
        let refused = matches!(fate(view, request), Fate::Surfaced | Fate::Breaker(_) | Fate::Cut);
        let disturbed = latency_ms.is_none() && fault.raw.outcome == Outcome::Absorbed;
        affected && span.touches(request) && (slow || refused || disturbed)
    };
    view.requests.iter().filter(shows).count() as u64
}

/// The generator did not keep its schedule.
fn lagged(view: &View<'_>) -> Option<String> {
    let mut lags: Vec<u64> = view
        .requests
        .iter()
        .filter(|request| request.class != AnswerClass::Dropped)
        .map(|request| request.sent_us.saturating_sub(request.due_us))
        .collect();
    let dropped = view.requests.len() - lags.len();
    if dropped > 0 {
        return Some(format!("{dropped} requests were never sent"));
    }
    lags.sort_unstable();
    let p95 = lags.get(lags.len() * 95 / 100).copied()?;
    (p95 > LAG_US).then(|| format!("requests were sent {:.3} s late at p95", seconds(p95)))
}

/// A keyed fault hit an attempt that it was foretold to leave alone.
fn astray(view: &View<'_>) -> Option<String> {
    let ordinals: std::collections::BTreeMap<&str, u32> =
        view.requests.iter().map(|r| (r.trace_id.as_str(), r.ordinal)).collect();
    for hit in view.fired.values().flatten() {
        let trace = hit.trace_id.as_deref().unwrap_or_default();
        let Some(ordinal) = ordinals.get(trace) else { continue };
        let key = (*ordinal, hit.fault.as_str(), hit.operation.as_str(), hit.call);
        if view.foretold.get(&key).is_some_and(|told| told.clean_attempt == Some(hit.attempt)) {
            return Some(format!(
                "`{}` hit attempt {} at call {} of {} in trace {trace}, which its seed leaves alone",
                hit.fault, hit.attempt, hit.call, hit.operation
            ));
        }
    }
    None
}

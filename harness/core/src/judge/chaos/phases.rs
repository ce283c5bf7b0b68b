//! Before, during and after: whether there was a steady state, how long the service took to be as before, and whether it
//! stayed down although the fault was gone and the load the same.

use crate::domain::ledger::LedgerEntry;

use super::view::{View, as_usual};

/// Fewer requests than this are no steady state.
const STEADY_MIN: usize = 10;
/// The service is as before when all that is due in a stretch of this length ends as usual (µs).
const CALM_US: u64 = 1_000_000;
/// Fewer requests in it show nothing.
const CALM_MIN: usize = 3;
/// Goodput at the end below this share of the steady state's, in per mille, with no fault on: metastable (chaos.md §4.3).
const METASTABLE_PERMILLE: u64 = 900;
/// Goodput at the end is looked at over the last so many µs.
const LAST_US: u64 = 2_000_000;

/// How the service came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// No fault ended, so there is nothing to come back from.
    NoFault,
    /// As before, so long after the last fault (µs).
    After(u64),
    /// Not within what was watched (µs), but goodput was coming back.
    NotWithin(u64),
    /// Not within what was watched, and goodput at the end, in per mille of the steady state's, says that it stays down.
    Metastable(u64),
}

/// Why there was no steady state; none if there was one.
pub fn unsteady(view: &View<'_>) -> Option<String> {
    let begins = begin_of(view, 1);
    let first_fault = first_fault_us(view).unwrap_or(u64::MAX);
    let steady: Vec<&&LedgerEntry> = view
        .requests
        .iter()
        .filter(|request| request.due_us < begins && view.hits_of(request).is_empty())
        // One that was still under way when the faults came on belongs to neither phase.
        .filter(|request| request.done_us <= first_fault)
        .collect();
    if steady.len() < STEADY_MIN {
        return Some(format!(
            "{} requests before the faults, and {STEADY_MIN} are wanted",
            steady.len()
        ));
    }
    let bad: Vec<&&&LedgerEntry> = steady.iter().filter(|request| !as_usual(request)).collect();
    let first = bad.first()?;
    Some(format!(
        "{} of {} requests did not end as usual before any fault; the first, {} of {} at {:.3} s: {}",
        bad.len(),
        steady.len(),
        first.kind,
        first.user,
        seconds(first.due_us),
        super::fate::answer(first),
    ))
}

/// The moment from which on a fault may have been in force.
fn first_fault_us(view: &View<'_>) -> Option<u64> {
    let marks = view.applied.values().map(|mark| mark.asked_us);
    let processes = view.processes.iter().map(|event| event.at_us);
    marks.chain(processes).min()
}

/// Begin of a phase by the plan, in µs: 1 is the faults', 2 the recovery's.
pub fn begin_of(view: &View<'_>, phase: u32) -> u64 {
    let load = &view.run.scenario.load;
    match phase {
        0 => 0,
        1 => load.steady_ms * 1_000,
        _ => (load.steady_ms + load.fault_ms) * 1_000,
    }
}

/// End of the load by the plan, in µs.
pub fn end_of(view: &View<'_>) -> u64 {
    begin_of(view, 2) + view.run.scenario.load.recovery_ms * 1_000
}

/// From the last fault on: the first moment from which all that was due for a while ended as usual.
pub fn recovery(view: &View<'_>) -> Recovery {
    let Some(last_us) = view.last_fault_us() else { return Recovery::NoFault };
    let end_us = end_of(view);
    let after: Vec<&&LedgerEntry> =
        view.requests.iter().filter(|request| request.due_us >= last_us).collect();
    for (i, request) in after.iter().enumerate() {
        let until = request.due_us.saturating_add(CALM_US);
        if until > end_us {
            break;
        }
        let calm = after.get(i..).unwrap_or_default().iter().take_while(|r| r.due_us <= until);
        let (mut many, mut all) = (0, true);
        for request in calm {
            many += 1;
            all &= as_usual(request);
        }
        if all && many >= CALM_MIN {
            return Recovery::After(if i == 0 { 0 } else { request.due_us - last_us });
        }
    }
    let watched = end_us.saturating_sub(last_us);
    let steady = goodput(view, (0, begin_of(view, 1)));
    let last = goodput(view, (end_us.saturating_sub(LAST_US).max(last_us), end_us));
    match (steady, last) {
        (Some(steady), Some(last)) if steady > 0 => {
            let permille = last * 1_000 / steady;
            if permille < METASTABLE_PERMILLE {
                Recovery::Metastable(permille)
            } else {
                Recovery::NotWithin(watched)
            }
        }
        _ => Recovery::NotWithin(watched),
    }
}

/// Of what was due in a stretch, how much ended as usual, in per mille.
fn goodput(view: &View<'_>, (from_us, to_us): (u64, u64)) -> Option<u64> {
    let due: Vec<&&LedgerEntry> =
        view.requests.iter().filter(|request| (from_us..to_us).contains(&request.due_us)).collect();
    let good = due.iter().filter(|request| as_usual(request)).count() as u64;
    (!due.is_empty()).then(|| good * 1_000 / due.len() as u64)
}

/// For people.
#[expect(clippy::cast_precision_loss, reason = "a run is far shorter than 2^53 µs")]
pub fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

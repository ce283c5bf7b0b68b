//! I12: retries do not multiply.

use std::collections::BTreeMap;

use crate::judge::chaos::view::View;

use super::{Broken, Checked, Invariant};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I12 bounded-work",
    promise: "A call is tried as often as the SDK tries it and no more, and one request's retries do not multiply.",
    check,
};

fn check(view: &View<'_>) -> Checked {
    let mut checked = Checked::default();
    for fault in view.faults() {
        let Some(hits) = view.fired.get(fault.raw.name.as_str()) else { continue };
        let mut by_trace: BTreeMap<&str, u64> = BTreeMap::new();
        for hit in hits {
            checked.tested += 1;
            if let Some(trace) = &hit.trace_id {
                *by_trace.entry(trace).or_default() += 1;
            }
            if hit.attempt > fault.facts.attempts.max(1) && fault.facts.fails {
                checked.broken.push(Broken {
                    message: format!(
                        "{} was tried {} times, and {} is the most ({})",
                        hit.operation, hit.attempt, fault.facts.attempts, fault.raw.name
                    ),
                    at_us: Some(hit.at_us),
                    trace_id: hit.trace_id.clone(),
                    ..Broken::default()
                });
            }
        }
        let Some(most) = view.run.scenario.expect.hits_per_request else { continue };
        for (trace, many) in by_trace.into_iter().filter(|(_, many)| *many > most) {
            checked.broken.push(Broken {
                message: format!(
                    "one request met `{}` {many} times, and {most} is the most",
                    fault.raw.name
                ),
                trace_id: Some(trace.to_owned()),
                ..Broken::default()
            });
        }
    }
    checked
}

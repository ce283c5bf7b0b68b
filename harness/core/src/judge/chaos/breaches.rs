//! The promises that a scenario broke, each told so that a person knows what, by how much, when, and how to see it again.

use crate::domain::{
    chaos::ChaosPlan, evidence::Evidence, ledger::LedgerEntry, objective::ObjectiveKind,
    rule::Rule, verdict::Breach,
};

use super::{
    fate::{CallEnd, answer, calls},
    invariants::{ALL, Broken, Checked, Explained},
    phases::{Recovery, begin_of, recovery, seconds},
    view::{View, as_usual},
};

/// What one scenario came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Promises that broke.
    pub(super) breaches: Vec<Breach>,
    /// Code, observations, broken ones.
    pub(super) promises: Vec<(&'static str, u64, u64)>,
}

/// Codes of the promises beside the invariants, each with its sentence.
pub const CODES: [(&str, &str); 7] = [
    (
        "fault_ignored",
        "A request whose every attempt at a call that it needs has failed says so, and gives no answer all the same.",
    ),
    (
        "retries_short",
        "A call that fails with an error that may be tried again is tried again, as often as the SDK does.",
    ),
    ("unaffected", "What does not need the part that fails notices nothing."),
    ("deadline", "Every request is answered in time, whatever fails."),
    (
        "recovery",
        "Once the fault is gone, the service is as before within the time that the scenario gives it.",
    ),
    (
        "metastable",
        "Once the fault is gone and the load is the same, the service comes back by itself and does not stay down.",
    ),
    (
        "backend_died",
        "The backend neither ends by itself nor panics, and comes back when it was killed.",
    ),
];

/// The sentence of a code: one of [`CODES`], or an invariant.
pub fn promise_of(code: &str) -> Option<&'static str> {
    let own = CODES.iter().find(|(known, _)| *known == code).map(|(_, promise)| *promise);
    own.or_else(|| ALL.iter().find(|known| known.code == code).map(|known| known.promise))
}

/// Whether a promise holds in every phase, whatever the state before the faults was: all that is not about what a fault does
/// to a request.
pub(super) fn always(code: &str) -> bool {
    let of_faults = ["I11 explained", "I12 bounded-work"];
    code == Rule::BackendDied.code()
        || ALL.iter().any(|known| known.code == code && !of_faults.contains(&code))
}

/// What `view` came to.
pub(super) fn told(plan: &ChaosPlan, view: &View<'_>) -> Told {
    let mut told = Told::default();
    if view.ended.is_none() {
        return told;
    }
    for invariant in &ALL {
        told.take(plan, view, invariant.code, &(invariant.check)(view));
    }
    let requests = view.requests.len() as u64;
    let ignored = Explained::of(view).ignored;
    told.take(plan, view, "fault_ignored", &Checked { tested: requests, broken: ignored });
    told.take(plan, view, "retries_short", &retries_short(view));
    told.take(plan, view, "unaffected", &unaffected(view));
    told.take(plan, view, "deadline", &deadline(view));
    let (code, checked) = came_back(view);
    told.take(plan, view, code, &checked);
    told.take(plan, view, Rule::BackendDied.code(), &died(view));
    told
}

impl Told {
    fn take(&mut self, plan: &ChaosPlan, view: &View<'_>, code: &str, checked: &Checked) {
        let known = |known: &str| known == code;
        let codes = CODES.iter().map(|(code, _)| *code).chain(ALL.iter().map(|known| known.code));
        let Some(code) = codes.into_iter().find(|code| known(code)) else { return };
        self.promises.push((code, checked.tested, checked.broken.len() as u64));
        let Some(first) = checked.broken.first() else { return };
        let more = checked.broken.len() - 1;
        let more = if more > 0 { format!(" And {more} more like it.") } else { String::new() };
        let mut ordinals: Vec<u32> =
            checked.broken.iter().flat_map(|b| b.ordinals.clone()).collect();
        ordinals.truncate(20);
        self.breaches.push(Breach {
            objective: code.to_owned(),
            kind: ObjectiveKind::Correctness,
            promise: promise_of(code).unwrap_or_default().to_owned(),
            message: format!(
                "In `{}`: {}.{more}",
                view.run.name,
                first.message.trim_end_matches('.')
            ),
            times: checked.broken.len() as u64,
            first_at_ms: first.at_us.map(|us| us / 1_000),
            request_id: first.request_id.clone(),
            trace_id: first.trace_id.clone(),
            ordinals,
            reproduce: reproduce(plan, &view.run.name),
        });
    }
}

/// The command that plays one scenario again.
pub(super) fn reproduce(plan: &ChaosPlan, scenario: &str) -> String {
    let stage = Some(&plan.stage_arguments).filter(|arguments| !arguments.is_empty());
    let stage = stage.map(|arguments| format!(" {arguments}")).unwrap_or_default();
    format!("cargo run -p harness -- chaos --scenario {scenario} --seed {}{stage}", plan.seed)
}

fn of_request(request: &LedgerEntry, message: String) -> Broken {
    Broken {
        message,
        at_us: Some(request.done_us),
        request_id: request.request_id.clone(),
        trace_id: Some(request.trace_id.clone()),
        ordinals: vec![request.ordinal],
    }
}

/// A call that was given up although an attempt was left and nothing explains it.
fn retries_short(view: &View<'_>) -> Checked {
    let mut checked = Checked::default();
    for request in &view.requests {
        for call in calls(view, request) {
            checked.tested += 1;
            if call.end == CallEnd::GivenUp {
                let tried = call.attempts.last().copied().unwrap_or(0);
                let message = format!(
                    "{} of {}: {} was tried {tried} times under `{}`, and another attempt was left",
                    request.kind, request.user, call.operation, call.fault
                );
                checked.broken.push(of_request(request, message));
            }
        }
    }
    checked
}

fn unaffected(view: &View<'_>) -> Checked {
    let (from, to) = (begin_of(view, 1), begin_of(view, 2));
    let mut checked = Checked::default();
    for request in view.requests.iter().filter(|r| (from..to).contains(&r.due_us)) {
        if !view.run.scenario.expect.unaffected.iter().any(|kind| kind == request.kind.name()) {
            continue;
        }
        checked.tested += 1;
        if !as_usual(request) {
            let message = format!(
                "{} of {}, due at {:.3} s: expected a success; saw {}",
                request.kind,
                request.user,
                seconds(request.due_us),
                answer(request)
            );
            checked.broken.push(of_request(request, message));
        }
    }
    checked
}

fn deadline(view: &View<'_>) -> Checked {
    let within_us = view.run.scenario.expect.answer_within_ms * 1_000;
    let late = view.requests.iter().filter_map(|request| {
        let took_us = request.done_us.saturating_sub(request.sent_us);
        (took_us > within_us).then(|| {
            let message = format!(
                "{} of {}, due at {:.3} s, took {:.3} s ({}), and {:.3} s is the most",
                request.kind,
                request.user,
                seconds(request.due_us),
                seconds(took_us),
                answer(request),
                seconds(within_us)
            );
            of_request(request, message)
        })
    });
    Checked { tested: view.requests.len() as u64, broken: late.collect() }
}

fn came_back(view: &View<'_>) -> (&'static str, Checked) {
    let within_us = view.run.scenario.expect.recovery_within_ms * 1_000;
    let at_us = view.last_fault_us();
    let broken = |message: String| Checked {
        tested: 1,
        broken: vec![Broken { message, at_us, ..Broken::default() }],
    };
    let held = Checked { tested: 1, broken: Vec::new() };
    match recovery(view) {
        Recovery::NoFault => ("recovery", Checked::default()),
        Recovery::After(us) if us <= within_us => ("recovery", held),
        Recovery::After(us) => (
            "recovery",
            broken(format!(
                "as before {:.3} s after the last fault, and {:.3} s is the most",
                seconds(us),
                seconds(within_us)
            )),
        ),
        Recovery::NotWithin(watched) => (
            "recovery",
            broken(format!(
                "not as before in the {:.3} s that were watched after the last fault",
                seconds(watched)
            )),
        ),
        Recovery::Metastable(permille) => (
            "metastable",
            broken(format!(
                "the fault is gone and the load the same, and at the end {} % of what was due ended as it did before",
                permille / 10
            )),
        ),
    }
}

fn died(view: &View<'_>) -> Checked {
    let deaths = view.load.iter().filter_map(|line| {
        let Evidence::BackendDied(died) = line else { return None };
        Some(Broken {
            message: format!("it ended: {}. {}", died.how, died.last_lines.join(" | ")),
            at_us: Some(died.at_ms * 1_000),
            ..Broken::default()
        })
    });
    Checked { tested: 1, broken: deaths.collect() }
}

/// How long the service took to be as before, for people.
pub(super) fn note(view: &View<'_>) -> Option<String> {
    match recovery(view) {
        Recovery::After(us) => {
            Some(format!("{}: as before {:.3} s after the last fault.", view.run.name, seconds(us)))
        }
        Recovery::NoFault | Recovery::NotWithin(_) | Recovery::Metastable(_) => None,
    }
}

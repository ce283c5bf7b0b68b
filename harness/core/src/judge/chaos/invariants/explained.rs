//! I11: each failure is joined to the fault that explains it.

use crate::judge::chaos::{
    fate::{Fate, Wrong, answer, fate},
    phases::seconds,
    view::View,
};

use super::{Broken, Checked, Invariant};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I11 explained",
    promise: "A request fails only where a fault, or a breaker with reason to be open, explains it, and with the answer that goes with it.",
    check: |view| {
        let explained = Explained::of(view);
        Checked { tested: view.requests.len() as u64, broken: explained.broken }
    },
};

/// Requests by what became of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Explained {
    /// Failures without an explanation, and failures with the wrong answer.
    pub broken: Vec<Broken>,
    /// Requests that succeeded although they had to fail.
    pub ignored: Vec<Broken>,
}

impl Explained {
    /// What the scenario's requests came to.
    pub fn of(view: &View<'_>) -> Self {
        let mut explained = Self::default();
        for request in &view.requests {
            let Fate::Wrong(wrong) = fate(view, request) else { continue };
            let (expected, why, list) = match wrong {
                Wrong::Unexplained { expected } => {
                    (expected, "no fault explains it", &mut explained.broken)
                }
                Wrong::Leaked { expected } => {
                    (expected, "a fault hit it, and this is not its answer", &mut explained.broken)
                }
                Wrong::Ignored { expected } => (
                    expected,
                    "every attempt at a call that it needs failed",
                    &mut explained.ignored,
                ),
            };
            list.push(Broken {
                message: format!(
                    "{} of {}, due at {:.3} s: expected {expected}; saw {} ({why})",
                    request.kind,
                    request.user,
                    seconds(request.due_us),
                    if request.succeeded() { request.status.to_string() } else { answer(request) },
                ),
                at_us: Some(request.done_us),
                request_id: request.request_id.clone(),
                trace_id: Some(request.trace_id.clone()),
                ordinals: vec![request.ordinal],
            });
        }
        explained
    }
}

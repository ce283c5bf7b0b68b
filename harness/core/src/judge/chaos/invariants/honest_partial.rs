//! I10: an answer is whole and right, or it is a refusal.

use crate::domain::{kind::RequestKind, rule::Rule};

use super::{Checked, Invariant, findings, found};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I10 honest-partial",
    promise: "An answer says what the manual says and cites where it stands; half an answer is never given as one.",
    check: |view| {
        let asks = |kind: RequestKind| kind.is_charged();
        let tested = view.requests.iter().filter(|r| asks(r.kind) && r.succeeded()).count() as u64;
        let broken = findings(view, |finding| {
            matches!(finding.rule, Rule::RightAnswer | Rule::Citations | Rule::UsageFigures)
        });
        Checked { tested, broken: broken.into_iter().map(found).collect() }
    },
};

//! I5: one idempotency key, one effect.

use crate::domain::kind::RequestKind;

use super::{Checked, Invariant, findings, found};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I5 idempotent",
    promise: "The same upload under the same idempotency key is the same manual, however often it is sent.",
    check: |view| {
        let again = |kind: RequestKind| kind == RequestKind::UploadAgain;
        let tested = view.requests.iter().filter(|r| again(r.kind) && r.status > 0).count() as u64;
        let broken =
            findings(view, |finding| again(finding.kind) && !finding.rule.is_unexplained());
        Checked { tested, broken: broken.into_iter().map(found).collect() }
    },
};

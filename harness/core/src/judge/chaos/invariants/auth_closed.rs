//! I7: what fails opens no door.

use crate::domain::{kind::RequestKind, rule::Rule};

use super::{Checked, Invariant, findings, found};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I7 auth-closed",
    promise: "Without a good token or signature nobody is let in, in no phase: a check that cannot be made refuses.",
    check: |view| {
        let closed = |kind: RequestKind| {
            matches!(
                kind,
                RequestKind::BadToken | RequestKind::UnsignedUpload | RequestKind::ForeignManual
            )
        };
        let tested = view.requests.iter().filter(|r| closed(r.kind) && r.status > 0).count() as u64;
        let broken = findings(view, |finding| {
            matches!(finding.rule, Rule::Signature | Rule::Identity)
                || (closed(finding.kind) && (200..300).contains(&finding.status))
        });
        Checked { tested, broken: broken.into_iter().map(found).collect() }
    },
};

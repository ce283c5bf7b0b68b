//! I3: nothing is stored that no answer speaks of. An upload that was refused because the bucket failed it leaves its objects
//! to the sweep where taking them away failed as well.

use crate::{
    domain::{kind::RequestKind, rule::Rule},
    judge::chaos::{
        fate::{CallEnd, calls},
        view::View,
    },
};

use super::{Checked, Invariant, compared, conservations};

/// Objects of a manual: itself and its sidecar.
const OBJECTS: u64 = 2;

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I3 no-orphans",
    promise: "Afterwards there is no object without a row, no row without an object, and nothing of what was deleted or refused.",
    check: |view| {
        let lines = conservations(view, |line| line.rule == Rule::ManualsConserved);
        let wrong = lines.iter().filter(|line| {
            let left = if line.what.starts_with("objects") { left(view, &line.user) } else { 0 };
            line.seen > line.expected_max + left * OBJECTS
        });
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

/// Refused uploads of a user whose objects could not be taken away either: a deletion was hit, the bucket was cut off, it is
/// not known whether the row was written, or the idempotency key makes the same upload another request's as well.
fn left(view: &View<'_>, user: &str) -> u64 {
    let uploads = view.requests.iter().filter(|request| {
        request.user == user
            && matches!(request.kind, RequestKind::Upload | RequestKind::UploadAgain)
            && !request.succeeded()
    });
    let left = uploads.filter(|request| {
        let hit = calls(view, request).iter().any(|call| {
            let of_row = call.operation.starts_with("dynamodb:") && call.end != CallEnd::Clean;
            of_row || call.operation.starts_with("s3:Delete")
        });
        let wired = view.faults().any(|fault| {
            let bucket = fault.raw.proxy.as_deref() == Some("s3");
            let name = fault.raw.name.as_str();
            bucket && view.perhaps_on(name).is_some_and(|s| s.touches(request))
        });
        // A reply that never came leaves open whether its row was written: its objects stay until that is known.
        let unknown = view.hits_of(request).iter().any(|hit| hit.effect);
        hit || wired || unknown || request.kind == RequestKind::UploadAgain
    });
    left.count() as u64
}

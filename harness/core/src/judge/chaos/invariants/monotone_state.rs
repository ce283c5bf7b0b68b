//! I9: work for the index ends.

use super::{Checked, Invariant, compared, conservations};

/// What the comparison is called that says how much work is left.
pub const WORK_LEFT: &str = "work for the index that is still open";

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I9 monotone-state",
    promise: "Every manual's job comes to its end once nothing fails any more: nothing is stuck.",
    check: |view| {
        let lines = conservations(view, |line| line.what == WORK_LEFT);
        let wrong = lines.iter().filter(|line| line.seen > line.expected_max);
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

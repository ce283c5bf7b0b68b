//! I4: what was accepted is there.

use crate::domain::rule::Rule;

use super::{Checked, Invariant, compared, conservations};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I4 no-loss",
    promise: "Every manual that was accepted is there afterwards, row and object.",
    check: |view| {
        let lines = conservations(view, |line| {
            line.rule == Rule::ManualsConserved && line.expected_max > 0
        });
        let wrong = lines.iter().filter(|line| line.seen < line.expected_min);
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

//! I3: nothing is stored that no answer speaks of.

use crate::domain::rule::Rule;

use super::{Checked, Invariant, compared, conservations};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I3 no-orphans",
    promise: "Afterwards there is no object without a row, no row without an object, and nothing of what was deleted or refused.",
    check: |view| {
        let lines = conservations(view, |line| line.rule == Rule::ManualsConserved);
        let wrong = lines.iter().filter(|line| line.seen > line.expected_max);
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

//! I6: nobody sees another user's manuals, in no phase.

use crate::domain::rule::Rule;

use super::{Invariant, compared, conservations, of_rule};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I6 tenant-isolation",
    promise: "Nobody's answer, list, source or error shows anything of another user's, and every search is filtered by user.",
    check: |view| {
        let mut checked = of_rule(view, &[Rule::Isolation]);
        let lines = conservations(view, |line| line.rule == Rule::Isolation);
        let wrong = lines.iter().filter(|l| !(l.expected_min..=l.expected_max).contains(&l.seen));
        checked.broken.extend(wrong.map(|line| compared(line)));
        checked
    },
};

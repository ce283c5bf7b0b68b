//! I1: what is charged is what was answered; a request whose fate nobody knows may count or not (Jepsen's `info`).

use crate::domain::rule::Rule;

use super::{Checked, Invariant, compared, conservations};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I1 quota-ledger",
    promise: "Of each user, exactly what was answered is charged: no question that failed, none twice, none for free.",
    check: |view| {
        let lines = conservations(view, |line| line.rule == Rule::QuotaConserved);
        let wrong = lines.iter().filter(|l| !(l.expected_min..=l.expected_max).contains(&l.seen));
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

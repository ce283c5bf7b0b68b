//! I8: errors say nothing of the inside, and every answer keeps the documented contract.

use crate::domain::rule::Rule;

use super::{Invariant, of_rule};

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I8 no-leak",
    promise: "Every answer has the documented status, headers and body, and no error names an ARN, an account, a table, a bucket or an SDK.",
    check: |view| of_rule(view, &[Rule::Leak, Rule::Contract]),
};

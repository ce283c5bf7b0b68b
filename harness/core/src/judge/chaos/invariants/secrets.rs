//! I13: what the run wrote down holds no secret.

use super::{Checked, Invariant, compared, conservations};

/// What the comparison is called that says how many secrets were found.
pub const SECRETS_FOUND: &str = "secrets in the backend's log and the run's files";

/// See the module.
pub(super) const INVARIANT: Invariant = Invariant {
    code: "I13 secrets",
    promise: "No log line and no file of the run carries a token, a signing key or a signed URL.",
    check: |view| {
        let lines = conservations(view, |line| line.what == SECRETS_FOUND);
        let wrong = lines.iter().filter(|line| line.seen > line.expected_max);
        Checked { tested: lines.len() as u64, broken: wrong.map(|line| compared(line)).collect() }
    },
};

//! The counter-based generator: a number for (seed, rule, key, attempt, purpose), whatever was drawn before.
//!
//! Each draw is the first words of SHA-256 over the parts, each preceded by its length. Salmon et al., "Parallel
//! random numbers: as easy as 1, 2, 3" (SC'11), describe why a keyed bijection of a counter suffices; a
//! cryptographic hash takes keys of any length and is the same on every machine.
use sha2::{Digest as _, Sha256};

use crate::key::Attempt;

/// What a number is drawn for: two questions about one attempt have unrelated answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Does the rule's rate hit this attempt?
    Hit,
    /// Where in its jitter does the delay fall?
    Jitter,
}

/// A number in [0, 1) for this attempt under this rule; `sequence` tells apart calls that have no key.
pub(crate) fn unit(
    seed: u64,
    rule: &str,
    attempt: &Attempt,
    sequence: u64,
    purpose: Purpose,
) -> f64 {
    let mut hash = Sha256::new();
    let key = attempt.key.to_string();
    let counter = if attempt.key.trace().is_none() { sequence } else { 0 };
    for part in [
        &seed.to_le_bytes()[..],
        rule.as_bytes(),
        key.as_bytes(),
        &attempt.attempt.to_le_bytes(),
        &counter.to_le_bytes(),
        &[match purpose {
            Purpose::Hit => 1,
            Purpose::Jitter => 2,
        }],
    ] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut word = [0; 8];
    word.copy_from_slice(&digest[..8]);
    // The 53 bits that a double holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let unit = (u64::from_le_bytes(word) >> 11) as f64 / (1_u64 << 53) as f64;
    unit
}

#[cfg(test)]
mod tests {
    use super::{Purpose, unit};
    use crate::key::{Attempt, RequestKey};

    fn attempt(ordinal: u32, attempt: u32) -> Attempt {
        let (trace, operation) = ("a".repeat(32), "s3:GetObject".to_owned());
        Attempt { key: RequestKey::Traced { trace, operation, ordinal }, attempt }
    }

    #[test]
    fn the_same_question_has_the_same_answer_and_others_are_unrelated() {
        let ask = |seed, rule, n, purpose| unit(seed, rule, &attempt(n, 1), 9, purpose);
        let first = ask(1, "r", 1, Purpose::Hit);
        assert_eq!(first.to_bits(), ask(1, "r", 1, Purpose::Hit).to_bits());
        for other in [
            ask(2, "r", 1, Purpose::Hit),
            ask(1, "q", 1, Purpose::Hit),
            ask(1, "r", 2, Purpose::Hit),
            ask(1, "r", 1, Purpose::Jitter),
            unit(1, "r", &attempt(1, 2), 9, Purpose::Hit),
        ] {
            assert_ne!(first.to_bits(), other.to_bits());
        }
    }

    #[test]
    fn a_rate_hits_its_share_of_ten_thousand_keys_within_three_sigma() {
        for rate in [0.01, 0.3, 0.5, 0.97] {
            let hits = (0..10_000)
                .filter(|&n| unit(7, "rate", &attempt(n, 1), 0, Purpose::Hit) < rate)
                .count();
            let (mean, sigma) = (1e4 * rate, (1e4 * rate * (1.0 - rate)).sqrt());
            let off = (f64::from(u32::try_from(hits).unwrap()) - mean).abs();
            assert!(off <= 3.0 * sigma, "{rate}: {hits}");
        }
    }
}

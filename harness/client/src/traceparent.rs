//! The W3C `traceparent` of a request, derived from (seed, user, ordinal): a trace is found again from a report alone.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A sampled trace context, version 00 (W3C Trace Context, §3.2).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Traceparent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
}

impl Traceparent {
    /// Bytes 0–15 of sha256(`"manuel-trace"` ‖ seed ‖ user ‖ ordinal) are the trace, bytes 16–23 the span; integers are
    /// 64-bit little-endian. An all-zero id is invalid in the standard: its last byte becomes 1.
    pub fn derive(seed: u64, user: u64, ordinal: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"manuel-trace");
        hash.update(seed.to_le_bytes());
        hash.update(user.to_le_bytes());
        hash.update(ordinal.to_le_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut trace_id = [0; 16];
        let mut span_id = [0; 8];
        trace_id.copy_from_slice(&digest[..16]);
        span_id.copy_from_slice(&digest[16..24]);
        Self::from_ids(trace_id, span_id)
    }

    /// The trace id: 32 lower-case hex digits.
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// The span id: 16 lower-case hex digits.
    pub fn span_id(&self) -> String {
        hex::encode(self.span_id)
    }

    fn from_ids(mut trace_id: [u8; 16], mut span_id: [u8; 8]) -> Self {
        if trace_id == [0; 16] {
            trace_id[15] = 1;
        }
        if span_id == [0; 8] {
            span_id[7] = 1;
        }
        Self { trace_id, span_id }
    }
}

/// The header's value: `00-<trace>-<span>-01`.
impl fmt::Display for Traceparent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "00-{}-{}-01", hex::encode(self.trace_id), hex::encode(self.span_id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn value_is_that_of_the_formula() {
        // printf 'manuel-trace' | cat - <(24 bytes: 1, 2, 3 as u64 LE) | sha256sum
        assert_eq!(
            Traceparent::derive(1, 2, 3).to_string(),
            "00-a6577bb518794170ca8232555ff7461d-b70ed04da1eee6c5-01"
        );
    }

    #[test]
    fn zero_ids_are_replaced() {
        let zero = Traceparent::from_ids([0; 16], [0; 8]);
        assert_eq!(zero.to_string(), "00-00000000000000000000000000000001-0000000000000001-01");
    }

    #[test]
    fn neighbours_differ() {
        let mut seen = BTreeSet::new();
        for user in 0..20 {
            for ordinal in 0..20 {
                assert!(seen.insert(Traceparent::derive(7, user, ordinal).trace_id()));
            }
        }
    }

    proptest! {
        #[test]
        fn always_well_formed(seed: u64, user: u64, ordinal: u64) {
            let text = Traceparent::derive(seed, user, ordinal).to_string();
            let parts: Vec<&str> = text.split('-').collect();
            prop_assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), vec![2, 32, 16, 2]);
            prop_assert!(parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))));
            prop_assert_ne!(parts[1], "0".repeat(32));
            prop_assert_ne!(parts[2], "0".repeat(16));
        }
    }
}

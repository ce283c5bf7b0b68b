//! A latency histogram: HDR, 1 µs to 1 h, three significant digits, mergeable by addition.
//!
//! On the wire it is base64 of the `HdrHistogram` V2 encoding (the format of `HdrHistogram_c` and `.hlog` tools), so
//! that a histogram written by any worker is read by any other tool.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as V2Deserializer, Serializer as _, V2Serializer},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

/// Highest latency that is told apart: one hour, in microseconds. Longer ones count as this.
pub const HIGHEST_US: u64 = 3_600_000_000;

/// Values below this have a bucket each; above, a power of two has half as many. This is HDR's layout for three digits.
const SUB_BUCKETS: u64 = 2_048;

/// Counts of latencies in microseconds: the highest value of each bucket that holds any → how many. A run keeps
/// thousands of these, so empty buckets take no room.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct LatencyHistogram(BTreeMap<u64, u64>);

impl LatencyHistogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one latency, in microseconds; values out of range count at the nearest bound.
    pub fn record(&mut self, us: u64) {
        *self.0.entry(bucket(us.clamp(1, HIGHEST_US))).or_default() += 1;
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        for (us, count) in &other.0 {
            *self.0.entry(*us).or_default() += count;
        }
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The `rank`-th smallest latency (from 1), in microseconds; none where there are fewer.
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        let reaches = |(us, count): (&u64, &u64)| {
            seen += count;
            (seen >= rank).then_some(*us)
        };
        if rank == 0 { None } else { self.0.iter().find_map(reaches) }
    }

    /// The percentile `num/den` (0.95 is 95/100) by the nearest-rank rule, in microseconds.
    pub fn percentile(&self, num: u64, den: u64) -> Option<u64> {
        let count = u128::from(self.count());
        let rank = (count * u128::from(num)).div_ceil(u128::from(den)).max(1);
        self.at_rank(u64::try_from(rank).ok()?)
    }

    /// How many latencies lie above `us`, to the resolution of the histogram.
    pub fn count_above(&self, us: u64) -> u64 {
        self.0.iter().filter(|(value, _)| **value > us).map(|(_, count)| count).sum()
    }

    /// Longest latency, in microseconds; none in an empty histogram.
    pub fn max(&self) -> Option<u64> {
        self.0.last_key_value().map(|(us, _)| *us)
    }

    /// Mean, in whole microseconds; none in an empty histogram.
    pub fn mean(&self) -> Option<u64> {
        let sum: u128 = self.0.iter().map(|(us, n)| u128::from(*us) * u128::from(*n)).sum();
        sum.checked_div(u128::from(self.count())).and_then(|mean| u64::try_from(mean).ok())
    }

    /// `(latency in µs, how many)` for each bucket that holds any, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(us, count)| (*us, *count))
    }
}

/// The highest value of the bucket that `us` falls into.
fn bucket(us: u64) -> u64 {
    if us < SUB_BUCKETS {
        return us;
    }
    let shift = us.ilog2() - (SUB_BUCKETS.ilog2() - 1);
    (((us >> shift) + 1) << shift) - 1
}

impl fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LatencyHistogram({} samples, max {:?} µs)", self.count(), self.max())
    }
}

impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut dense =
            Histogram::<u64>::new_with_bounds(1, HIGHEST_US, 3).map_err(S::Error::custom)?;
        for (us, count) in &self.0 {
            dense.record_n((*us).min(HIGHEST_US), *count).map_err(S::Error::custom)?;
        }
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&dense, &mut bytes).map_err(S::Error::custom)?;
        serializer.serialize_str(&BASE64.encode(&bytes))
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.as_bytes()).map_err(D::Error::custom)?;
        let read: Histogram<u64> =
            V2Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(D::Error::custom)?;
        let buckets = read.iter_recorded();
        // A histogram of another resolution falls into our buckets by its own.
        let mut counts = BTreeMap::new();
        for read in buckets {
            let us = bucket(read.value_iterated_to().clamp(1, HIGHEST_US));
            *counts.entry(us).or_default() += read.count_at_value();
        }
        Ok(Self(counts))
    }
}

impl JsonSchema for LatencyHistogram {
    fn schema_name() -> Cow<'static, str> {
        "LatencyHistogram".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "HdrHistogram V2 encoding, microseconds, 3 significant digits"
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn survives_the_wire(values in proptest::collection::vec(1_u64..10_000_000, 0..200)) {
            let mut histogram = LatencyHistogram::new();
            for value in &values {
                histogram.record(*value);
            }
            let json = serde_json::to_string(&histogram).unwrap();
            let back: LatencyHistogram = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back, histogram);
        }

        #[test]
        fn a_percentile_is_within_a_thousandth(mut values in proptest::collection::vec(1_u64..10_000_000, 1..300), num in 1_u64..=100) {
            let mut histogram = LatencyHistogram::new();
            for value in &values {
                histogram.record(*value);
            }
            values.sort_unstable();
            let rank = (values.len() as u64 * num).div_ceil(100);
            let exact = values[usize::try_from(rank - 1).unwrap()];
            let seen = histogram.percentile(num, 100).unwrap();
            prop_assert!(seen.abs_diff(exact) * 1000 <= exact.max(1000), "{} for {}", seen, exact);
        }
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut a, mut b, mut both) =
            (LatencyHistogram::new(), LatencyHistogram::new(), LatencyHistogram::new());
        for us in [10, 2_000, 30_000] {
            a.record(us);
            both.record(us);
        }
        for us in [5, 7_000_000] {
            b.record(us);
            both.record(us);
        }
        a.add(&b);
        assert_eq!(a, both);
        assert_eq!(a.count_above(2_000), 2);
    }

    #[test]
    fn buckets_are_those_of_hdr() {
        let hdr = Histogram::<u64>::new_with_bounds(1, HIGHEST_US, 3).unwrap();
        for us in [1, 2_047, 2_048, 2_049, 4_095, 4_096, 999_999, 123_456_789, HIGHEST_US] {
            assert_eq!(bucket(us), hdr.highest_equivalent(us), "{us}");
        }
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(LatencyHistogram::new().percentile(95, 100), None);
        assert_eq!(LatencyHistogram::new().mean(), None);
    }
}

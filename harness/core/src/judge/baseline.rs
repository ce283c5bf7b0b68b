//! Compares the latencies of two runs: the Mann-Whitney U test on their histograms, and a practical threshold, for with
//! thousands of answers any difference is beyond chance.
//!
//! H. B. Mann, D. R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other",
//! 1947; ties as in E. L. Lehmann, "Nonparametrics", 1975, §1.4. What two runs differ by on a machine with neighbours is more
//! than what one run shows of itself: the threshold stands for that, and is measured, not computed.

use std::collections::BTreeMap;

use crate::domain::{
    baseline::{Change, Compared},
    histogram::LatencyHistogram,
};

/// Fewer answers than this on either side say nothing.
const ENOUGH: u64 = 100;
/// |z| above this is beyond chance at 0.1 % (two-sided): a comparison looks at some ten kinds.
const BEYOND_CHANCE: f64 = 3.291;

/// Compares each kind that the baseline has; `threshold_ppm` is the smallest change of the median that matters.
pub fn compare(
    baseline: &BTreeMap<String, LatencyHistogram>,
    run: &BTreeMap<String, LatencyHistogram>,
    threshold_ppm: u64,
) -> Vec<Compared> {
    let none = LatencyHistogram::new();
    let of = |(kind, old): (&String, &LatencyHistogram)| {
        one(kind, old, run.get(kind).unwrap_or(&none), threshold_ppm)
    };
    baseline.iter().map(of).collect()
}

fn one(kind: &str, old: &LatencyHistogram, new: &LatencyHistogram, threshold_ppm: u64) -> Compared {
    let median = |h: &LatencyHistogram| h.percentile(1, 2).unwrap_or(0);
    let p95 = |h: &LatencyHistogram| h.percentile(95, 100).unwrap_or(0);
    let (before, after) = (median(old), median(new));
    let (slower_ppm, z) = ranks(old, new);
    let change_ppm = u128::from(before.abs_diff(after)) * 1_000_000 / u128::from(before.max(1));
    let matters = change_ppm > u128::from(threshold_ppm);
    let change = if old.count() < ENOUGH {
        Change::TooFew
    } else if new.count() < ENOUGH {
        Change::Vanished
    } else if z.abs() <= BEYOND_CHANCE || !matters {
        Change::Same
    } else if z > 0.0 && after > before {
        Change::Slower
    } else if z < 0.0 && after < before {
        Change::Faster
    } else {
        Change::Same
    };
    Compared {
        kind: kind.to_owned(),
        change,
        baseline_n: old.count(),
        run_n: new.count(),
        median_us: (before, after),
        p95_us: (p95(old), p95(new)),
        slower_ppm,
    }
}

/// How often `new` is the slower of a pair, in ppm, and the standard score of U, ties counted halves. Buckets are ties.
#[expect(clippy::cast_precision_loss, reason = "counts of answers are far below 2^53")]
fn ranks(old: &LatencyHistogram, new: &LatencyHistogram) -> (u64, f64) {
    let mut buckets: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (value, count) in old.buckets() {
        buckets.entry(value).or_default().0 += count;
    }
    for (value, count) in new.buckets() {
        buckets.entry(value).or_default().1 += count;
    }
    let (n, m) = (old.count(), new.count());
    if n == 0 || m == 0 {
        return (500_000, 0.0);
    }
    // Twice U, so that halves are whole.
    let (mut twice_u, mut below, mut ties) = (0_u128, 0_u64, 0_u128);
    for (a, b) in buckets.into_values() {
        twice_u += u128::from(b) * (2 * u128::from(below) + u128::from(a));
        below += a;
        let tied = u128::from(a + b);
        ties += tied * tied * tied - tied;
    }
    let pairs = u128::from(n) * u128::from(m);
    let slower_ppm = u64::try_from(twice_u * 500_000 / pairs).unwrap_or(1_000_000);
    let all = (n + m) as f64;
    let variance = pairs as f64 / 12.0 * (all + 1.0 - ties as f64 / (all * (all - 1.0)).max(1.0));
    let off = (twice_u as f64 - pairs as f64) / 2.0;
    (slower_ppm, if variance > 0.0 { off / variance.sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::new();
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    }

    fn change(old: &LatencyHistogram, new: &LatencyHistogram) -> Change {
        one("query", old, new, 100_000).change
    }

    #[test]
    fn what_moves_beyond_chance_and_threshold_is_told() {
        let usual = || of((0..1000).map(|i| 10_000 + i * 10));
        assert_eq!(change(&usual(), &usual()), Change::Same);
        let slower = of((0..1000).map(|i| 12_000 + i * 12));
        assert_eq!(change(&usual(), &slower), Change::Slower);
        assert_eq!(change(&slower, &usual()), Change::Faster);
        // Beyond chance, and too little to matter.
        let a_little = of((0..1000).map(|i| 10_600 + i * 10));
        assert_eq!(change(&usual(), &a_little), Change::Same);
        assert_eq!(change(&of([1, 2, 3]), &usual()), Change::TooFew);
        assert_eq!(change(&usual(), &of([1, 2, 3])), Change::Vanished);
        let baseline = BTreeMap::from([("query".to_owned(), usual())]);
        assert_eq!(compare(&baseline, &BTreeMap::new(), 1)[0].change, Change::Vanished);
    }

    /// U, counted pair by pair.
    #[test]
    fn ranks_are_those_of_the_pairs() {
        let (old, new) = ([10, 20, 20, 40], [15, 20, 50]);
        let twice: u64 = old
            .iter()
            .flat_map(|a| new.iter().map(move |b| if b > a { 2 } else { u64::from(a == b) }))
            .sum();
        let (slower_ppm, _) = ranks(&of(old), &of(new));
        assert_eq!(slower_ppm, twice * 500_000 / 12);
    }

    proptest! {
        #[test]
        fn turned_around_it_says_the_contrary(
            old in proptest::collection::vec(1_u64..1_000_000, 1..200),
            new in proptest::collection::vec(1_u64..1_000_000, 1..200),
        ) {
            let (old, new) = (of(old), of(new));
            let ((a, z), (b, y)) = (ranks(&old, &new), ranks(&new, &old));
            prop_assert!((a + b).abs_diff(1_000_000) <= 1);
            prop_assert!((z + y).abs() < 1e-9);
            let forth = change(&old, &new);
            let back = change(&new, &old);
            prop_assert!(!(forth == Change::Slower && back == Change::Slower));
        }
    }
}

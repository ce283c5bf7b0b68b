//! Exact binomial arithmetic for percentiles: which order statistics enclose a percentile, and how many samples it takes.
//!
//! Of `n` independent samples, the number that lie below the true `p`-quantile is Binomial(n, p), whatever the
//! distribution (Conover, Practical Nonparametric Statistics, §3.2). Only + − × ÷ are used, which IEEE 754 rounds
//! alike everywhere: the same samples give the same ranks on any machine.

/// One-sided risk of a wrong decision: 5 %.
const RISK: f64 = 0.05;
/// Relative weight below which a term no longer counts.
const NEGLIGIBLE: f64 = 1e-18;

/// Ranks (from 1) of the samples that enclose a percentile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ranks {
    /// The percentile is at least the sample of this rank, with 95 % confidence; none where there are too few samples.
    pub lower: Option<u64>,
    /// The percentile is at most the sample of this rank, with 95 % confidence; none where there are too few samples.
    pub upper: Option<u64>,
}

/// Ranks that enclose the percentile `hundredths`/10 000 of `n` samples.
pub fn ranks(n: u64, hundredths: u32) -> Ranks {
    let table = Table::new(n, f64::from(hundredths) / 10_000.0);
    let (mut lower, mut upper, mut cdf) = (None, None, 0.0);
    for (i, weight) in table.weights.iter().enumerate() {
        let below = table.first + i as u64;
        if below > table.first && cdf <= RISK {
            lower = Some(below);
        }
        cdf += weight / table.total;
        if cdf <= RISK {
            lower = Some(below + 1);
        }
        if upper.is_none() && cdf >= 1.0 - RISK {
            upper = Some(below + 1);
        }
    }
    Ranks { lower: lower.filter(|r| (1..=n).contains(r)), upper: upper.filter(|r| *r <= n) }
}

/// Fewest samples that can show that a percentile is kept: with none of them above the limit.
pub fn samples_needed(hundredths: u32) -> u64 {
    let p = f64::from(hundredths) / 10_000.0;
    let (mut n, mut all_below) = (0, 1.0);
    while all_below > RISK && n < 10_000_000 {
        all_below *= p;
        n += 1;
    }
    n
}

/// Weights of Binomial(n, p) around its mode, relative to it.
struct Table {
    first: u64,
    weights: Vec<f64>,
    total: f64,
}

impl Table {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52"
    )]
    fn new(n: u64, p: f64) -> Self {
        let q = 1.0 - p;
        let mode = (((n + 1) as f64 * p) as u64).min(n);
        let (mut below, mut weight, mut i) = (Vec::new(), 1.0, mode);
        while i > 0 {
            weight *= i as f64 / (n - i + 1) as f64 * (q / p);
            if weight < NEGLIGIBLE {
                break;
            }
            below.push(weight);
            i -= 1;
        }
        let first = mode - below.len() as u64;
        let mut weights: Vec<f64> = below.into_iter().rev().collect();
        weights.push(1.0);
        (weight, i) = (1.0, mode);
        while i < n {
            weight *= (n - i) as f64 / (i + 1) as f64 * (p / q);
            if weight < NEGLIGIBLE {
                break;
            }
            weights.push(weight);
            i += 1;
        }
        let total = weights.iter().sum();
        Self { first, weights, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_what_the_books_say() {
        assert_eq!(samples_needed(9_500), 59);
        assert_eq!(samples_needed(9_900), 299);
        assert_eq!(samples_needed(9_990), 2_995);
        assert_eq!(samples_needed(5_000), 5);
    }

    #[test]
    fn the_upper_rank_appears_where_the_samples_suffice() {
        assert_eq!(ranks(58, 9_500).upper, None);
        assert_eq!(ranks(59, 9_500).upper, Some(59));
        assert_eq!(ranks(0, 9_500), Ranks { lower: None, upper: None });
    }

    #[test]
    fn ranks_enclose_as_a_direct_sum_says() {
        // n = 20, p = 0.5: P(B ≤ 5) = 0.0207, P(B ≤ 6) = 0.0577; P(B ≤ 13) = 0.9423, P(B ≤ 14) = 0.9793.
        assert_eq!(ranks(20, 5_000), Ranks { lower: Some(6), upper: Some(15) });
        // n = 1000, p = 0.95 (scipy.stats.binom): ppf(0.05) = 938, ppf(0.95) = 961.
        assert_eq!(ranks(1_000, 9_500), Ranks { lower: Some(938), upper: Some(962) });
    }

    proptest::proptest! {
        #[test]
        fn lower_is_below_upper(n in 1_u64..20_000, hundredths in 1_u32..10_000) {
            let ranks = ranks(n, hundredths);
            if let (Some(lower), Some(upper)) = (ranks.lower, ranks.upper) {
                proptest::prop_assert!(lower <= upper);
            }
        }
    }
}

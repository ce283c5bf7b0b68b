//! How long the emulated model takes. A draw is a function of seed, trace and content, never of the
//! order in which requests arrive: two runs of one plan wait the same, whatever ran beside it.
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

/// No draw is longer, so that every wait has a bound.
const LONGEST: Duration = Duration::from_mins(1);
/// The standard normal's 95th percentile.
const Z95: f64 = 1.644_853_626_951_472_2;

/// The model's own time: a draw from `base`, plus a share for each output token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyModel {
    pub base: Distribution,
    /// Milliseconds for 1 000 output tokens.
    pub ms_per_1000_output_tokens: u32,
}

/// The distribution of the time before the output tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    Constant {
        ms: u32,
    },
    /// The natural logarithm of the time is normal; a 95th percentile below the median counts as the median.
    LogNormal {
        median_ms: u32,
        p95_ms: u32,
    },
}

impl LatencyModel {
    /// Answers at once.
    pub const fn zero() -> Self {
        Self { base: Distribution::Constant { ms: 0 }, ms_per_1000_output_tokens: 0 }
    }

    /// The time of one call, at most 60 s. Of `trace` (a `traceparent`) only the trace id counts:
    /// span ids are random, and a repeated attempt has the same trace.
    pub(crate) fn draw(
        &self,
        seed: u64,
        trace: Option<&str>,
        content: &[u8],
        output_tokens: u64,
    ) -> Duration {
        let base_ms = match self.base {
            Distribution::Constant { ms } => f64::from(ms),
            Distribution::LogNormal { median_ms, p95_ms } => {
                lognormal(median_ms, p95_ms, standard_normal(seed, trace, content))
            }
        };
        let tokens = u32::try_from(output_tokens).unwrap_or(u32::MAX);
        let tokens_ms = f64::from(self.ms_per_1000_output_tokens) * f64::from(tokens) / 1000.0;
        let longest_ms = LONGEST.as_secs_f64() * 1000.0;
        let ms = (base_ms + tokens_ms).clamp(0.0, longest_ms);
        // Whole microseconds: the same on every machine.
        Duration::from_secs_f64((ms * 1000.0).round() / 1_000_000.0)
    }
}

fn lognormal(median_ms: u32, p95_ms: u32, z: f64) -> f64 {
    if median_ms == 0 {
        return 0.0;
    }
    let median = f64::from(median_ms);
    let sigma = (f64::from(p95_ms.max(median_ms)) / median).ln() / Z95;
    median * (sigma * z).exp()
}

/// Box and Muller's transform of two uniform draws.
fn standard_normal(seed: u64, trace: Option<&str>, content: &[u8]) -> f64 {
    let trace_id = trace.and_then(|parent| parent.split('-').nth(1)).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update([u8::try_from(trace_id.len()).unwrap_or(u8::MAX)]);
    hash.update(trace_id);
    hash.update(content);
    let mut rng = ChaCha8Rng::from_seed(hash.finalize().into());
    let radius: f64 = 1.0 - rng.random::<f64>();
    let angle: f64 = rng.random::<f64>() * std::f64::consts::TAU;
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Distribution, LatencyModel};

    const MODEL: LatencyModel = LatencyModel {
        base: Distribution::LogNormal { median_ms: 400, p95_ms: 1200 },
        ms_per_1000_output_tokens: 0,
    };

    #[test]
    fn draws_follow_the_stated_percentiles() {
        let mut draws: Vec<Duration> =
            (0_u32..4000).map(|n| MODEL.draw(7, None, &n.to_le_bytes(), 0)).collect();
        draws.sort_unstable();
        let (median, p95) = (draws[2000].as_millis(), draws[3800].as_millis());
        assert!((380..=420).contains(&median), "median {median}");
        assert!((1090..=1310).contains(&p95), "p95 {p95}");
    }

    #[test]
    fn a_draw_depends_on_seed_trace_id_and_content_alone() {
        let first = MODEL.draw(7, Some("00-aa-1111-01"), b"x", 0);
        assert_eq!(first, MODEL.draw(7, Some("00-aa-2222-01"), b"x", 0));
        assert_ne!(first, MODEL.draw(8, Some("00-aa-1111-01"), b"x", 0));
        assert_ne!(first, MODEL.draw(7, Some("00-bb-1111-01"), b"x", 0));
        assert_ne!(first, MODEL.draw(7, Some("00-aa-1111-01"), b"y", 0));
    }

    #[test]
    fn output_tokens_cost_their_share_and_the_sum_is_bounded() {
        let model = LatencyModel {
            base: Distribution::Constant { ms: 100 },
            ms_per_1000_output_tokens: 8000,
        };
        assert_eq!(model.draw(0, None, b"", 50), Duration::from_millis(500));
        assert_eq!(model.draw(0, None, b"", 50_000_000), Duration::from_mins(1));
        assert_eq!(LatencyModel::zero().draw(0, None, b"", 9999), Duration::ZERO);
    }
}

//! Numbers drawn by counting, not by order: the draw for (seed, stream, index) is the same whoever asks first.
//!
//! The mixer is `SplitMix64`'s (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).

/// What a number is drawn for; draws of different streams have nothing to do with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    /// Gaps between arrivals.
    Gap,
    /// Kinds of request.
    Kind,
    /// Order of users.
    User,
    /// Questions.
    Question,
}

/// 64 bits for (seed, stream, index).
pub fn bits(seed: u64, stream: Stream, index: u64) -> u64 {
    let stream = match stream {
        Stream::Gap => 1,
        Stream::Kind => 2,
        Stream::User => 3,
        Stream::Question => 4,
    };
    let keyed = mix(seed ^ mix(stream));
    mix(keyed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A number below `bound`, evenly (by multiplication; the bias is below 2⁻³² for the bounds used here).
pub fn below(seed: u64, stream: Stream, index: u64, bound: u64) -> u64 {
    let wide = u128::from(bits(seed, stream, index)) * u128::from(bound);
    (wide >> 64) as u64
}

/// A draw from the exponential distribution of mean 1.
pub fn exponential(seed: u64, stream: Stream, index: u64) -> f64 {
    // 53 bits, moved off 0: the logarithm is finite.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let uniform = ((bits(seed, stream, index) >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0;
    -ln(uniform)
}

/// Natural logarithm of `x` in (0, 1], by + − × ÷ alone, so that every machine rounds alike (a platform's own `ln`
/// may not): ln(m·2ᵉ) = e·ln 2 + 2·artanh((m − 1)/(m + 1)).
fn ln(x: f64) -> f64 {
    let (mut mantissa, mut exponent) = (x, 0.0);
    while mantissa < core::f64::consts::FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        exponent -= 1.0;
    }
    let y = (mantissa - 1.0) / (mantissa + 1.0);
    let square = y * y;
    let (mut power, mut sum, mut k) = (y, 0.0, 1.0);
    while k < 40.0 {
        sum += power / k;
        power *= square;
        k += 2.0;
    }
    exponent * core::f64::consts::LN_2 + 2.0 * sum
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_is_the_logarithm() {
        for x in [1.0, 0.999, 0.75, 0.5, 0.1, 1e-3, 1e-9, 5.5e-17] {
            assert!((ln(x) - f64::ln(x)).abs() <= 1e-13 * f64::ln(x).abs().max(1e-3), "{x}");
        }
    }

    #[test]
    fn exponential_has_mean_and_variance_one() {
        let n = 20_000_u32;
        let draws: Vec<f64> = (0..n).map(|i| exponential(7, Stream::Gap, i.into())).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.08, "{variance}");
    }

    #[test]
    fn streams_and_seeds_differ() {
        assert_ne!(bits(1, Stream::Gap, 0), bits(1, Stream::Kind, 0));
        assert_ne!(bits(1, Stream::Gap, 0), bits(2, Stream::Gap, 0));
        assert_eq!(bits(1, Stream::Gap, 9), bits(1, Stream::Gap, 9));
    }
}

//! Whole numbers as JSON means them: `5` and `5.0` are the same number, and some clients write the latter.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Beyond this a float does not hold every whole number.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// For `#[serde(deserialize_with = ..)]`: a whole number of 0 or more, however it is written.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 0 or more")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "looked at beforehand: whole, not negative, and exact"
    )]
    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        if number.fract() == 0.0 && (0.0..=FLOAT_EXACT_MAX).contains(&number) {
            Ok(number as u64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Announced {
        #[serde(deserialize_with = "super::whole_number")]
        size: u64,
    }

    fn size(text: &str) -> Option<u64> {
        let json = format!("{{\"size\":{text}}}");
        serde_json::from_str::<Announced>(&json).ok().map(|announced| announced.size)
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        for (text, number) in [("5", 5), ("5.0", 5), ("5e3", 5000), ("0", 0), ("-0.0", 0)] {
            assert_eq!(size(text), Some(number), "{text}");
        }
        assert_eq!(size(&u64::MAX.to_string()), Some(u64::MAX));
        for text in ["5.5", "-1", "-1.0", "1e300", "\"5\"", "null", "true", "[]"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

//! A sum of money as the contract writes it: decimal text, or a JSON number, kept exactly.

use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Decimal digits after the point that are kept: prices go down to a millionth of a dollar per thousand tokens.
const SCALE: u32 = 12;

/// A sum in units of 10⁻¹² of its currency.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Amount {
    pico: i128,
}

impl Amount {
    /// The sum in units of 10⁻¹².
    pub fn pico(self) -> i128 {
        self.pico
    }

    /// Reads `-?digits[.digits]` with at most twelve digits after the point that are not zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 20 {
            return None;
        }
        let kept = fraction.trim_end_matches('0');
        let missing = SCALE.checked_sub(u32::try_from(kept.len()).ok()?)?;
        let fraction: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        let pico =
            whole.parse::<i128>().ok()? * 10_i128.pow(SCALE) + fraction * 10_i128.pow(missing);
        Some(Self { pico: if negative { -pico } else { pico } })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Amount;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a decimal number, as text or as a number")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                Amount::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Amount, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Amount, E> {
                // The shortest text that reads back as this number: what the sender wrote, up to 15 digits.
                Amount::parse(&value.to_string()).ok_or_else(|| E::custom("not a decimal number"))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_and_numbers_are_the_same_sum() {
        for json in ["\"0.000123\"", "0.000123", "\"0.00012300\""] {
            let amount: Amount = serde_json::from_str(json).unwrap();
            assert_eq!(amount.pico(), 123_000_000, "{json}");
        }
        assert_eq!(serde_json::from_str::<Amount>("2").unwrap().pico(), 2_000_000_000_000);
        assert_eq!(Amount::parse("-1.5").unwrap().pico(), -1_500_000_000_000);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "-", ".5", "1.", "1e3", "NaN", "1,0", "0.0000000000001", " 1"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_exact(a in 0_u64..1_000_000_000, b in 0_u32..1_000_000) {
            let amount = Amount::parse(&format!("{a}.{b:06}")).unwrap();
            prop_assert_eq!(amount.pico(), i128::from(a) * 1_000_000_000_000 + i128::from(b) * 1_000_000);
        }
    }
}

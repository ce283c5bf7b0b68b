//! What a call costs, in decimal US dollars, from one dated table of prices. Nothing here is a float.

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::value::RawValue;

/// The day on which the list prices below were valid.
pub const PRICES_AS_OF: &str = "2025-06-01";

/// Price of a million input and a million output tokens, in US cents, by a part of the model's id.
/// On-demand list prices of Amazon Bedrock; the first match counts, so the more exact names come first.
const PRICES_CENTS_PER_MILLION: &[(&str, i64, i64)] = &[
    ("claude-3-haiku", 25, 125),
    ("claude-3-5-haiku", 80, 400),
    ("claude-3-opus", 1500, 7500),
    ("claude-opus-4", 1500, 7500),
    ("claude-3-sonnet", 300, 1500),
    ("claude-3-5-sonnet", 300, 1500),
    ("claude-3-7-sonnet", 300, 1500),
    ("claude-sonnet-4", 300, 1500),
    ("nova-micro", 4, 14),
    ("nova-lite", 6, 24),
    ("nova-pro", 80, 320),
];

/// Price of a minute of standard batch transcription, in hundredths of a US cent: the first and dearest tier of the list
/// for us-east-1. What another region lists has to be entered here before figures of it are believed.
const TRANSCRIPTION_PER_MINUTE: i64 = 240;

/// Amazon Transcribe bills by the second, but no request for less than this.
const TRANSCRIPTION_SECONDS_MIN: u64 = 15;

/// A model that is not in the table is priced like the dearest one: a cost is never understated.
const DEAREST: (i64, i64) = (1500, 7500);

/// Tokens that a model call really used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUse {
    /// Tokens read.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
}

/// One line of a cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// The service that is paid.
    pub service: &'static str,
    /// What it did.
    pub operation: &'static str,
    /// US dollars.
    pub cost: Decimal,
    /// What is counted.
    pub unit: &'static str,
    /// How many of it.
    pub quantity: u64,
}

/// The lines for the tokens of one model call.
pub fn of_tokens(model_id: &str, tokens: TokenUse) -> Vec<CostLine> {
    let (input_cents, output_cents) = PRICES_CENTS_PER_MILLION
        .iter()
        .find(|(name, _, _)| model_id.contains(name))
        .map_or(DEAREST, |(_, input, output)| (*input, *output));
    let line = |operation, quantity: u64, cents: i64| CostLine {
        service: "bedrock",
        operation,
        cost: (Decimal::from(quantity) * Decimal::new(cents, 8)).normalize(),
        unit: "token",
        quantity,
    };
    vec![
        line("converse_input", tokens.input, input_cents),
        line("converse_output", tokens.output, output_cents),
    ]
}

/// The line for one transcription of a recording.
pub fn of_transcription(length: Duration) -> CostLine {
    let begun = u64::from(length.subsec_nanos() > 0);
    let quantity = length.as_secs().saturating_add(begun).max(TRANSCRIPTION_SECONDS_MIN);
    let per_minute = Decimal::new(TRANSCRIPTION_PER_MINUTE, 4);
    CostLine {
        service: "transcribe",
        operation: "transcription",
        cost: (Decimal::from(quantity) * per_minute / Decimal::from(60)).normalize(),
        unit: "second",
        quantity,
    }
}

/// The sum of the lines.
pub fn total(lines: &[CostLine]) -> Decimal {
    lines.iter().map(|line| line.cost).sum::<Decimal>().normalize()
}

/// A decimal that is written to JSON as a number, digit for digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonDecimal(pub Decimal);

impl Serialize for JsonDecimal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = RawValue::from_string(self.0.to_string());
        digits.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_priced_exactly() {
        let lines = of_tokens(
            "eu.anthropic.claude-3-haiku-20240307-v1:0",
            TokenUse { input: 1_000_001, output: 3 },
        );
        assert_eq!(lines[0].cost.to_string(), "0.25000025");
        assert_eq!(lines[1].cost.to_string(), "0.00000375");
        assert_eq!(total(&lines).to_string(), "0.250004");
    }

    #[test]
    fn one_more_token_always_costs_more_and_an_unknown_model_is_dear() {
        let cost = |model: &str, output| total(&of_tokens(model, TokenUse { input: 9, output }));
        assert!(cost("anthropic.claude-3-haiku", 2) > cost("anthropic.claude-3-haiku", 1));
        assert!(cost("somebody.else-v1", 1) > cost("anthropic.claude-3-haiku", 1));
    }

    #[test]
    fn seconds_of_speech_are_priced_from_fifteen_on() {
        let line = |ms| of_transcription(Duration::from_millis(ms));
        let figures = |ms| (line(ms).quantity, line(ms).cost.to_string());
        assert_eq!(figures(500), (15, "0.006".to_owned()));
        assert_eq!(figures(15_000), (15, "0.006".to_owned()));
        assert_eq!(figures(15_001), (16, "0.0064".to_owned()));
        assert_eq!(figures(60_000), (60, "0.024".to_owned()));
    }

    #[test]
    fn json_has_the_digits_of_the_decimal() {
        let json = |units, scale| serde_json::to_string(&JsonDecimal(Decimal::new(units, scale)));
        assert_eq!(json(375, 8).unwrap(), "0.00000375");
        assert_eq!(json(0, 0).unwrap(), "0");
    }
}

//! The token rule of the emulated model: every started four characters (Unicode scalar values) of a
//! text are one token, which is near what English costs. Stable, so that costs can be computed.

const CHARACTERS_PER_TOKEN: usize = 4;

/// Tokens of `text`.
pub(super) fn count(text: &str) -> u64 {
    u64::try_from(text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u64::MAX)
}

/// The longest beginning of `text` with at most `tokens` tokens, and whether it was cut.
pub(super) fn truncate(text: &str, tokens: u64) -> (&str, bool) {
    let characters = usize::try_from(tokens).unwrap_or(usize::MAX);
    match text.char_indices().nth(characters.saturating_mul(CHARACTERS_PER_TOKEN)) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, truncate};

    #[test]
    fn counts_started_fours_of_characters() {
        for (text, tokens) in [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("°°°°", 1)] {
            assert_eq!(count(text), tokens, "{text}");
        }
    }

    #[test]
    fn truncates_at_a_character() {
        assert_eq!(truncate("°°°°°", 1), ("°°°°", true));
        assert_eq!(truncate("°°°°", 1), ("°°°°", false));
    }
}

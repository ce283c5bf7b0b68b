//! Text as the model sees it: sentences and table rows, each with its stemmed terms. Pure.
use bm25::{DefaultTokenizer, Language, Tokenizer as _};

/// What can be quoted: a sentence, or a line that is a row, an item or a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) text: String,
    /// Sorted, each once.
    pub(super) terms: Vec<String>,
}

/// Abbreviations after which a sentence goes on.
const ABBREVIATIONS: [&str; 6] = ["e.g", "i.e", "approx", "No", "max", "min"];

/// Words that only say that something is asked. Stop words are gone before; these are stems.
const ASKING: [&str; 14] = [
    "mani", "much", "often", "long", "far", "mean", "may", "must", "happen", "tell", "doe",
    "would", "could", "pleas",
];

/// The English stemmer and stop words of the `bm25` crate.
pub(super) fn tokenizer() -> DefaultTokenizer {
    DefaultTokenizer::new(Language::English)
}

/// The distinct stems of `text`, sorted.
pub(super) fn terms(tokenizer: &DefaultTokenizer, text: &str) -> Vec<String> {
    let mut terms = tokenizer.tokenize(text);
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The distinct stems of a question, without the words of asking unless there are no others.
pub(super) fn question_terms(tokenizer: &DefaultTokenizer, question: &str) -> Vec<String> {
    let all = terms(tokenizer, question);
    let topical: Vec<String> =
        all.iter().filter(|term| !ASKING.contains(&term.as_str())).cloned().collect();
    if topical.is_empty() { all } else { topical }
}

/// Whether `term` is an identifier, such as an error code: letters and digits in one word.
pub(super) fn is_identifier(term: &str) -> bool {
    term.contains(|c: char| c.is_ascii_digit()) && term.contains(char::is_alphabetic)
}

/// Everything in `text` that can be quoted, in order. Questions are no answers and are left out.
pub(super) fn sentences(tokenizer: &DefaultTokenizer, text: &str) -> Vec<Sentence> {
    text.lines()
        .flat_map(split_line)
        .map(|sentence| {
            sentence.trim_matches(|c: char| c.is_whitespace() || "\u{2022}-#|".contains(c))
        })
        .filter(|sentence| !sentence.is_empty() && !sentence.ends_with('?'))
        .map(|sentence| Sentence { text: sentence.to_owned(), terms: terms(tokenizer, sentence) })
        .collect()
}

/// Splits one line after full stops, exclamation and question marks that end a sentence.
fn split_line(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, mark) in line.match_indices(['.', '!', '?']) {
        let end = at + mark.len();
        let rest = &line[end..];
        let next = rest.trim_start();
        let begins = next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        if rest.len() > next.len() && begins && !continues(&line[start..at]) {
            parts.push(&line[start..end]);
            start = end;
        }
    }
    parts.push(&line[start..]);
    parts
}

/// Whether a full stop after `part` ends no sentence: a list's number or an abbreviation.
fn continues(part: &str) -> bool {
    let part = part.trim();
    let last = part.rsplit(char::is_whitespace).next().unwrap_or_default();
    part.chars().all(|c| c.is_ascii_digit()) || ABBREVIATIONS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::{is_identifier, question_terms, sentences, tokenizer};

    #[test]
    fn splits_into_sentences_and_rows() {
        let text =
            "1. Fill 1.7 litres. Wait! See No. 4 of the list.\nWeight | 5 kg\nWhy? Because.\n";
        let found: Vec<String> =
            sentences(&tokenizer(), text).into_iter().map(|sentence| sentence.text).collect();
        assert_eq!(
            found,
            ["1. Fill 1.7 litres.", "Wait!", "See No. 4 of the list.", "Weight | 5 kg", "Because."]
        );
    }

    #[test]
    fn a_question_keeps_its_topic_alone() {
        let tokenizer = tokenizer();
        assert_eq!(
            question_terms(&tokenizer, "How often must the filters be changed?"),
            ["chang", "filter"]
        );
        assert_eq!(question_terms(&tokenizer, "How much?"), ["much"]);
        assert!(is_identifier("e503") && !is_identifier("503") && !is_identifier("filter"));
    }
}

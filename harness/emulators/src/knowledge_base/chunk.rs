//! Pages cut into chunks of about 300 tokens, the size that Bedrock's default chunking aims at. A
//! chunk never spans two pages, so that it has one page number. Pure.
use bm25::Embedding;

use super::extract::Page;
use super::index::Embedder;

/// 300 tokens at four characters each.
const CHARACTERS_MAX: usize = 1200;

/// A piece of a page, ready to be ranked.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) page: Option<u32>,
    pub(super) text: String,
    pub(super) embedding: Embedding<u64>,
}

/// The chunks of `page`: whole lines as far as they fit, longer ones cut between words.
pub(super) fn split(page: &Page, embedder: &Embedder) -> Vec<Chunk> {
    pack(&page.lines)
        .into_iter()
        .map(|text| Chunk { page: page.number, embedding: embedder.embed(&text), text })
        .collect()
}

fn pack(lines: &[String]) -> Vec<String> {
    let mut chunks: Vec<(String, usize)> = Vec::new();
    for piece in lines.iter().flat_map(|line| cut(line)) {
        let length = piece.chars().count();
        match chunks.last_mut() {
            Some((text, used)) if *used + 1 + length <= CHARACTERS_MAX => {
                text.push('\n');
                text.push_str(&piece);
                *used += 1 + length;
            }
            Some(_) | None => chunks.push((piece, length)),
        }
    }
    chunks.into_iter().map(|(text, _)| text).collect()
}

/// `line` in pieces that fit a chunk; a single word that does not is cut anywhere.
fn cut(line: &str) -> Vec<String> {
    let mut pieces: Vec<(String, usize)> = Vec::new();
    for word in line.split(' ').flat_map(words_that_fit) {
        let length = word.chars().count();
        match pieces.last_mut() {
            Some((text, used)) if *used + 1 + length <= CHARACTERS_MAX => {
                text.push(' ');
                text.push_str(&word);
                *used += 1 + length;
            }
            Some(_) | None => pieces.push((word, length)),
        }
    }
    pieces.into_iter().map(|(text, _)| text).collect()
}

fn words_that_fit(word: &str) -> Vec<String> {
    if word.len() <= CHARACTERS_MAX {
        return vec![word.to_owned()];
    }
    let characters: Vec<char> = word.chars().collect();
    characters.chunks(CHARACTERS_MAX).map(|part| part.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::{CHARACTERS_MAX, pack};

    #[test]
    fn keeps_lines_whole() {
        let lines = ["a".repeat(700), "b".repeat(499), "c".to_owned()];
        let chunks = pack(&lines);
        assert_eq!(chunks, [format!("{}\n{}", lines[0], lines[1]), lines[2].clone()]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn loses_nothing_and_fits(lines in proptest::collection::vec("[a-z° ]{0,1500}", 0..6), long in any::<bool>()) {
            let mut lines: Vec<String> = lines;
            if long {
                lines.push("ß".repeat(5000));
            }
            let chunks = pack(&lines);
            prop_assert!(chunks.iter().all(|chunk| chunk.chars().count() <= CHARACTERS_MAX));
            let letters = |texts: &[String]| texts.concat().split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&chunks), letters(&lines));
        }
    }
}

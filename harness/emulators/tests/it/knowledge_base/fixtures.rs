//! The committed manuals and questions, and whether they are what they claim to be.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::{blocks, pdf};

/// An entry of `manuals.toml`.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manual {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) file: String,
    content_type: String,
    pages: u32,
    sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AnsweredBy {
    #[default]
    One,
    None,
    Foreign,
}

/// What an answer must cite and contain.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Expected {
    pub(super) manual: String,
    pub(super) page: u32,
    pub(super) phrase: String,
}

/// An entry of `questions.toml`.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Question {
    pub(super) id: String,
    #[serde(rename = "question")]
    pub(super) text: String,
    #[serde(default)]
    pub(super) answered_by: AnsweredBy,
    #[serde(flatten)]
    pub(super) expected: Option<Expected>,
}

#[derive(serde::Deserialize)]
struct ManualFile {
    manual: Vec<Manual>,
}

#[derive(serde::Deserialize)]
struct QuestionFile {
    question: Vec<Question>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

pub(super) fn manuals_folder() -> PathBuf {
    folder().join("manuals")
}

pub(super) fn manuals() -> Vec<Manual> {
    let text = std::fs::read_to_string(manuals_folder().join("manuals.toml")).unwrap();
    toml::from_str::<ManualFile>(&text).unwrap().manual
}

pub(super) fn questions() -> Vec<Question> {
    let text = std::fs::read_to_string(folder().join("questions.toml")).unwrap();
    toml::from_str::<QuestionFile>(&text).unwrap().question
}

pub(super) fn file_of(key: &str) -> String {
    manuals().into_iter().find(|manual| manual.key == key).unwrap().file
}

#[test]
fn shipped_manuals_are_what_their_sources_give() {
    for manual in manuals() {
        let source = manuals_folder().join("src").join(format!("{}.md", manual.key));
        let source = std::fs::read_to_string(source).unwrap();
        let shipped = std::fs::read(manuals_folder().join(&manual.file)).unwrap();
        let made = match manual.content_type.as_str() {
            "application/pdf" => pdf::render(&source, &manual.name).unwrap(),
            _ => source.clone().into_bytes(),
        };
        assert!(
            made == shipped,
            "{}: run `cargo run -p emulators --example make_manuals`",
            manual.key
        );
        assert_eq!(hex::encode(sha2::Sha256::digest(&shipped)), manual.sha256, "{}", manual.key);
        assert_eq!(blocks::parse(&source).len(), usize::try_from(manual.pages).unwrap());
        assert!(shipped.len() <= 60 * 1024, "{}", manual.key);
    }
}

#[test]
fn questions_are_as_many_as_promised_and_their_phrases_stand_on_their_pages() {
    let questions = questions();
    let ids: BTreeSet<&str> = questions.iter().map(|question| question.id.as_str()).collect();
    assert_eq!(ids.len(), questions.len());
    let count = |kind| questions.iter().filter(|question| question.answered_by == kind).count();
    assert!(count(AnsweredBy::One) >= 65);
    assert!(count(AnsweredBy::None) >= 12);
    assert!(count(AnsweredBy::Foreign) >= 6);

    let pages: BTreeMap<String, Vec<String>> = manuals()
        .into_iter()
        .map(|manual| {
            let path = manuals_folder().join("src").join(format!("{}.md", manual.key));
            let text = std::fs::read_to_string(path).unwrap();
            let pages = text.split("<!-- page ").skip(1).map(str::to_lowercase).collect();
            (manual.key, pages)
        })
        .collect();
    for question in questions {
        let Some(expected) = question.expected else {
            assert_eq!(question.answered_by, AnsweredBy::None, "{}", question.id);
            continue;
        };
        let page = &pages[&expected.manual][usize::try_from(expected.page).unwrap() - 1];
        // A table's cells are apart by a bar in the source and by a blank in an answer.
        let page = page.replace(" | ", " ");
        assert!(page.contains(&expected.phrase.to_lowercase()), "{}: {page}", question.id);
    }
}

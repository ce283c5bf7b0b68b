//! The questions with known answers, `fixtures/questions.toml`.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use verdict::domain::question::QuestionSet;

/// Where they are, below the project root.
const FILE: &str = "fixtures/questions.toml";

/// The questions cannot be used.
#[derive(Debug, Error)]
pub enum QuestionsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It does not parse.
    #[error("{FILE} does not parse")]
    Parse(#[source] Box<toml::de::Error>),
    /// Two questions of one id.
    #[error("{FILE} has the id `{0}` twice")]
    Twice(String),
}

/// All questions.
pub fn read(root: &Path) -> Result<QuestionSet, QuestionsError> {
    let path = root.join(FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|source| QuestionsError::Read { path, source })?;
    let set: QuestionSet =
        toml::from_str(&text).map_err(|source| QuestionsError::Parse(Box::new(source)))?;
    let mut ids = std::collections::BTreeSet::new();
    match set.questions.iter().find(|question| !ids.insert(question.id.clone())) {
        Some(twice) => Err(QuestionsError::Twice(twice.id.clone())),
        None => Ok(set),
    }
}

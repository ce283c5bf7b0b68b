//! Questions with known answers: what a suite asks, and what a right answer must hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `fixtures/questions.toml`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionSet {
    /// All questions.
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
}

/// A question and where its answer stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Unique.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// Key of the one manual that answers it; none where no manual does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<String>,
    /// Page of that manual, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Words that a right answer holds, whatever its case and white space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// `none` for a question that no manual answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
}

impl QuestionSet {
    /// Indexes of the questions that one of `manuals` answers.
    pub fn answered_by(&self, manuals: &[String]) -> Vec<u32> {
        self.select(|q| q.manual.as_ref().is_some_and(|key| manuals.contains(key)))
    }

    /// Indexes of the questions that only a manual outside `manuals` answers.
    pub fn foreign_to(&self, manuals: &[String]) -> Vec<u32> {
        self.select(|q| q.manual.as_ref().is_some_and(|key| !manuals.contains(key)))
    }

    /// Indexes of the questions that no manual answers.
    pub fn unanswerable(&self) -> Vec<u32> {
        self.select(|q| q.manual.is_none())
    }

    fn select(&self, accept: impl Fn(&Question) -> bool) -> Vec<u32> {
        let indexed = (0_u32..).zip(&self.questions);
        indexed.filter(|(_, q)| accept(q)).map(|(i, _)| i).collect()
    }
}

//! What an answer is remembered under, and what of it. Two questions are the same when they differ in case, white space
//! or closing punctuation only; two sets of manuals are the same when they have the same version.

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::domain::prompt::Cited;
use crate::domain::question::Question;
use crate::domain::user::UserId;

/// A question of one user to one state of the user's manuals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnswerKey {
    /// Whose. Part of the key itself, so that no collision of a hash can show a user another's answer.
    pub user: UserId,
    /// Goes up with every manual that is added, indexed or deleted.
    pub manual_set: u64,
    /// SHA-256 of the normalised question and of what else decides the answer.
    question: [u8; 32],
}

impl AnswerKey {
    /// `asked_of` names what else decides the answer: the model and the number of passages it is given.
    pub fn new(user: &UserId, manual_set: u64, question: &Question, asked_of: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(asked_of.as_bytes());
        hash.update([0]);
        hash.update(normalised(question).as_bytes());
        Self { user: user.clone(), manual_set, question: hash.finalize().into() }
    }
}

/// A whole answer, and until when it may be given again.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedAnswer {
    /// Text and sources.
    pub cited: Cited,
    /// Whether passages were given to the model.
    pub context_used: bool,
    /// By the service's clock, whatever the cache does about age itself.
    pub expires_at: OffsetDateTime,
}

impl CachedAnswer {
    /// Roughly the bytes it takes, for a cache with a bound.
    pub fn weight(&self) -> u32 {
        let source = |passage: &crate::domain::prompt::Passage| {
            passage.user_id.len()
                + passage.manual_id.len()
                + passage.manual_name.len()
                + passage.text.len()
                + size_of_val(passage)
        };
        let sources: usize = self.cited.sources.iter().map(source).sum();
        u32::try_from(self.cited.answer.len() + sources + size_of_val(self)).unwrap_or(u32::MAX)
    }
}

/// Lower case, single spaces, no closing punctuation.
fn normalised(question: &Question) -> String {
    let lower = question.as_str().to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let text = words.join(" ");
    let core = text.trim_end_matches(['?', '!', '.', ' ', '？', '！', '。']);
    // A question of nothing but punctuation stays what it is.
    if core.is_empty() { text } else { core.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str, set: u64, question: &str, model: &str) -> AnswerKey {
        let question = Question::parse(question).unwrap();
        AnswerKey::new(&UserId::parse(user).unwrap(), set, &question, model)
    }

    const ANNA: &str = "11111111-0000-4000-8000-000000000001";
    const BERT: &str = "22222222-0000-4000-8000-000000000002";

    #[test]
    fn the_same_question_is_known_in_another_dress() {
        let one = key(ANNA, 1, "How do I reset  it?", "m#5");
        assert_eq!(one, key(ANNA, 1, " how do I RESET it ", "m#5"));
        assert_eq!(one, key(ANNA, 1, "how do i reset\tit?!", "m#5"));
        assert_ne!(one, key(ANNA, 1, "How do I reset them?", "m#5"));
        assert_ne!(key(ANNA, 1, "?", "m#5"), key(ANNA, 1, "!", "m#5"));
    }

    #[test]
    fn user_manuals_and_model_tell_answers_apart() {
        let one = key(ANNA, 1, "How?", "m#5");
        assert_ne!(one, key(BERT, 1, "How?", "m#5"));
        assert_ne!(one, key(ANNA, 2, "How?", "m#5"));
        assert_ne!(one, key(ANNA, 1, "How?", "m#6"));
    }
}

//! A question as it may be asked: trimmed, 1–1000 characters. What it is about is nobody's business here: a question may
//! look like SQL or HTML, because a manual can be about either.

use crate::domain::text::is_control;

/// The longest question, in characters.
pub const QUESTION_CHARS_MAX: usize = 1000;

/// A question that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(String);

/// Why a text is no question.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum NotAQuestion {
    /// Nothing is left after trimming.
    #[error("the question is empty")]
    Empty,
    /// More than 1000 characters.
    #[error("the question is longer than 1000 characters")]
    TooLong,
    /// A control character other than a tab or a line end, or one that turns the direction of the text.
    #[error("the question holds a control character")]
    ControlCharacter,
}

impl Question {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, NotAQuestion> {
        let text = text.trim();
        let forbidden = |c: char| is_control(c) && !matches!(c, '\t' | '\n' | '\r');
        if text.is_empty() {
            Err(NotAQuestion::Empty)
        } else if text.chars().count() > QUESTION_CHARS_MAX {
            Err(NotAQuestion::TooLong)
        } else if text.chars().any(forbidden) {
            Err(NotAQuestion::ControlCharacter)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The trimmed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_trimmed_and_counted_in_characters() {
        let parsed = |text: &str| Question::parse(text).map(|question| question.0);
        assert_eq!(parsed("  How? \n"), Ok("How?".to_owned()));
        assert_eq!(parsed(" \t\n"), Err(NotAQuestion::Empty));
        assert!(parsed(&"ü".repeat(1000)).is_ok());
        assert_eq!(parsed(&"ü".repeat(1001)), Err(NotAQuestion::TooLong));
        assert_eq!(parsed("a\u{7}b"), Err(NotAQuestion::ControlCharacter));
        let sql = "What does '; DROP TABLE users; -- <script> do?";
        assert_eq!(parsed(sql), Ok(sql.to_owned()));
    }
}

//! Retrieval and the language model.

use std::fmt;

use crate::domain::cost::TokenUse;
use crate::domain::prompt::Passage;
use crate::domain::user::UserId;
use crate::ports::PortFuture;

/// Retrieval.
pub trait Search: Send + Sync + fmt::Debug {
    /// The passages that fit best, of this user's manuals only.
    fn retrieve<'a>(
        &'a self,
        user: &'a UserId,
        question: &'a str,
        results: u32,
    ) -> PortFuture<'a, Vec<Passage>>;
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// The text.
    pub text: String,
    /// What it used.
    pub tokens: TokenUse,
    /// Whether the text is all that the model had to say, not cut off or filtered.
    pub complete: bool,
}

/// The language model.
pub trait Model: Send + Sync + fmt::Debug {
    /// One answer to one message.
    fn converse<'a>(&'a self, system: &'a str, message: &'a str) -> PortFuture<'a, ModelAnswer>;
    /// The model's id, for prices.
    fn id(&self) -> &str;
}

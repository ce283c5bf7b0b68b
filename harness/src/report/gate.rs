//! A decision in words: for a terminal, a pull request, a CI and a browser. Pure; the decision is made elsewhere.

mod junit;
mod page;
mod summary;
mod terminal;

pub use junit::junit;
pub use page::page;
pub use summary::summary;
pub use terminal::terminal;

use verdict::domain::decision::DecisionFile;
use verdict::domain::decision::SuiteDecision;

/// `required 24 of 25` and so on: how much of what a suite must show was shown.
fn met(suite: &SuiteDecision) -> (usize, usize) {
    (suite.requirements.iter().filter(|r| r.met).count(), suite.requirements.len())
}

/// The decision in capitals.
fn title(decision: &DecisionFile) -> String {
    decision.decision.word().to_uppercase()
}

//! How a step ends: it held, it saw something else than was promised, or nothing is known.

use std::error::Error;

use thiserror::Error;

use crate::adapters::outage::Watched;

/// A step that did not hold.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum StepError {
    /// The backend did something else.
    #[error("expected {expected}; saw {seen}")]
    Broken {
        /// What was promised.
        expected: String,
        /// What was seen.
        seen: String,
    },
    /// The harness or the stage could not do its part.
    #[error("{what}")]
    Lost {
        /// What it could not do, and why.
        what: String,
    },
}

/// What a step returns.
pub type StepResult<T = ()> = Result<T, StepError>;

impl StepError {
    /// A promise that is broken.
    pub fn broken(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::Broken { expected: expected.into(), seen: seen.into() }
    }

    /// Something that is not the backend's fault.
    pub fn lost(what: impl Into<String>) -> Self {
        Self::Lost { what: what.into() }
    }

    /// The same, with an error and its causes.
    pub fn lost_by(what: &str, error: &dyn Error) -> Self {
        let mut text = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Lost { what: text }
    }
}

impl Watched {
    /// What a step saw while an outage was over that it counted on says nothing about the backend.
    pub fn judged(&self, outcome: StepResult) -> StepResult {
        match outcome {
            Err(StepError::Broken { expected, seen }) if !self.all_held() => {
                Err(StepError::lost(format!(
                    "an outage of this scenario ended before its time: expected {expected}; saw {seen}"
                )))
            }
            Ok(()) | Err(_) => outcome,
        }
    }
}

/// Holds where `held` is true.
pub fn check(held: bool, expected: impl Into<String>, seen: impl Into<String>) -> StepResult {
    if held { Ok(()) } else { Err(StepError::broken(expected, seen)) }
}

/// Hands a step's end to the runner, which knows no other way to fail than to unwind; no panic hook runs, for nothing
/// went wrong in this program.
pub fn settle(outcome: StepResult) {
    if let Err(error) = outcome {
        std::panic::resume_unwind(Box::new(error));
    }
}

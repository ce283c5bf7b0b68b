//! The promises whose breach is a matter of correctness: each with its code and the sentence that a report prints.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A promise of Manuel that holds in every phase of every run, whatever a profile says.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody sees another user's manuals.
    Isolation,
    /// Every citation exists.
    Citations,
    /// The answer cites the right page and says the right thing.
    RightAnswer,
    /// The HTTP contract: status, headers, body.
    Contract,
    /// No internals in an error.
    Leak,
    /// A state-changing request without a valid signature is refused.
    Signature,
    /// Nobody is let in without a good token.
    Identity,
    /// Never more answers than the quota allows.
    QuotaLimit,
    /// Exactly what was answered is charged.
    QuotaConserved,
    /// Usage and quota say what was answered.
    UsageFigures,
    /// A store that is out closes the door.
    QuotaFailsClosed,
    /// A failing dependency has its mapped answer.
    DependencyMapped,
    /// No 5xx without an explanation.
    Unexplained5xx,
    /// No unexplained refusal either.
    UnexplainedRefusal,
    /// The backend stays up.
    BackendDied,
    /// What was uploaded is listed; what was deleted is gone.
    ManualsConserved,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Isolation,
        Self::Citations,
        Self::RightAnswer,
        Self::Contract,
        Self::Leak,
        Self::Signature,
        Self::Identity,
        Self::QuotaLimit,
        Self::QuotaConserved,
        Self::UsageFigures,
        Self::QuotaFailsClosed,
        Self::DependencyMapped,
        Self::Unexplained5xx,
        Self::UnexplainedRefusal,
        Self::BackendDied,
        Self::ManualsConserved,
    ];

    /// The code in verdict.json.
    pub fn code(self) -> &'static str {
        match self {
            Self::Isolation => "isolation",
            Self::Citations => "citations",
            Self::RightAnswer => "right_answer",
            Self::Contract => "contract",
            Self::Leak => "leak",
            Self::Signature => "signature",
            Self::Identity => "identity",
            Self::QuotaLimit => "quota_limit",
            Self::QuotaConserved => "quota_conserved",
            Self::UsageFigures => "usage_figures",
            Self::QuotaFailsClosed => "quota_fails_closed",
            Self::DependencyMapped => "dependency_mapped",
            Self::Unexplained5xx => "unexplained5xx",
            Self::UnexplainedRefusal => "unexplained_refusal",
            Self::BackendDied => "backend_died",
            Self::ManualsConserved => "manuals_conserved",
        }
    }

    /// Whether it is about failing at all, which a fault may explain.
    pub fn is_unexplained(self) -> bool {
        matches!(self, Self::Unexplained5xx | Self::UnexplainedRefusal | Self::DependencyMapped)
    }

    /// The promise, as a sentence for a person.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Isolation => {
                "A user is answered from their own manuals and never sees anybody else's."
            }
            Self::Citations => "Every source that an answer cites exists among the user's manuals.",
            Self::RightAnswer => {
                "A question that a manual answers gets that answer, citing the page where it stands."
            }
            Self::Contract => {
                "Every answer has the status, the headers and the body that the API documents."
            }
            Self::Leak => {
                "An error never carries an ARN, an account id, a resource name or the text of an SDK."
            }
            Self::Signature => {
                "What changes state is refused without a valid signature, and changes nothing."
            }
            Self::Identity => {
                "A token that is missing, altered, unsigned or signed by somebody else lets nobody in."
            }
            Self::QuotaLimit => {
                "However many calls race, never more are answered than the quota allows, and never fewer."
            }
            Self::QuotaConserved => {
                "What is charged equals what was answered: one for each 2xx, nothing for any other answer."
            }
            Self::UsageFigures => {
                "Usage and quota say exactly what was answered, against the limits of the stage."
            }
            Self::QuotaFailsClosed => {
                "While the usage table cannot be read or written, questions are refused with 503, not answered for free."
            }
            Self::DependencyMapped => {
                "A failing dependency shows as the documented 429, 503 or 504 with a code and Retry-After."
            }
            Self::Unexplained5xx => "No request fails with a 5xx that the plan does not explain.",
            Self::UnexplainedRefusal => {
                "No request that is right is refused with a status that the plan does not explain."
            }
            Self::BackendDied => "The backend neither ends by itself nor panics.",
            Self::ManualsConserved => {
                "A manual that was accepted is there, and one that was deleted is gone from every store."
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

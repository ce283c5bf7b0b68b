//! From plan, evidence and verdict to text: what a person reads, and what a CI reads. Pure: nothing here judges, waits,
//! or touches a file; the same run gives the same bytes on any machine. Writing them is an adapter's business.

use thiserror::Error;
use verdict::judge::seen::JudgeError;

pub mod chaos;
pub mod explain;
pub mod features;
pub mod gate;
pub mod html;
pub mod junit;
pub mod markdown;
pub mod repro;
pub mod schema;
pub mod terminal;

mod columns;
mod figures;

/// Why a report cannot be written as text.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The XML writer refused.
    #[error("cannot write the run as JUnit XML")]
    Junit {
        /// What it said.
        #[source]
        source: quick_junit::SerializeError,
    },
    /// The JSON writer refused.
    #[error("cannot write {what} as JSON")]
    Json {
        /// Which text.
        what: &'static str,
        /// What it said.
        #[source]
        source: serde_json::Error,
    },
    /// The evidence is none that a verdict could have come from.
    #[error("the evidence cannot be added up")]
    Evidence {
        /// Why not.
        #[source]
        source: JudgeError,
    },
    /// The page's template does not have what is to be filled in, or has it twice.
    #[error("report.html must hold `{placeholder}` exactly once")]
    Template {
        /// What is to be filled in.
        placeholder: &'static str,
    },
    /// A repro file of another version, or none at all.
    #[error("the repro file is of schema `{found}`, and this build reads `{expected}`")]
    ReproSchema {
        /// What it says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A repro file that does not parse.
    #[error("the repro file cannot be read")]
    Repro {
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
}

/// More of a text.
fn add(out: &mut String, text: &str) {
    out.push_str(text);
}

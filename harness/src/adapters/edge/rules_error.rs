//! Why a deployment's firewall or API cannot be enforced: the rule and what it holds.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::cloudformation::ResolveError;

/// The rules of a template cannot be used.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The file.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The template, or what was chosen for its parameters.
    #[error("the template cannot be resolved")]
    Resolve {
        /// Why.
        #[source]
        source: ResolveError,
    },
    /// A choice that changes nothing here.
    #[error("the edge does not look at the parameter `{name}`; it looks at {}", looks_at.join(", "))]
    Idle {
        /// The parameter.
        name: String,
        /// Those that it looks at.
        looks_at: Vec<String>,
    },
    /// There is none, or more than one.
    #[error("the template has {found} resources of the type {kind}, and not one")]
    NotOne {
        /// The type.
        kind: &'static str,
        /// How many.
        found: usize,
    },
    /// A resource holds what is not known here.
    #[error("`{resource}` has what is not enforced here")]
    Unknown {
        /// Its name.
        resource: String,
        /// Which, and what is known.
        #[source]
        source: serde_json::Error,
    },
    /// A rule that cannot be asked.
    #[error("the rule `{rule}` cannot be enforced")]
    Rule {
        /// Its name.
        rule: String,
        /// Why.
        #[source]
        source: RuleProblem,
    },
    /// Something of an API that the edge would have to enforce, too.
    #[error("`{resource}` has {what}, which is not enforced here")]
    Unenforced {
        /// Its name.
        resource: String,
        /// What.
        what: String,
    },
}

impl RulesError {
    /// Whether a value that was chosen for a parameter is wrong, and not the template.
    pub fn is_about_a_choice(&self) -> bool {
        match self {
            Self::Idle { .. } => true,
            Self::Resolve { source } => {
                matches!(source, ResolveError::Value { .. } | ResolveError::NoParameter { .. })
            }
            Self::Read { .. }
            | Self::NotOne { .. }
            | Self::Unknown { .. }
            | Self::Rule { .. }
            | Self::Unenforced { .. } => false,
        }
    }
}

/// What is wrong with a rule.
#[derive(Debug, Error)]
pub enum RuleProblem {
    /// A set of addresses that the template does not have.
    #[error("there is no set of addresses `{0}`")]
    NoSet(String),
    /// Something in a set of addresses.
    #[error("`{0}` is no range of addresses")]
    Range(String),
    /// A pattern.
    #[error("its pattern does not compile")]
    Regex {
        /// Why.
        #[source]
        source: regex::Error,
    },
    /// What stands alone only.
    #[error("{0} stands within another statement")]
    Nested(&'static str),
    /// Two rules that cannot be ordered, or called by a name.
    #[error("another rule has its {0}")]
    Twice(&'static str),
    /// What is done with a match.
    #[error("it has {0}")]
    Action(&'static str),
    /// The answer to what it blocks.
    #[error("{0} cannot be answered with")]
    Answer(String),
}

//! Why a command could not work. A verdict is never one of these.

use std::error::Error;

use thiserror::Error as ThisError;

use crate::commands::Exit;

/// A command that could not do its work.
#[derive(Debug, ThisError)]
pub enum CommandError {
    /// The arguments or a named file cannot be used: exit 2.
    #[error("{message}")]
    Usage {
        /// What was given and what was expected.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// A file with a place in it: exit 2.
    #[error("{}", .0)]
    BadFile(miette::Report),
    /// The machine, the stage or the harness itself: exit 4.
    #[error("{what}")]
    Environment {
        /// The operation that failed.
        what: String,
        /// Why.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Ctrl-C before there was anything to judge: exit 130.
    #[error("interrupted")]
    Interrupted,
    /// A second Ctrl-C, which waits for nothing: exit 130.
    #[error("interrupted twice")]
    InterruptedTwice,
}

impl CommandError {
    /// Wrong arguments, with a hint.
    pub fn usage(message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// A failed operation, with its cause.
    pub fn environment(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Environment { what: what.into(), source: Some(source.into()), hint: None }
    }

    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::BadFile(_) => Exit::Usage,
            Self::Environment { .. } => Exit::Environment,
            Self::Interrupted | Self::InterruptedTwice => Exit::Interrupted,
        }
    }
}

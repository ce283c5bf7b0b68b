//! The vocabulary of the features: one file a capability, each a table of one-liners over observations.

use super::catalogue::StepDef;

mod answers;
mod manuals;
mod people;
mod questions;
mod refusals;

/// All tables.
pub(super) const ALL: &[&[StepDef]] =
    &[people::STEPS, questions::STEPS, answers::STEPS, manuals::STEPS, refusals::STEPS];

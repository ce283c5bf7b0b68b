//! The vocabulary of the features: one file a capability, each a table of one-liners over observations.

use super::catalogue::StepDef;

mod answers;
mod any_question;
mod clock;
mod manuals;
mod outages;
mod people;
mod questions;
mod quota;
mod rate_limit;
mod recordings;
mod refusals;
mod usage;
mod voice;
mod written;

/// All tables.
pub(super) const ALL: &[&[StepDef]] = &[
    people::STEPS,
    questions::STEPS,
    answers::STEPS,
    any_question::STEPS,
    recordings::STEPS,
    voice::STEPS,
    manuals::STEPS,
    written::STEPS,
    refusals::STEPS,
    quota::STEPS,
    usage::STEPS,
    rate_limit::STEPS,
    outages::STEPS,
    clock::STEPS,
];

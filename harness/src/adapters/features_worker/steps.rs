//! The vocabulary of the features: one file a capability, each a table of one-liners over observations.

use super::catalogue::StepDef;

mod addresses;
mod answers;
mod any_question;
mod attacks;
mod browsers;
mod calls;
mod citations;
mod clock;
mod document;
mod from_url;
mod health;
mod indexing;
mod isolation;
mod large;
mod manuals;
mod outages;
mod people;
mod questions;
mod quota;
mod rate_limit;
mod recordings;
mod refusals;
mod sessions;
mod signatures;
mod uploads;
mod usage;
mod voice;
mod written;
mod written_down;

/// All tables.
pub(super) const ALL: &[&[StepDef]] = &[
    people::STEPS,
    questions::STEPS,
    answers::STEPS,
    any_question::STEPS,
    recordings::STEPS,
    voice::STEPS,
    written::STEPS,
    citations::STEPS,
    manuals::STEPS,
    uploads::STEPS,
    large::STEPS,
    from_url::STEPS,
    indexing::STEPS,
    isolation::STEPS,
    refusals::STEPS,
    quota::STEPS,
    usage::STEPS,
    rate_limit::STEPS,
    outages::STEPS,
    clock::STEPS,
    calls::STEPS,
    sessions::STEPS,
    signatures::STEPS,
    addresses::STEPS,
    browsers::STEPS,
    health::STEPS,
    document::STEPS,
    attacks::STEPS,
    written_down::STEPS,
];

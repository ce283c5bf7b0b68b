//! Faults in the own words of AWS services: rules, the decision which call is hit, the error as it is on the
//! wire, and a ledger of what was injected.
//!
//! [`InjectorLayer`] puts an [`Injector`] before a service in this process, [`reverse`] before any endpoint elsewhere,
//! [`admin`] before whoever sets the rules.
mod active;
pub mod admin;
pub mod body;
pub mod catalogue;
mod clock;
mod draw;
mod foretell;
mod frames;
pub mod identify;
mod injector;
mod key;
mod layer;
pub mod ledger;
mod localstack;
mod pattern;
mod play;
pub mod reverse;
mod rule;
pub mod serve;
pub mod wire;

pub use clock::Clock;
pub use foretell::{Foretold, foretell};
pub use injector::{Injector, Listed, MAX_RULES, Refused};
pub use key::{Attempt, ORDINAL_HEADER, RequestKey};
pub use layer::{Injected, InjectorLayer};
pub use localstack::{Effects, Fault, FaultError};
pub use play::Failure;
pub use rule::{
    BadField, Count, MAX_TTL, OncePer, OnlySpec, Per, Rule, RuleSpec, Verb, When, WhenSpec,
};

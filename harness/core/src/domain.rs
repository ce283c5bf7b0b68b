//! Types only; constructors are the validation.
pub mod stage;

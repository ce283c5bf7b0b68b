//! From a profile and a seed to what will be sent, when, by whom: the same on every machine.

pub mod draw;
pub mod load;
pub mod schedule;

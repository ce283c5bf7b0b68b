//! The pure core of the harness: what a run is (`domain`), what it will do (`plan`), and what it proves (`judge`).
//!
//! Nothing here waits, reads a clock, draws from a random source, or touches a file, an environment or a network:
//! time and seed are arguments, so that the same evidence gives the same bytes on any machine.

pub mod domain;
pub mod judge;
pub mod plan;

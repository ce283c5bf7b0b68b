//! The pure core of the harness: what a run is (`domain`), what it will do (`plan`), and what it proves (`judge`).
pub mod domain;

//! The verification harness around Manuel: it starts or is given a stage, drives a suite against it, keeps the
//! evidence, and ends in a verdict.
//!
//! ```text
//! argv ─ cli → commands::<suite>::Args ─ config → profile, stage ─ verdict::plan(seed) → Plan
//!  Plan ─ run (worker process, probes, samples) → Evidence       (and progress → cli::output)
//!  Evidence ─ verdict::judge → Verdict ─ report → reports/<run-id>/ ─ cli::exit → ExitCode
//! ```
//!
//! No logic lives here. What a module may name is fixed in `tests/it/tidy.rs`.

pub mod adapters;
pub mod cli;
pub mod commands;
pub mod config;
pub mod report;

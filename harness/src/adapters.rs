//! Where the harness meets the world: one file per vendor or mechanism. An adapter never names another command, the
//! configuration or the report; `commands` wires them together.

pub mod backend_build;
pub mod embedded_stage;
pub mod guard;
pub mod lifeline;
pub mod poll;
pub mod provision;
pub mod stage_process;

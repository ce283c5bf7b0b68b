//! Where the harness meets the world: one file per vendor or mechanism. An adapter never names another command, the
//! configuration or the report; `commands` wires them together.

pub mod api_document;
pub mod archive;
pub mod attack;
pub mod backend_build;
pub mod backend_log;
#[cfg(feature = "containers")]
pub mod containers;
pub mod edge;
pub mod edge_report;
pub mod embedded_stage;
pub mod emulator_stats;
pub mod fault_admin;
pub mod features_worker;
pub mod framing;
pub mod guard;
pub mod internet;
pub mod interrupts;
pub mod lambda_figures;
pub mod lambda_host;
pub mod lease;
pub mod lifeline;
pub mod load_worker;
pub mod localstack_host;
pub mod nemesis;
pub mod outage;
pub mod plain_http;
pub mod poll;
pub mod provision;
pub mod resources;
pub mod run_dir;
pub mod run_files;
pub mod secrets;
pub mod stage_process;
pub mod store_clients;
pub mod stores;
pub mod system_clock;
pub mod tls_front;
mod token_bucket;
pub mod worker_process;

/// An error with its causes, as one sentence.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

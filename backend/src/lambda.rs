//! Manuel as Lambda functions: the deployed shape. One program per function (`src/bin`), each over the same router with
//! its routes only; what they share is here: configuration from the environment, logging, the application built once,
//! then one invocation after the other.
//!
//! - **Addresses**: the source is the one in `requestContext`; `X-Forwarded-For` counts as it does in the server, only
//!   from a configured proxy. The path is the event's raw one, without a stage, and is what signatures cover.
//! - **Time**: a request has the configured deadline, or the invocation's own less a second, whichever is earlier.
//! - **Frozen between invocations**: the process stands still from one answer to the next event. So nothing is left to
//!   run in the background: what outlives its request (giving a reservation back, reporting a failure) is awaited before
//!   the answer is returned, within what is left of the invocation, and the index is pumped by requests and by the
//!   scheduled function `ingestion` only. Ages in memory are those of [`crate::clock::Moment`].
//! - **Failures**: a panic is a function error (with its line in the log). A configuration that cannot be used ends the
//!   process with all its problems on standard error and exit code 2, before it asks for an event.
//! - **Dead letters**: `error-processor` takes batches from the queue and says which messages must come again. A server
//!   with `STAGE=local` and a `DLQ_URL` empties the queue by itself, since nobody delivers to it.
//! - **Memory**: `manuals` starts itself again to read a PDF (`__read-pdf`), with at most 160 MiB for the reader: it needs
//!   a function of 512 MB. The others stay under 128 MB.
//! - **Seeded defects**: in a build with the feature `defects` (into a target folder of its own: the programs have the
//!   same names) every function honours `MANUEL_DEFECTS`, and `/version` says so. The normal build cannot.
//!
//! Starting costs no I/O but reading the environment (and files that it names); it is measured in the line `ready`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_http::request::LambdaRequest;
use lambda_http::service_fn;
use lambda_runtime::LambdaEvent;
use serde::de::IgnoredAny;

use crate::aws::clients;
use crate::clock::{self, Clock};
use crate::config::{Config, ConfigErrors, Environment, environment};
use crate::http::Function;
use crate::state::App;
use crate::{COMMIT, VERSION, defects, logging, pdf_reader, start};

mod environment;
mod errors;
mod event;
mod gateway;
mod invocation;
mod scheduled;

pub use errors::ErrorProcessor;
pub use gateway::Gateway;
pub use invocation::FunctionError;
pub use scheduled::{Pumped, Scheduled};

/// Why a function's process ended.
#[derive(Debug, thiserror::Error)]
enum LambdaError {
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("the Lambda runtime gave no more events")]
    Events(#[source] lambda_runtime::Error),
}

/// Answers API Gateway's events (REST and HTTP APIs) with the routes of one function.
pub fn answer_requests(function: Function) -> ExitCode {
    run(function.name(), async |app| {
        let gateway = Arc::new(Gateway::new(function, app));
        let answer = move |event: LambdaEvent<LambdaRequest>| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.answer(event).await }
        };
        lambda_runtime::run(service_fn(answer)).await
    })
}

/// Pumps the index, at every event: the schedule's.
pub fn pump_index() -> ExitCode {
    run("ingestion", async |app| {
        let scheduled = Arc::new(Scheduled::new(app));
        let pump = move |event: LambdaEvent<IgnoredAny>| {
            let scheduled = Arc::clone(&scheduled);
            async move { scheduled.pump(&event.context).await }
        };
        lambda_runtime::run(service_fn(pump)).await
    })
}

/// Empties the dead-letter queue, at every batch that SQS delivers.
pub fn process_errors() -> ExitCode {
    run("error-processor", async |app| {
        let processor = Arc::new(ErrorProcessor::new(app));
        let process = move |event: LambdaEvent<SqsEvent>| {
            let processor = Arc::clone(&processor);
            async move { processor.process(event).await }
        };
        lambda_runtime::run(service_fn(process)).await
    })
}

/// What every function does: read the environment, build the application, serve events until there are no more.
fn run(
    program: &'static str,
    serve: impl AsyncFnOnce(App) -> Result<(), lambda_runtime::Error>,
) -> ExitCode {
    let started = clock::monotonic();
    if pdf_reader::is_asked_for() {
        return pdf_reader::read_one();
    }
    let environment = environment();
    #[cfg(feature = "defects")]
    if let Err(code) = start::switch_on_defects(program, &environment) {
        return code;
    }
    let config = match checked(&environment) {
        Ok(config) => config,
        Err(errors) => return start::refuse(program, &errors),
    };
    logging::start(config.log_filter.as_deref());
    start::end(program, serve_events(program, started, config, serve))
}

/// The configuration, or every problem of it and of Lambda's own part of the environment.
fn checked(environment: &Environment) -> Result<Config, ConfigErrors> {
    let mut problems = environment::problems(environment);
    match Config::from_environment(environment) {
        Ok(config) if problems.is_empty() => return Ok(config),
        Ok(_config) => {}
        Err(ConfigErrors(more)) => problems.extend(more),
    }
    Err(ConfigErrors(problems))
}

fn serve_events(
    program: &'static str,
    started: Instant,
    config: Config,
    serve: impl AsyncFnOnce(App) -> Result<(), lambda_runtime::Error>,
) -> Result<(), LambdaError> {
    // One invocation at a time and little processor: threads would only cost.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LambdaError::Runtime)?;
    runtime.block_on(async {
        let clock = config.test_hooks.clock_file.as_deref().map_or(Clock::System, Clock::following);
        let sdk = clients::function_sdk_config(&config).await;
        let ports = clients::ports(&sdk, &config);
        let app = App::new(config, clock, ports);
        let init = clock::monotonic().duration_since(started);
        tracing::info!(
            message = "ready",
            function = program,
            init_ms = init.as_secs_f64() * 1e3,
            version = VERSION,
            git_commit = COMMIT,
            stage = app.config.stage.as_str(),
            defects = defects::reported().map(|names| names.join(",")),
        );
        serve(app).await.map_err(LambdaError::Events)
    })
}

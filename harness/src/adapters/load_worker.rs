//! The load worker: a process of its own, because goose owns signals and statics of the one it runs in. It is told
//! everything on stdin (one JSON line; the end of stdin means stop), and says what it saw on stdout, one line of
//! evidence at a time. It judges nothing but the class of an answer.

mod ask;
mod assess;
mod attack;
mod books;
mod clock;
mod engine;
mod equip;
mod journey;
mod kept;
mod known;
mod ledger;
mod pacer;
pub mod plan;
mod recorder;
mod seat;
mod shot;
mod token;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio_util::sync::CancellationToken;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Lost;
use verdict::plan::load::PlanError;

use crate::adapters::lifeline::Lifeline;
use crate::adapters::lifeline::LifelineError;
use crate::adapters::provision::believe;
use attack::AttackError;
use engine::Engine;
use plan::WorkerPlan;
use recorder::emit;

/// The plan has to come at once: the runner writes it before anything else.
const PLAN_WITHIN: Duration = Duration::from_secs(10);
/// Tokens of thousands of users are tens of megabytes.
const PLAN_BYTES: u64 = 256 << 20;

/// Why a worker could not do its part: the runner reports it as exit 4.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// Nobody told it what to do.
    #[error("the worker was given no plan")]
    Lifeline(#[source] LifelineError),
    /// Not a plan.
    #[error("the worker's plan does not parse")]
    Plan(#[source] serde_json::Error),
    /// The profile and the stage do not fit after all.
    #[error("the worker cannot plan the load")]
    Schedule(#[source] PlanError),
    /// What it planned is not what the runner planned.
    #[error("the worker planned schedule {here}, and the runner planned {there}")]
    Digest {
        /// The worker's.
        here: String,
        /// The runner's.
        there: String,
    },
    /// Users, connections or bodies could not be made.
    #[error("cannot prepare the load: {what}")]
    Prepare {
        /// What exactly.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ledger could not be written.
    #[error("cannot write the request ledger")]
    Ledger(#[source] std::io::Error),
    /// goose could not run.
    #[error("the load engine failed")]
    Attack(#[source] AttackError),
    /// Nobody reads the evidence any more.
    #[error("cannot write evidence on stdout")]
    Evidence(#[source] std::io::Error),
}

/// Runs one plan to its end, or to the end of stdin.
pub async fn run() -> Result<(), WorkerError> {
    log_to_stderr();
    let mut lifeline = Lifeline::hold().map_err(WorkerError::Lifeline)?;
    let line = lifeline.line(PLAN_WITHIN, PLAN_BYTES).await.map_err(WorkerError::Lifeline)?;
    let plan: WorkerPlan = serde_json::from_str(&line).map_err(WorkerError::Plan)?;
    believe(&plan.stage).map_err(|source| WorkerError::Prepare {
        what: "the stage's certificate authority".to_owned(),
        source: Box::new(source),
    })?;
    let stop = CancellationToken::new();
    let engine = Arc::new(Engine::new(plan, stop.clone())?);
    emit(&engine.hello()).map_err(WorkerError::Evidence)?;
    let load = attack::run(&engine);
    tokio::pin!(load);
    let outcome = tokio::select! {
        outcome = &mut load => outcome,
        _end = lifeline.ended() => {
            stop.cancel();
            load.await
        }
    };
    outcome.map_err(WorkerError::Attack)?;
    let done = engine.finish().map_err(WorkerError::Ledger)?;
    emit(&Evidence::Done(done)).map_err(WorkerError::Evidence)
}

/// stdout belongs to the evidence: with a logger of our own in place, goose sets none that writes there.
fn log_to_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN);
    if subscriber.try_init().is_err() {
        tracing::warn!("another logger was set before");
    }
}

/// What a worker that cannot go on says last.
pub fn last_words(error: &WorkerError) -> Evidence {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Evidence::WorkerLost(Lost { detail })
}

//! The function that a schedule starts: it pumps the index until nothing is open or its time is nearly up.

use std::time::Duration;

use lambda_runtime::Context;
use serde::Serialize;

use super::invocation::{self, FunctionError};
use crate::app::indexing::Round;
use crate::app::sweep::{self, Sweeps};
use crate::state::App;

/// What is kept of an invocation for the last round's writes.
const END_MARGIN: Duration = Duration::from_secs(2);

/// What is kept of an invocation for the rounds after the sweep.
const ROUNDS_MARGIN: Duration = Duration::from_secs(10);

/// The application.
#[derive(Debug)]
pub struct Scheduled {
    app: App,
    sweeps: Sweeps,
}

/// What one invocation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pumped {
    /// Rounds of the pump.
    pub rounds: u32,
    /// Whether nothing was left to do; the next invocation goes on with the rest.
    pub idle: bool,
}

impl Scheduled {
    /// Over the application's pump.
    pub fn new(app: App) -> Self {
        Self { app, sweeps: Sweeps::default() }
    }

    /// One invocation. Whoever invokes it, and with what, it does the same.
    pub async fn pump(&self, context: &Context) -> Result<Pumped, FunctionError> {
        let ends = invocation::end_of(context);
        let work = async {
            // First: what it finds is work for the rounds.
            if self.sweeps.is_due() {
                sweep::round(&self.app, ends.earlier_by(ROUNDS_MARGIN)).await;
            }
            let (rounds, last) = self.app.indexing.pump(ends.earlier_by(END_MARGIN)).await;
            let pumped = Pumped { rounds, idle: last == Some(Round::Idle) };
            tracing::info!(message = "index pumped", rounds, idle = pumped.idle);
            pumped
        };
        invocation::whole(&self.app, ends, work).await
    }
}

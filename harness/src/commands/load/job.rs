//! One load run from its profile to its exit code: prepare, drive, add up, judge, write.

use std::path::PathBuf;

use verdict::domain::profile::Profile;

use super::aftermath;
use super::cleanup;
use super::conclude;
use super::drive;
use super::prepare;
use crate::adapters::interrupts::Interrupts;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::StageChoice;

/// A load to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The profile's name.
    pub profile_name: String,
    /// The profile.
    pub profile: Profile,
    /// The seed.
    pub seed: u64,
    /// Only these arrivals (a replay).
    pub only: Option<Vec<u32>>,
    /// Where it runs.
    pub stage: StageChoice,
    /// The commit that must answer.
    pub expect_commit: Option<String>,
    /// Leave a failed stage up.
    pub hold: bool,
    /// Whether the caller means production.
    pub production: bool,
    /// What its stage must be able to do beside its own work; for chaos.
    pub faulty: Faulty,
    /// Where its files go; a folder of its own in reports/ where absent.
    pub run_dir: Option<PathBuf>,
}

/// What a stage of chaos must be able to do.
#[derive(Clone, Debug, Default)]
pub struct Faulty {
    /// Whether a fault proxy stands before each service.
    pub wire: bool,
    /// After how many milliseconds a server that was killed is started again.
    pub respawn_after_ms: Option<u64>,
    /// Nothing is shown while it runs: several do at once.
    pub quiet: bool,
}

/// Runs `job`; a second Ctrl-C ends the waiting.
pub async fn execute(job: Job, ctx: &Context) -> Result<Exit, CommandError> {
    let interrupts = Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
    let second = interrupts.second().clone();
    tokio::select! {
        outcome = in_order(job, ctx, &interrupts) => outcome,
        () = second.cancelled() => {
            // Dropping the run kills its worker and closes the stage's stdin: what it started ends within 4 s.
            note("interrupted twice: not waiting for the report; the stage ends by itself within 4 s");
            Err(CommandError::InterruptedTwice)
        }
    }
}

async fn in_order(job: Job, ctx: &Context, interrupts: &Interrupts) -> Result<Exit, CommandError> {
    let mut ready = prepare::prepare(&job, ctx, interrupts).await?;
    let outcome = async {
        let evidence = drive::drive(&mut ready, ctx, interrupts, None).await?;
        let evidence = aftermath::add_up(&ready, evidence).await?;
        conclude::conclude(&job, &ready, &evidence)
    }
    .await;
    if job.hold && !matches!(outcome, Ok(Exit::Pass)) {
        ready.stage.hold(interrupts).await;
    }
    cleanup::take_away(&ready).await;
    ready.stage.stop().await;
    outcome
}

//! One run of the features from its selection to its exit code: prepare, drive, judge, write.

use std::path::PathBuf;

use verdict::domain::features::Selection;

use super::drive;
use super::prepare;
use super::write;
use crate::adapters::interrupts::Interrupts;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::StageChoice;

/// A run of the features.
#[derive(Clone, Debug)]
pub(super) struct FeaturesRun {
    /// Which scenarios.
    pub(super) selection: Selection,
    /// The seed.
    pub(super) seed: u64,
    /// End at the first failure.
    pub(super) fail_fast: bool,
    /// Where it runs.
    pub(super) stage: StageChoice,
    /// The commit that must answer.
    pub(super) expect_commit: Option<String>,
    /// Leave a failed stage up.
    pub(super) hold: bool,
    /// Where its files go; a folder of its own in reports/ where absent.
    pub(super) run_dir: Option<PathBuf>,
}

/// Runs `run`; a second Ctrl-C ends the waiting.
pub(super) async fn execute(run: FeaturesRun, ctx: &Context) -> Result<Exit, CommandError> {
    // What cannot run is refused before anything is made or built.
    let selected = prepare::select(&run, ctx)?;
    let interrupts = Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
    let second = interrupts.second().clone();
    tokio::select! {
        outcome = in_order(run, selected, ctx, &interrupts) => outcome,
        () = second.cancelled() => {
            // Dropping the run kills its worker and closes the stage's stdin: what it started ends within 4 s.
            note("interrupted twice: not waiting for the report; the stage ends by itself within 4 s");
            Err(CommandError::InterruptedTwice)
        }
    }
}

async fn in_order(
    run: FeaturesRun,
    selected: prepare::Selected,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Exit, CommandError> {
    let mut ready = prepare::prepare(&run, selected, ctx, interrupts).await?;
    let outcome = async {
        let evidence = drive::drive(&mut ready, &run, ctx, interrupts).await?;
        write::conclude(&run, &ready, &evidence)
    }
    .await;
    if run.hold && !matches!(outcome, Ok(Exit::Pass)) {
        ready.stage.hold(interrupts).await;
    }
    ready.stage.stop().await;
    outcome
}

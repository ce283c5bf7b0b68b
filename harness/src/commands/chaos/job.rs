//! A chaos run from its selection to its exit code: scenario by scenario, some at once, each on a stage of its own.

use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use verdict::domain::chaos::Tier;
use verdict::domain::chaos::evidence::CHAOS_EVIDENCE_SCHEMA;
use verdict::domain::chaos::evidence::ChaosEvidence;
use verdict::domain::chaos::evidence::Hello;
use verdict::domain::chaos::evidence::Missing;
use verdict::domain::evidence::Interrupted;

use super::one;
use super::one::Scene;
use super::plan;
use super::write;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::system_clock;
use crate::adapters::system_clock::Stopwatch;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::StageChoice;
use crate::commands::stand::report_folder;
use crate::commands::stand::run_folder;
use crate::config::chaos_file::Selected;

/// A chaos run.
#[derive(Clone, Debug)]
pub(super) struct ChaosRun {
    /// What is played.
    pub(super) selected: Selected,
    /// The tier that was asked for.
    pub(super) tier: Option<Tier>,
    /// The seed.
    pub(super) seed: u64,
    /// Faults are left out.
    pub(super) faults_off: bool,
    /// Where it runs.
    pub(super) stage: StageChoice,
    /// Scenarios at once.
    pub(super) at_once: usize,
    /// The commit that must answer.
    pub(super) expect_commit: Option<String>,
    /// Where its files go; a folder of its own in reports/ where absent.
    pub(super) run_dir: Option<PathBuf>,
}

/// Runs `run`; a second Ctrl-C ends the waiting.
pub(super) async fn execute(run: ChaosRun, ctx: &Context) -> Result<Exit, CommandError> {
    let interrupts = Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
    let second = interrupts.second().clone();
    let applied = Arc::new(one::Applied::default());
    tokio::select! {
        outcome = in_order(run, ctx, &interrupts, &applied) => outcome,
        () = second.cancelled() => {
            let left = applied.names();
            let left = if left.is_empty() { "no fault".to_owned() } else { left.join(", ") };
            note(&format!(
                "interrupted twice: not waiting for the report; still applied: {left}. Stages end by themselves within 4 s, faults within 15 s"
            ));
            Err(CommandError::InterruptedTwice)
        }
    }
}

async fn in_order(
    run: ChaosRun,
    ctx: &Context,
    interrupts: &Interrupts,
    applied: &Arc<one::Applied>,
) -> Result<Exit, CommandError> {
    let clock = Stopwatch::start();
    let (playable, skipped) = plan::split(&run)?;
    let name = format!(
        "chaos-{}-{}-{}-{:04x}",
        run.tier.map_or("some", Tier::name),
        run.seed,
        system_clock::compact(),
        std::process::id() & 0xffff
    );
    let dir = report_folder(run.run_dir.as_deref(), &name, ctx)?;
    for skipped in &skipped {
        note(&format!("  skipped {}: {}", skipped.id, skipped.why));
    }
    let at_once = if matches!(run.stage, StageChoice::File(_)) { 1 } else { run.at_once };
    note(&format!("playing {} scenarios, {at_once} at once", playable.len()));
    let plan = plan::plan(&run, (&dir, ctx), (playable, skipped), interrupts).await?;
    let json = serde_json::to_vec_pretty(&plan)
        .map_err(|source| CommandError::environment("cannot write the plan", source))?;
    dir.write("plan.json", &json).map_err(run_folder)?;
    let mut log = dir.evidence::<ChaosEvidence>().map_err(run_folder)?;
    let hello = Hello { schema: CHAOS_EVIDENCE_SCHEMA.to_owned() };
    log.append(ChaosEvidence::Hello(hello)).map_err(run_folder)?;
    let scenes = plan.scenarios.iter().map(|scenario| {
        let scene = Scene {
            scenario,
            stage: &run.stage,
            dir: dir.file(&scenario.name),
            faults_off: plan.faults_off,
            applied,
        };
        async move {
            let lines = if interrupts.first().is_cancelled() {
                Ok(Vec::new())
            } else {
                one::play(&scene, ctx, interrupts).await
            };
            (scenario, lines)
        }
    });
    let mut playing = stream::iter(scenes).buffered(at_once);
    let all = plan.scenarios.len();
    let mut played = 0;
    while let Some((scenario, lines)) = playing.next().await {
        played += 1;
        let lines = match lines {
            Ok(lines) => lines,
            Err(CommandError::Interrupted) => Vec::new(),
            Err(error @ (CommandError::Usage { .. } | CommandError::BadFile(_))) => {
                return Err(error);
            }
            Err(error) => {
                let detail = crate::adapters::chain(&error);
                let scenario = scenario.name.clone();
                vec![ChaosEvidence::Lost(Missing { scenario, detail })]
            }
        };
        note(&write::progress(scenario, &lines, (played, all)));
        for line in lines {
            log.append(line).map_err(run_folder)?;
        }
    }
    drop(playing);
    if interrupts.first().is_cancelled() {
        let at_ms = clock.us() / 1_000;
        log.append(ChaosEvidence::Interrupted(Interrupted { at_ms })).map_err(run_folder)?;
    }
    let evidence = log.close().map_err(run_folder)?;
    write::conclude(&dir, &plan, &evidence, &run.stage)
}

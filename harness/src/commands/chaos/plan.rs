//! What is played and what the stage cannot do, and `plan.json`, written before the first request.

use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::chaos::CHAOS_RUN_SCHEMA;
use verdict::domain::chaos::ChaosPlan;
use verdict::domain::chaos::ProcessFault;
use verdict::domain::chaos::ScenarioRun;
use verdict::domain::features::SkippedScenario;
use verdict::domain::stage::Capability;
use verdict::domain::stage::Environment;
use verdict::domain::stage::Runtime;
use verdict::domain::stage::Services;
use verdict::domain::stage::StageDescription;
use verdict::judge::chaos::file_of;

use super::job::ChaosRun;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::resources::machine;
use crate::adapters::run_dir::RunDir;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::system_clock;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stand::StageChoice;
use crate::commands::stand::Stand;
use crate::commands::stand::standing;
use crate::config::chaos_file::Scenario;

/// What can be played, and what cannot and why.
pub(super) fn split(
    run: &ChaosRun,
) -> Result<(Vec<ScenarioRun>, Vec<SkippedScenario>), CommandError> {
    let standing = match &run.stage {
        StageChoice::File(file) => Some(standing(file)?),
        StageChoice::Embedded { .. } => None,
    };
    if let Some(stage) = &standing
        && (!stage.limits.chaos || stage.environment == Environment::Production)
    {
        return Err(CommandError::usage(
            format!("`{}` takes no faults", stage.name),
            "`limits.chaos = true` in its file allows them; production never does".to_owned(),
        ));
    }
    let (mut playable, mut skipped) = (Vec::new(), Vec::new());
    for scenario in &run.selected.scenarios {
        match standing.as_ref().and_then(|stage| lacking(scenario, stage)) {
            Some(why) => skipped.push(SkippedScenario {
                id: file_of(&scenario.name),
                feature: "chaos".to_owned(),
                name: scenario.raw.title.clone(),
                tags: Vec::new(),
                why,
            }),
            None => playable.push(ScenarioRun {
                name: scenario.name.clone(),
                scenario: scenario.raw.clone(),
                faults: scenario.facts.clone(),
                seed: seed_of(run.seed, &scenario.name),
            }),
        }
    }
    Ok((playable, skipped))
}

/// Each scenario draws for itself: which others run beside it changes nothing.
fn seed_of(seed: u64, scenario: &str) -> u64 {
    let digest = Sha256::digest(format!("{seed} {scenario}"));
    let mut word = [0; 4];
    word.copy_from_slice(digest.get(..4).unwrap_or(&[0; 4]));
    u64::from(u32::from_le_bytes(word))
}

/// What a stage that stands lacks for a scenario.
fn lacking(scenario: &Scenario, stage: &StageDescription) -> Option<String> {
    let faults = &scenario.raw.faults;
    if !scenario.raw.stage.env.is_empty() {
        return Some("it sets variables of the backend, and this one stands".to_owned());
    }
    if scenario.raw.stage.runtime != stage.runtime {
        let wanted = match scenario.raw.stage.runtime {
            Runtime::Server => "a server",
            Runtime::Lambda => "functions",
        };
        return Some(format!("it needs {wanted}"));
    }
    if faults.iter().any(|fault| fault.on.is_some()) && stage.admin.injector_url.is_none() {
        return Some("the stage has no injector (`admin.injector_url`)".to_owned());
    }
    if faults.iter().any(|fault| fault.proxy.is_some()) && stage.admin.toxiproxy_url.is_none() {
        return Some("the stage has no fault proxies (`admin.toxiproxy_url`)".to_owned());
    }
    // A clock and a process that stands still have no lease: what this run leaves when it is killed stays on such a stage.
    if faults.iter().any(|fault| fault.clock_ms.is_some()) {
        return Some("nobody moves the stage's clock back if this run is killed".to_owned());
    }
    let process = |wanted: ProcessFault| faults.iter().any(|fault| fault.process == Some(wanted));
    if process(ProcessFault::Kill) {
        return Some("the stage does not start its backend again".to_owned());
    }
    if process(ProcessFault::Stop) {
        return Some("nobody lets the stage's backend go on if this run is killed".to_owned());
    }
    if process(ProcessFault::Evict) && stage.admin.lambda_url.is_none() {
        return Some("the stage has no host of functions (`admin.lambda_url`)".to_owned());
    }
    None
}

/// The plan; the build that is judged is asked of the backend itself.
pub(super) async fn plan(
    run: &ChaosRun,
    (dir, ctx): (&RunDir, &Context),
    (scenarios, skipped): (Vec<ScenarioRun>, Vec<SkippedScenario>),
    interrupts: &Interrupts,
) -> Result<ChaosPlan, CommandError> {
    let judged = judged(run, dir, ctx, interrupts).await?;
    let run_id = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(ChaosPlan {
        schema: CHAOS_RUN_SCHEMA.to_owned(),
        run_id: run_id.unwrap_or_default(),
        suite: "chaos".to_owned(),
        tier: run.tier,
        seed: run.seed,
        faults_off: run.faults_off,
        scenarios,
        skipped,
        scenarios_sha256: run.selected.sha256.clone(),
        harness_commit: env!("HARNESS_COMMIT").to_owned(),
        sut_commit: judged.sut_commit,
        expect_commit: run.expect_commit.clone(),
        sut_defects: judged.sut_defects,
        stage: judged.name,
        services: judged.services,
        runtime: judged.runtime,
        behind_edge: judged.behind_edge,
        bundle_sha256: ctx.bundle_sha256(),
        stage_arguments: run.stage.arguments(),
        machine: machine(),
        tools: crate::commands::tools(),
        started_at: system_clock::rfc3339(),
    })
}

struct Judged {
    sut_commit: String,
    sut_defects: Vec<String>,
    name: String,
    services: Services,
    runtime: Runtime,
    behind_edge: bool,
}

/// Puts the stage up once, which also builds the backend before any scenario waits for it, and asks.
async fn judged(
    run: &ChaosRun,
    dir: &RunDir,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Judged, CommandError> {
    let folder = RunDir::create(dir.file("stage")).map_err(crate::commands::stand::run_folder)?;
    let mut request = StageRequest::new(ctx.root.clone(), folder.path().to_path_buf(), run.seed);
    request.users = Vec::new();
    let mut stand = Stand::up(&run.stage, request, ctx, interrupts).await?;
    let description = &stand.description;
    let judged = Judged {
        sut_commit: description.sut_commit.clone(),
        sut_defects: description.sut_defects.clone(),
        name: description.name.clone(),
        services: description.services,
        runtime: description.runtime,
        behind_edge: description.capabilities.has(Capability::Edge),
    };
    stand.stop().await;
    Ok(judged)
}

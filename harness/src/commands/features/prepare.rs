//! Everything before the first scenario: features read, steps matched, the stage up, what it cannot run left out by name,
//! and `plan.json` written.

use std::path::Path;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha12Rng;
use verdict::domain::features::EdgeRule;
use verdict::domain::features::FEATURES_RUN_SCHEMA;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::features::ScenarioPlan;
use verdict::domain::features::SkippedScenario;
use verdict::domain::stage::Capability;
use verdict::domain::stage::Runtime;
use verdict::domain::stage::StageDescription;

use super::job::FeaturesRun;
use crate::adapters::edge_report;
use crate::adapters::features_worker::Material;
use crate::adapters::features_worker::catalogue::Catalogue;
use crate::adapters::features_worker::catalogue::CatalogueError;
use crate::adapters::features_worker::recording::Recording;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::resources::machine;
use crate::adapters::run_dir::RunDir;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::system_clock;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stage::manual_files;
use crate::commands::stand::StageChoice;
use crate::commands::stand::Stand;
use crate::commands::stand::report_folder;
use crate::commands::stand::run_folder;
use crate::commands::stand::standing;
use crate::config::attacks;
use crate::config::features;
use crate::config::features::FeaturesError;
use crate::config::features::Filter;
use crate::config::features::Scenario;
use crate::config::questions;
use crate::config::voices;
use crate::config::voices::Voice;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Selected {
    scenarios: Vec<Scenario>,
    sha256: String,
}

/// A run that may begin.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) plan: FeaturesPlan,
    pub(super) dir: RunDir,
    pub(super) stage: Stand,
    /// Length of the backend's log before the run.
    pub(super) log_offset: u64,
}

/// Reads and selects; what no step runs is refused.
pub(super) fn select(run: &FeaturesRun, ctx: &Context) -> Result<Selected, CommandError> {
    let unusable = |error: FeaturesError| {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text = format!("{text}: {source}");
        }
        let hint = match &error {
            FeaturesError::Place { nearest, .. } => {
                nearest.as_ref().map(|near| format!("did you mean {near}?"))
            }
            FeaturesError::Read { .. } => Some("is --root the project's root?".to_owned()),
            FeaturesError::Tags { .. } => {
                Some("for example: @quota and not (@slow or @clock)".to_owned())
            }
            FeaturesError::Empty { .. }
            | FeaturesError::Gherkin { .. }
            | FeaturesError::Keyword { .. }
            | FeaturesError::Examples { .. }
            | FeaturesError::Vacuous { .. }
            | FeaturesError::Name { .. } => None,
        };
        CommandError::usage(text, hint)
    };
    let selection = &run.selection;
    let filter =
        Filter::new(selection.tags.as_deref(), selection.name.as_deref(), &selection.places)
            .map_err(unusable)?;
    let all = features::read(&ctx.root).map_err(unusable)?;
    let scenarios = filter.select(&all).map_err(unusable)?;
    let catalogue = Catalogue::new()
        .map_err(|source| CommandError::environment("the steps cannot be used", source))?;
    catalogue.check(all.scenarios.iter().map(|scenario| &scenario.feature)).map_err(|error| {
        match error {
            CatalogueError::Unmatched(_) => CommandError::usage(
                error.to_string(),
                "`harness features --steps` prints every step".to_owned(),
            ),
            CatalogueError::Expression { .. } => {
                CommandError::environment("the steps cannot be used", error)
            }
        }
    })?;
    if let StageChoice::File(file) = &run.stage {
        standing(file)?;
    }
    Ok(Selected { scenarios, sha256: all.sha256 })
}

/// What the worker is given of the project's files.
pub(super) fn material(root: &Path) -> Result<Material, Box<dyn std::error::Error + Send + Sync>> {
    let all = features::read(root)?;
    let one = |scenario: Scenario| (scenario.plan.id, scenario.feature);
    Ok(Material {
        features_sha256: all.sha256,
        features: all.scenarios.into_iter().map(one).collect(),
        manuals: manual_files(root)?,
        questions: questions::read(root)?,
        recordings: voices::read(root)?.into_iter().map(recording).collect(),
        attacks: attacks::read(root)?,
    })
}

fn recording((file, voice): (String, Voice)) -> (String, Recording) {
    let Voice { content_type, text, bytes } = voice;
    (file, Recording { content_type, bytes: bytes.into(), says: text })
}

pub(super) async fn prepare(
    run: &FeaturesRun,
    selected: Selected,
    ctx: &Context,
    interrupts: &Interrupts,
) -> Result<Ready, CommandError> {
    let name = format!(
        "features-{}-{}-{:04x}",
        run.seed,
        system_clock::compact(),
        std::process::id() & 0xffff
    );
    let dir = report_folder(run.run_dir.as_deref(), &name, ctx)?;
    let mut request = StageRequest::new(ctx.root.clone(), dir.path().to_path_buf(), run.seed);
    request.edge = run.stage.edge().cloned();
    let request = request.for_features();
    let stage = Stand::up(&run.stage, request, ctx, interrupts).await?;
    let edge = match &stage.description.admin.edge_url {
        Some(admin) => edge_report::rules(admin).await.map_err(|source| {
            CommandError::environment("cannot ask the edge for its rules", source)
        })?,
        None => Vec::new(),
    };
    let plan = plan(run, selected, (&dir, ctx), (&stage.description, edge));
    let json = serde_json::to_vec_pretty(&plan)
        .map_err(|source| CommandError::environment("cannot write the plan", source))?;
    let log = stage.description.admin.backend_log.as_ref();
    let log_offset = log.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |m| m.len());
    let mut ready = Ready { plan, dir, stage, log_offset };
    if let Err(error) = ready.dir.write("plan.json", &json) {
        ready.stage.stop().await;
        return Err(run_folder(error));
    }
    Ok(ready)
}

fn plan(
    run: &FeaturesRun,
    selected: Selected,
    (dir, ctx): (&RunDir, &Context),
    (stage, edge): (&StageDescription, Vec<EdgeRule>),
) -> FeaturesPlan {
    let (mut scenarios, mut skipped) = (Vec::new(), Vec::new());
    for scenario in selected.scenarios {
        let ScenarioPlan { id, feature, name, tags, .. } = scenario.plan.clone();
        match lacking(&scenario.plan, stage) {
            Some(why) => skipped.push(SkippedScenario { id, feature, name, tags, why }),
            None => scenarios.push(scenario.plan),
        }
    }
    scenarios.shuffle(&mut ChaCha12Rng::seed_from_u64(run.seed));
    // What takes longest is begun first, or everybody waits for it in the end.
    scenarios.sort_by_key(|scenario| !scenario.tags.iter().any(|tag| tag == "slow"));
    let run_id = dir.path().file_name().map(|name| name.to_string_lossy().into_owned());
    FeaturesPlan {
        schema: FEATURES_RUN_SCHEMA.to_owned(),
        run_id: run_id.unwrap_or_default(),
        suite: "features".to_owned(),
        seed: run.seed,
        selection: run.selection.clone(),
        features_sha256: selected.sha256,
        scenarios,
        skipped,
        harness_commit: env!("HARNESS_COMMIT").to_owned(),
        sut_commit: stage.sut_commit.clone(),
        expect_commit: run.expect_commit.clone(),
        sut_defects: stage.sut_defects.clone(),
        stage: stage.name.clone(),
        services: stage.services,
        runtime: stage.runtime,
        behind_edge: stage.capabilities.has(Capability::Edge),
        bundle_sha256: ctx.bundle_sha256(),
        limits: stage.limits.clone(),
        edge,
        stage_arguments: run.stage.arguments(),
        machine: machine(),
        tools: crate::commands::tools(),
        started_at: system_clock::rfc3339(),
    }
}

/// How many scenarios `stage` can run, and which it cannot.
pub(super) fn fitting(
    root: &Path,
    stage: &StageDescription,
) -> Result<(usize, Vec<SkippedScenario>), CommandError> {
    let all = features::read(root).map_err(|error| CommandError::usage(error.to_string(), None))?;
    let count = all.scenarios.len();
    let skipped: Vec<SkippedScenario> = all
        .scenarios
        .into_iter()
        .filter_map(|scenario| {
            let why = lacking(&scenario.plan, stage)?;
            let ScenarioPlan { id, feature, name, tags, .. } = scenario.plan;
            Some(SkippedScenario { id, feature, name, tags, why })
        })
        .collect();
    Ok((count - skipped.len(), skipped))
}

/// Tags that ask something of a stage.
const NEEDS: &[(&str, Capability, &str)] = &[
    ("clock", Capability::Clock, "its clock can be moved (`clock`)"),
    ("stores", Capability::StoresReadable, "its stores can be read (`stores_readable`)"),
    ("outages", Capability::Outages, "a dependency can fail for one user (`outages`)"),
    (
        "addresses",
        Capability::SourceAddresses,
        "clients have addresses of their own (`source_addresses`)",
    ),
    (
        "egress",
        Capability::PinnedEgress,
        "it plays the web that Manuel fetches from (`pinned_egress`)",
    ),
    (
        "allowlist",
        Capability::Allowlist,
        "strangers come from 127.224.0.0/11 (`allowlist`: `stage up --for-features`)",
    ),
    ("exact", Capability::DeterministicModel, "the model answers exactly (`deterministic_model`)"),
];

/// What the stage lacks for a scenario.
fn lacking(scenario: &ScenarioPlan, stage: &StageDescription) -> Option<String> {
    let has = |tag: &str| scenario.tags.iter().any(|own| own == tag);
    let lacks = |(tag, capability, _): &&(&str, Capability, &str)| {
        has(tag) && !stage.capabilities.has(*capability)
    };
    if let Some((tag, _, what)) = NEEDS.iter().find(lacks) {
        return Some(format!("@{tag} needs a stage where {what}"));
    }
    if has("plain") && !stage.base_url.starts_with("http://") {
        return Some(
            "@plain needs a stage that is met without TLS: bytes arrive as they are written"
                .to_owned(),
        );
    }
    if has("direct") && stage.capabilities.has(Capability::Edge) {
        return Some(
            "@direct needs a stage without an edge in front, which answers such calls itself"
                .to_owned(),
        );
    }
    if has("origins") && stage.web_origins.len() < 2 {
        return Some(
            "@origins needs a stage that knows two pages that may read (`web_origins`)".to_owned(),
        );
    }
    if has("local") && stage.admin.emulators_url.is_none() {
        return Some("@local needs a stage of emulators".to_owned());
    }
    if has("server") && stage.runtime == Runtime::Lambda {
        return Some("@server needs a backend that is one process".to_owned());
    }
    if !stage.capabilities.has(Capability::ProvisionUsers) {
        return Some("every scenario needs users of its own (`provision_users`)".to_owned());
    }
    None
}

//! The features worker: a process of its own, for the runner of scenarios catches unwinding and owns statics. It is told
//! everything on stdin (one JSON line; the end of stdin means stop), and says what became of each attempt on stdout.

pub mod calls;
pub mod catalogue;
pub mod evidence;
pub mod files;
pub mod forged;
pub mod generated;
pub mod links;
pub mod manners;
pub mod outcome;
mod pacing;
pub mod params;
pub mod person;
pub mod recording;
pub mod run;
pub mod seen;
pub mod shelf;
pub mod tokens;
pub mod world;

#[expect(clippy::unused_async, reason = "a step is awaited, whether it waits for anything or not")]
mod steps;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cucumber::Cucumber;
use cucumber::ScenarioType;
use cucumber::WriterExt as _;
use cucumber::cli;
use cucumber::gherkin;
use cucumber::runner;
use cucumber::writer;
use futures::FutureExt as _;
use manuel_client::contract::Contract;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;
use verdict::domain::attack::Attack;
use verdict::domain::evidence::Lost;
use verdict::domain::features::FEATURES_EVIDENCE_SCHEMA;
use verdict::domain::features::FeaturesDone;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesHello;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::question::QuestionSet;
use verdict::domain::stage::Capability;
use verdict::domain::stage::StageDescription;

use crate::adapters::api_document::ApiDocument;
use crate::adapters::lifeline::Lifeline;
use crate::adapters::lifeline::LifelineError;
use crate::adapters::provision;
use crate::adapters::provision::Accounts;
use crate::adapters::provision::ManualFile;
use crate::adapters::provision::believe;
use crate::adapters::stores::Stores;
use catalogue::Catalogue;
use catalogue::CatalogueError;
use evidence::EvidenceWriter;
use evidence::say;
use outcome::StepError;
use recording::Recording;
use run::Run;
use world::FeatureWorld;

/// The plan has to come at once: the runner writes it before anything else.
const PLAN_WITHIN: Duration = Duration::from_secs(10);
/// A few hundred scenarios with their steps.
const PLAN_BYTES: u64 = 64 << 20;
/// Scenarios that run at once.
const CONCURRENCY: usize = 16;
/// A scenario that did not pass is tried once more: what holds then is flaky.
const RETRIES: usize = 1;

/// What a worker is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesJob {
    /// What runs, in its order.
    pub plan: FeaturesPlan,
    /// Where.
    pub stage: StageDescription,
    /// The project root: features and fixtures are below it.
    pub root: PathBuf,
    /// The Cucumber JSON that is written.
    pub json: PathBuf,
    /// End at the first scenario that does not pass.
    pub fail_fast: bool,
}

/// Why a worker could not do its part: the runner reports it as exit 4.
#[derive(Debug, Error)]
pub enum FeaturesWorkerError {
    /// Nobody told it what to do.
    #[error("the worker was given no plan")]
    Lifeline(#[source] LifelineError),
    /// Not a plan.
    #[error("the worker's plan does not parse")]
    Plan(#[source] serde_json::Error),
    /// Features that changed between plan and run.
    #[error("the features are not those that were planned")]
    Changed,
    /// The steps do not compile.
    #[error("the steps cannot be used")]
    Catalogue(#[source] CatalogueError),
    /// Users, stores or fixtures cannot be used.
    #[error("cannot prepare the features: {what}")]
    Prepare {
        /// What exactly.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The Cucumber JSON cannot be written.
    #[error("cannot write {path}")]
    Json {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// What the files of the project hold.
#[derive(Debug)]
pub struct Material {
    /// SHA-256 over the feature files.
    pub features_sha256: String,
    /// Id of a scenario → a feature with this scenario only.
    pub features: BTreeMap<String, gherkin::Feature>,
    /// Fixture manuals by key.
    pub manuals: BTreeMap<String, ManualFile>,
    /// Questions with known answers.
    pub questions: QuestionSet,
    /// Fixture recordings by file.
    pub recordings: BTreeMap<String, Recording>,
    /// The attack corpus.
    pub attacks: Vec<Attack>,
}

/// Runs one plan to its end, or to the end of stdin; `read` reads the files below the project root.
pub async fn run(
    read: impl FnOnce(&Path) -> Result<Material, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(), FeaturesWorkerError> {
    let mut lifeline = Lifeline::hold().map_err(FeaturesWorkerError::Lifeline)?;
    let line =
        lifeline.line(PLAN_WITHIN, PLAN_BYTES).await.map_err(FeaturesWorkerError::Lifeline)?;
    let job: FeaturesJob = serde_json::from_str(&line).map_err(FeaturesWorkerError::Plan)?;
    believe(&job.stage).map_err(|source| FeaturesWorkerError::Prepare {
        what: "the stage's certificate authority",
        source: Box::new(source),
    })?;
    let catalogue = Catalogue::new().map_err(FeaturesWorkerError::Catalogue)?;
    let material = read(&job.root)
        .map_err(|source| FeaturesWorkerError::Prepare { what: "the project's files", source })?;
    let planned = planned(&job, &material)?;
    let file = std::fs::File::create(&job.json)
        .map_err(|source| FeaturesWorkerError::Json { path: job.json.clone(), source })?;
    FeatureWorld::share(Arc::new(equip(&job, material).await?));
    say(&FeaturesEvidence::Hello(FeaturesHello {
        schema: FEATURES_EVIDENCE_SCHEMA.to_owned(),
        pid: std::process::id(),
    }));
    tokio::select! {
        attempts = all(planned, &catalogue, file, job.fail_fast) => {
            say(&FeaturesEvidence::Done(FeaturesDone { attempts }));
        }
        // The runner is gone, or wants no more: what was seen has been said.
        _end = lifeline.ended() => {}
    }
    Ok(())
}

/// Runs the scenarios; how many attempts ended.
async fn all(
    planned: Vec<gherkin::Feature>,
    catalogue: &Catalogue,
    json: std::fs::File,
    fail_fast: bool,
) -> u64 {
    let mut runner = runner::Basic::<FeatureWorld>::default()
        .max_concurrent_scenarios(CONCURRENCY)
        .retries(RETRIES)
        .steps(catalogue.collection());
    if fail_fast {
        runner = runner.fail_fast();
    }
    let runner = runner
        .which_scenario(|_, _, scenario: &gherkin::Scenario| {
            // Who moves the clock moves it for everybody.
            let alone = scenario.tags.iter().any(|tag| tag == "clock" || tag == "alone");
            if alone { ScenarioType::Serial } else { ScenarioType::Concurrent }
        })
        .before(|feature, _, scenario, world: &mut FeatureWorld| {
            let file = feature.path.as_deref().unwrap_or(Path::new("")).display();
            world.id = format!("{file}:{}", scenario.position.line);
            async {}.boxed_local()
        })
        .after(|_, _, _, _, world: Option<&mut FeatureWorld>| {
            async move {
                if let Some(world) = world {
                    world.clean_up().await;
                }
            }
            .boxed_local()
        });
    let attempts = Arc::new(AtomicU64::new(0));
    let ours = EvidenceWriter::new(Arc::clone(&attempts)).assert_normalized();
    let writer = writer::Tee::new(ours, writer::Json::new(json));
    Cucumber::<_, _, (), _, _, cli::Empty>::custom(Planned(planned), runner, writer)
        .with_default_cli()
        .run(())
        .await;
    attempts.load(Ordering::SeqCst)
}

/// The scenarios of the plan, in its order.
fn planned(
    job: &FeaturesJob,
    material: &Material,
) -> Result<Vec<gherkin::Feature>, FeaturesWorkerError> {
    if material.features_sha256 != job.plan.features_sha256 {
        return Err(FeaturesWorkerError::Changed);
    }
    let feature = |id: &String| material.features.get(id).cloned();
    job.plan
        .scenarios
        .iter()
        .map(|plan| feature(&plan.id).ok_or(FeaturesWorkerError::Changed))
        .collect()
}

/// Hands planned features to the runner.
#[derive(Debug)]
struct Planned(Vec<gherkin::Feature>);

impl cucumber::Parser<()> for Planned {
    type Cli = cli::Empty;
    type Output = futures::stream::Iter<
        std::iter::Map<
            std::vec::IntoIter<gherkin::Feature>,
            fn(gherkin::Feature) -> cucumber::parser::Result<gherkin::Feature>,
        >,
    >;

    fn parse(self, (): (), _cli: cli::Empty) -> Self::Output {
        futures::stream::iter(self.0.into_iter().map(Ok as fn(_) -> _))
    }
}

async fn equip(job: &FeaturesJob, material: Material) -> Result<Run, FeaturesWorkerError> {
    let stage = &job.stage;
    let accounts = Accounts::new(stage).map_err(|source| prepare("users", source))?;
    let signer = provision::signer(stage).map_err(|source| prepare("signatures", source))?;
    let stores = if stage.capabilities.has(Capability::StoresReadable) {
        Some(Stores::of(stage).await.map_err(|source| prepare("stores", source))?)
    } else {
        None
    };
    let contract =
        Contract::new(stage.resources.names()).map_err(|source| prepare("the contract", source))?;
    let contract = contract.behind_edge(stage.capabilities.has(Capability::Edge));
    let document =
        ApiDocument::read(&job.root).map_err(|source| prepare("the API document", source))?;
    Ok(Run::new(
        (job.plan.clone(), stage.clone(), job.root.clone()),
        (accounts, signer),
        (stores, contract, document),
        material,
    ))
}

fn prepare(
    what: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> FeaturesWorkerError {
    FeaturesWorkerError::Prepare { what, source: Box::new(source) }
}

/// What a worker that cannot go on says last.
pub fn last_words(error: &FeaturesWorkerError) -> FeaturesEvidence {
    let StepError::Lost { what } = StepError::lost_by("the worker", error) else {
        return FeaturesEvidence::WorkerLost(Lost { detail: error.to_string() });
    };
    FeaturesEvidence::WorkerLost(Lost { detail: what })
}

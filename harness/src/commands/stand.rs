//! The stage of a run: one of its own, or one that somebody else put up. Every suite comes to it by the same way.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::answers::VersionAnswer;
use tokio::sync::watch;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage::StageDescription;

use crate::adapters::interrupts::Interrupts;
use crate::adapters::run_dir::RunDirError;
use crate::adapters::stage_process::BackendChoice;
use crate::adapters::stage_process::EdgeChoice;
use crate::adapters::stage_process::StageProcess;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::stage_process::StageState;
use crate::adapters::system_clock;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stage::start_failure;
use crate::config::stage_file;
use crate::report::repro::StageRecipe;

/// One look at `/version`.
const VERSION: Duration = Duration::from_secs(5);

/// Where a suite runs.
#[derive(Clone, Debug)]
pub enum StageChoice {
    /// On a stage of its own.
    Embedded {
        /// Which backend.
        backend: BackendChoice,
        /// Functions behind a gateway, instead of a server.
        lambda: Option<LambdaOptions>,
        /// The deployment's firewall and gateway in front.
        edge: Option<EdgeChoice>,
        /// Seeded defects.
        defects: Vec<String>,
        /// Variables of the backend.
        env: BTreeMap<String, String>,
    },
    /// On a stage that stands.
    File(PathBuf),
}

impl StageChoice {
    /// The edge in front of a stage of its own.
    pub fn edge(&self) -> Option<&EdgeChoice> {
        match self {
            Self::Embedded { edge, .. } => edge.as_ref(),
            Self::File(_) => None,
        }
    }

    /// What puts a stage like this up again, in a repro file.
    pub fn recipe(&self) -> StageRecipe {
        match self {
            Self::File(file) => StageRecipe {
                name: "file".to_owned(),
                stage_file: Some(absolute(file)),
                ..StageRecipe::default()
            },
            Self::Embedded { backend, lambda, edge, defects, env } => StageRecipe {
                name: "embedded".to_owned(),
                backend_bin: match backend {
                    BackendChoice::Binary(path) => Some(absolute(path)),
                    BackendChoice::Build { .. } | BackendChoice::None { .. } => None,
                },
                lambda: *lambda,
                edge: edge.as_ref().map(|edge| edge.parameters.clone()),
                defects: defects.clone(),
                env: shown(env).map(|(name, value)| (name.clone(), value.clone())).collect(),
                stage_file: None,
            },
        }
    }

    /// The stage of a repro file.
    pub fn recorded(recipe: &StageRecipe) -> Self {
        if let Some(file) = &recipe.stage_file {
            return Self::File(file.into());
        }
        Self::Embedded {
            backend: recipe
                .backend_bin
                .as_ref()
                .map_or(BackendChoice::Build { defects: false }, |path| {
                    BackendChoice::Binary(path.into())
                }),
            lambda: recipe.lambda,
            edge: recipe.edge.clone().map(|parameters| EdgeChoice { parameters }),
            defects: recipe.defects.clone(),
            env: recipe.env.clone(),
        }
    }

    /// The arguments of a command that puts it up again.
    pub fn arguments(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        match self {
            Self::File(file) => words.push(format!("--stage '{}'", absolute(file))),
            Self::Embedded { backend, lambda, edge, defects, env } => {
                if let BackendChoice::Binary(path) = backend {
                    words.push(format!("--backend-bin '{}'", absolute(path)));
                }
                if lambda.is_some() {
                    words.push("--runtime lambda".to_owned());
                }
                if let Some(edge) = edge {
                    words.push("--edge".to_owned());
                    words.extend(
                        edge.parameters
                            .iter()
                            .map(|(name, value)| format!("--edge-parameter '{name}={value}'")),
                    );
                }
                if !defects.is_empty() {
                    words.push(format!("--defects {}", defects.join(",")));
                }
                words.extend(shown(env).map(|(name, value)| format!("--env '{name}={value}'")));
            }
        }
        words.join(" ")
    }
}

/// What may hold a secret is in no report; a replay has to be given it again.
fn shown(env: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let is_secret = |name: &str| {
        let name = name.to_uppercase();
        ["SECRET", "KEY", "TOKEN", "PASSWORD"].iter().any(|word| name.contains(word))
    };
    env.iter().filter(move |(name, _)| !is_secret(name))
}

/// A replay may be asked for from another folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// A stage that answers.
#[derive(Debug)]
pub struct Stand {
    /// What a suite is told.
    pub description: StageDescription,
    /// None for one that somebody else put up.
    pub process: Option<StageProcess>,
    /// What becomes of it; none for one that somebody else put up.
    pub events: Option<watch::Receiver<StageState>>,
}

impl Stand {
    /// Starts `request` with what `choice` says of its backend, or asks a stage that stands which build it is.
    pub async fn up(
        choice: &StageChoice,
        mut request: StageRequest,
        ctx: &Context,
        interrupts: &Interrupts,
    ) -> Result<Self, CommandError> {
        match choice {
            StageChoice::File(file) => {
                let mut description = standing(file)?;
                ask_version(&mut description).await?;
                Ok(Self { description, process: None, events: None })
            }
            StageChoice::Embedded { backend, lambda, edge, defects, env } => {
                request.backend = backend.clone();
                request.lambda = *lambda;
                // A suite may have given it parameters of its own.
                request.edge = request.edge.or_else(|| edge.clone());
                request.env.extend(env.clone());
                let request = request.with_defects(defects.clone());
                let cancelled = interrupts.first().cancelled();
                let process = StageProcess::start_until(request, &ctx.exe, cancelled, note)
                    .await
                    .map_err(start_failure)?;
                let url = &process.description().base_url;
                note(&format!("stage ready in {} ms: {url}", process.ready_ms()));
                let (events, description) = (Some(process.events()), process.description().clone());
                Ok(Self { description, process: Some(process), events })
            }
        }
    }

    /// Stops a stage of our own, and waits until it has.
    pub async fn stop(&mut self) {
        if let Some(process) = self.process.take()
            && let Err(error) = process.stop().await
        {
            note(&format!("warning: {error}"));
        }
    }

    /// Leaves the stage up until Ctrl-C; a first one may have ended the run already.
    pub async fn hold(&self, interrupts: &Interrupts) {
        note(&format!("\nThe stage is left up: {} (Ctrl-C stops it)", self.description.base_url));
        if let Some(process) = &self.process {
            note(&format!("  described by {}", process.stage_file().display()));
        }
        interrupts.first().cancelled().await;
    }
}

/// The description of a stage that somebody else put up.
pub fn standing(file: &Path) -> Result<StageDescription, CommandError> {
    stage_file::read(file).map_err(|error| CommandError::BadFile(error.into()))
}

/// Asks the backend itself which build it is: a description may be older than it.
pub async fn ask_version(description: &mut StageDescription) -> Result<(), CommandError> {
    let unanswered = |why: String| CommandError::Environment {
        what: format!("the backend at {} does not answer", description.base_url),
        source: Some(why.into()),
        hint: Some("is the stage still up?".to_owned()),
    };
    let client = ManuelClient::new(&description.base_url, None, VERSION, VERSION)
        .map_err(|error| unanswered(error.to_string()))?;
    let prepared = client
        .prepare_request(&Request::Version, &SendOptions::default())
        .map_err(|error| unanswered(error.to_string()))?;
    let clock = system_clock::Stopwatch::start();
    let exchange = client
        .send(&prepared, &move || clock.us())
        .await
        .map_err(|error| unanswered(error.to_string()))?;
    let version: VersionAnswer = serde_json::from_slice(&exchange.body)
        .map_err(|error| unanswered(format!("it is not Manuel: {error}")))?;
    description.sut_commit = version.git_commit;
    description.sut_defects = version.defects;
    Ok(())
}

/// The stage's state once something ended it; never, for a stage of somebody else.
pub async fn changed(events: &mut Option<watch::Receiver<StageState>>) -> StageState {
    let Some(receiver) = events else { return std::future::pending().await };
    let ended = |state: &StageState| state.backend_exited.is_some() || state.lost.is_some();
    let state = receiver.wait_for(ended).await.map(|state| state.clone()).unwrap_or_default();
    // It is told once.
    *events = None;
    state
}

/// A run's folder that cannot be used.
pub fn run_folder(source: RunDirError) -> CommandError {
    CommandError::environment("the report folder cannot be used", source)
}

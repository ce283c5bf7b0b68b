//! The stage of a run: one of its own, or one that somebody else put up. Every suite comes to it by the same way.

use std::path::Path;
use std::time::Duration;

use manuel_client::ManuelClient;
use manuel_client::Request;
use manuel_client::SendOptions;
use manuel_client::answers::VersionAnswer;
use tokio::sync::watch;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage_recipe::StageRecipeFile;

use crate::adapters::interrupts::Interrupts;
use crate::adapters::lease::Lease;
use crate::adapters::provision;
use crate::adapters::run_dir::RunDir;
use crate::adapters::run_dir::RunDirError;
use crate::adapters::secrets;
use crate::adapters::stage_process::StageProcess;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::stage_process::StageState;
use crate::adapters::system_clock;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stage::start_failure;
use crate::config::stage_file;
use crate::config::stage_file::StageFileError;
use crate::config::stage_names;
use crate::config::stage_names::Named;

mod choice;
mod guards;

pub use choice::Asked;
pub use choice::StageChoice;
pub use choice::embedded;

/// The stage that needs no file.
pub const EMBEDDED: &str = "embedded";

/// One look at `/version`.
const VERSION: Duration = Duration::from_secs(5);

/// A stage that answers.
#[derive(Debug)]
pub struct Stand {
    /// What a suite is told.
    pub description: StageDescription,
    /// None for one that somebody else put up.
    pub process: Option<StageProcess>,
    /// What becomes of it; none for one that somebody else put up.
    pub events: Option<watch::Receiver<StageState>>,
    /// Nobody else runs on it for as long as this lives.
    _lease: Option<Lease>,
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
                trust(&description)?;
                resolve(&mut description).await?;
                ask_version(&mut description).await?;
                let lease = guards::hold(&description).await?;
                Ok(Self { description, process: None, events: None, _lease: Some(lease) })
            }
            StageChoice::Embedded { recipe, backend, lambda, edge, defects, env } => {
                request = request.on(StageRecipeFile::clone(recipe));
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
                trust(process.description())?;
                let (events, description) = (Some(process.events()), process.description().clone());
                Ok(Self { description, process: Some(process), events, _lease: None })
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
    stage_file::read(file).map_err(bad_stage)
}

/// The name of the stage that `text` names, and whether it is put up for each run; nothing is asked, and no secret needed.
pub fn stage_name(ctx: &Context, text: &str) -> Result<(String, bool), CommandError> {
    if text == EMBEDDED {
        return Ok((text.to_owned(), true));
    }
    let named = stage_names::look(&ctx.root, text).map_err(bad_stage)?;
    Ok((named.name().to_owned(), matches!(named, Named::Recipe(_))))
}

/// A stage file that cannot be used, as a person reads it: exit 2.
pub fn bad_stage(error: StageFileError) -> CommandError {
    CommandError::BadFile(error.into())
}

/// Lets this process believe the certificate authority that the stage names.
pub fn trust(description: &StageDescription) -> Result<(), CommandError> {
    provision::believe(description).map_err(|source| {
        CommandError::usage(
            format!("cannot use the certificate authority of the stage: {source}"),
            "`tls_ca_file` names a PEM file beside the stage file".to_owned(),
        )
    })
}

/// Reads the secrets that the stage's file names in Secrets Manager.
pub async fn resolve(description: &mut StageDescription) -> Result<(), CommandError> {
    secrets::resolve(description).await.map_err(|source| CommandError::Environment {
        what: "the stage's secrets cannot be read".to_owned(),
        source: Some(Box::new(source)),
        hint: Some(
            "are there AWS credentials, are they still good, and is `region` right?".to_owned(),
        ),
    })
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

/// The folder of a run: the one that was asked for, else `name` below `reports/`.
pub fn report_folder(
    wanted: Option<&Path>,
    name: &str,
    ctx: &Context,
) -> Result<RunDir, CommandError> {
    let path = wanted.map_or_else(|| ctx.root.join("reports").join(name), Path::to_path_buf);
    RunDir::create(std::path::absolute(&path).unwrap_or(path)).map_err(run_folder)
}

/// A run's folder that cannot be used.
pub fn run_folder(source: RunDirError) -> CommandError {
    CommandError::environment("the report folder cannot be used", source)
}

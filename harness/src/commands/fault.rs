//! `harness fault …`: faults by hand against a running stage, in AWS's words or on the wire. Each is held by this command:
//! it ends with Ctrl-C, and by itself within 15 s if this process is killed.

mod gateway;
mod hold;
mod inject;
mod overview;
mod wire;

use std::path::PathBuf;

use verdict::domain::stage::StageDescription;

use crate::adapters::fault_admin::FaultAdmin;
use crate::adapters::fault_admin::FaultAdminError;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::config::stage_file;
use crate::config::stage_file::StageFileError;

/// `harness fault …`
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Let calls to AWS fail as AWS fails them: `inject bedrock-runtime:Converse "error ThrottlingException"`.
    Inject(inject::InjectArgs),
    /// Put a toxic on the wire to a service: `proxy dynamodb latency latency=200 jitter=50` (stage up --wire-faults).
    Proxy(wire::WireArgs),
    /// Show what is on, and what was hit last.
    List(StageArg),
    /// End every fault of the stage.
    Clear(StageArg),
    /// Stand before any endpoints with an injector of its own: LocalStack, another emulator, AWS.
    Gateway(gateway::GatewayArgs),
}

/// Which stage.
#[derive(Clone, Debug, clap::Args)]
struct StageArg {
    /// The stage.json that `harness stage up` names [default: the newest in reports/].
    #[arg(long, value_name = "FILE")]
    stage: Option<PathBuf>,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    match args.action {
        Action::Inject(args) => inject::run(args, ctx).await,
        Action::Proxy(args) => wire::run(args, ctx).await,
        Action::List(stage) => overview::list(&stage.read(ctx)?).await,
        Action::Clear(stage) => overview::clear(&stage.read(ctx)?).await,
        Action::Gateway(args) => gateway::run(args).await,
    }
}

impl StageArg {
    fn read(&self, ctx: &Context) -> Result<StageDescription, CommandError> {
        let path = match &self.stage {
            Some(path) => path.clone(),
            None => newest(ctx).ok_or_else(|| {
                let hint = "start one with `harness stage up`, or name its stage.json with --stage";
                CommandError::usage("no stage.json in reports/", hint.to_owned())
            })?,
        };
        stage_file::read(&path).map_err(|error| {
            let hint = miette::Diagnostic::help(&error).map(|help| help.to_string());
            if let StageFileError::Bad(bad) = error {
                return CommandError::BadFile(miette::Report::new(*bad));
            }
            CommandError::usage(error.to_string(), hint)
        })
    }
}

/// A share in 0..=1. JSON has no word for what else a number may be, so it is looked at here.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1".to_owned())
}

/// The stage that was started last.
fn newest(ctx: &Context) -> Option<PathBuf> {
    let runs = std::fs::read_dir(ctx.root.join("reports")).ok()?;
    let files = runs.flatten().map(|run| run.path().join("stage.json"));
    let dated = files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)));
    dated.max().map(|(_, file)| file)
}

/// The stage's injector.
fn injector(stage: &StageDescription) -> Result<FaultAdmin, CommandError> {
    let url = stage.admin.injector_url.as_deref().ok_or_else(|| {
        CommandError::usage(
            "the stage has no injector: its description has no admin.injector_url",
            "`harness stage up` has one".to_owned(),
        )
    })?;
    FaultAdmin::new(url).map_err(failed)
}

/// The admin API's refusals are about what was typed; the rest is the stage's.
fn failed(error: FaultAdminError) -> CommandError {
    match error {
        FaultAdminError::Refused { text } => CommandError::usage(text, None),
        send @ FaultAdminError::Send { .. } => CommandError::Environment {
            what: "the stage does not answer".to_owned(),
            source: Some(Box::new(send)),
            hint: Some("is it still up?".to_owned()),
        },
    }
}

//! `harness stage list|check|env|down`: stages as they are named, as they answer, as a shell uses them, and their end.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use procfs::process::Process;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;

use super::check;
use crate::adapters::embedded_stage::endpoint_variable;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::adapters::provision::leftovers;
use crate::adapters::provision::leftovers::Leftovers;
use crate::adapters::run_dir::RunDir;
use crate::adapters::stage_process::StageRequest;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::Asked;
use crate::commands::stand::StageChoice;
use crate::commands::stand::Stand;
use crate::commands::stand::bad_stage;
use crate::commands::stand::resolve;
use crate::commands::stand::standing;
use crate::commands::stand::trust;
use crate::config::stage_names;
use crate::config::stage_names::Named;

/// A stage stops within 6 s.
const DOWN: Duration = Duration::from_secs(15);

/// A stage by name or file.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct StageName {
    /// A name in scenarios/stages/, a stage file, or a backend's URL.
    #[arg(value_name = "NAME|FILE|URL")]
    stage: String,
}

/// The file of a stage that stands.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct StageFileArg {
    /// Its stage.json, or the folder that holds it.
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
}

/// Every stage of the project: its name, and what it is.
pub(super) fn list(ctx: &Context) -> Exit {
    for name in stage_names::names(&ctx.root) {
        let what = match stage_names::look(&ctx.root, &name) {
            Ok(Named::Recipe(recipe)) => {
                let put_up = serde_json::to_value(recipe.put_up).ok();
                let put_up =
                    put_up.as_ref().and_then(|p| p.as_str()).unwrap_or_default().to_owned();
                format!("put up for each run ({put_up})")
            }
            Ok(Named::Standing(_, stage)) => {
                format!("stands at {} (`{}`)", stage.base_url, stage.name)
            }
            Err(error) => format!("cannot be used: {error}"),
        };
        out(&format!("{name:<18}{what}"));
    }
    Exit::Pass
}

/// What is reached, what is missing, and which suites can run.
pub(super) async fn check(args: StageName, ctx: &Context) -> Result<Exit, CommandError> {
    if args.stage.starts_with("http://") || args.stage.starts_with("https://") {
        return Ok(check::url(&args.stage).await);
    }
    match stage_names::read(&ctx.root, &args.stage).map_err(bad_stage)? {
        Named::Standing(_, mut stage) => {
            trust(&stage)?;
            resolve(&mut stage).await?;
            check::stage(*stage, &ctx.root).await
        }
        Named::Recipe(recipe) => {
            out(&format!("`{}` is put up for each run; putting it up", recipe.name));
            let interrupts = Interrupts::listen()
                .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
            let folder = tempfile::tempdir().map_err(|source| {
                CommandError::environment("cannot make a temporary folder", source)
            })?;
            let asked = Asked { stage: Some(args.stage), ..Asked::default() };
            let choice = StageChoice::asked(asked, ctx)?;
            let dir = RunDir::open(folder.path().to_path_buf());
            let mut request = StageRequest::new(ctx.root.clone(), dir.path().to_path_buf(), 1);
            request.edge = choice.edge().cloned();
            let mut stand = Stand::up(&choice, request.for_features(), ctx, &interrupts).await?;
            let outcome = check::stage(stand.description.clone(), &ctx.root).await;
            stand.stop().await;
            outcome
        }
    }
}

/// Users and manuals of runs that were cut off.
pub(super) async fn sweep(args: StageName, ctx: &Context) -> Result<Exit, CommandError> {
    let Named::Standing(_, mut stage) =
        stage_names::read(&ctx.root, &args.stage).map_err(bad_stage)?
    else {
        out("a stage that is put up for each run keeps nothing");
        return Ok(Exit::Pass);
    };
    trust(&stage)?;
    resolve(&mut stage).await?;
    let mut kept_all = 0;
    let found = Leftovers::find(&ctx.root.join("reports"), &stage);
    for (file, left) in &found {
        let kept = leftovers::remove(&stage, &left.users)
            .await
            .map_err(|source| CommandError::environment("cannot sweep", source))?;
        out(&format!(
            "{}: {} of {} users taken away",
            file.display(),
            left.users.len() - kept.len(),
            left.users.len()
        ));
        for (user, why) in &kept {
            out(&format!("  {user} stays: {why}"));
        }
        if kept.is_empty() {
            drop(std::fs::remove_file(file));
        }
        kept_all += kept.len();
    }
    if found.is_empty() {
        out("nothing was left");
    }
    Ok(if kept_all == 0 { Exit::Pass } else { Exit::Environment })
}

/// Variables for a shell: the backend, its services, and the credentials of an embedded stage.
pub(super) fn env(args: &StageFileArg) -> Result<Exit, CommandError> {
    let stage = description(args)?;
    let mut lines = vec![("MANUEL_URL".to_owned(), stage.base_url.clone())];
    lines.push(("AWS_REGION".to_owned(), stage.region.clone()));
    for (service, url) in &stage.endpoints {
        lines.extend(endpoint_variable(service).map(|name| (name.to_owned(), url.clone())));
    }
    if let Some(credentials) = &stage.store_credentials
        && let SecretRef::Throwaway(secret) = &credentials.secret_access_key
    {
        lines.push(("AWS_ACCESS_KEY_ID".to_owned(), credentials.access_key_id.clone()));
        lines.push(("AWS_SECRET_ACCESS_KEY".to_owned(), secret.clone()));
    }
    for (name, value) in lines {
        out(&format!("export {name}='{}'", value.replace('\'', r"'\''")));
    }
    Ok(Exit::Pass)
}

/// Ends a stage that `stage up` keeps, as Ctrl-C would, and waits until it is gone.
pub(super) async fn down(args: &StageFileArg) -> Result<Exit, CommandError> {
    let stage = description(args)?;
    let not_ours = || {
        CommandError::usage(
            "the stage has no process of this machine",
            "only what `harness stage up` keeps here is taken down".to_owned(),
        )
    };
    let stage_pid = stage.processes.as_ref().ok_or_else(not_ours)?.stage_pid;
    let number = i32::try_from(stage_pid).ok().ok_or_else(not_ours)?;
    let Ok(process) = Process::new(number) else {
        out("it is gone already");
        return Ok(Exit::Pass);
    };
    let words = |process: &Process| process.cmdline().unwrap_or_default();
    if !words(&process).iter().any(|word| word == "__stage") {
        // The number belongs to somebody else by now.
        out("it is gone already");
        return Ok(Exit::Pass);
    }
    let parent = process.stat().ok().and_then(|stat| Process::new(stat.ppid).ok());
    let keeper = parent.filter(|parent| words(parent).iter().any(|word| word == "stage"));
    let pid = keeper.map_or(number, |keeper| keeper.pid);
    kill(Pid::from_raw(pid), Signal::SIGTERM)
        .map_err(|source| CommandError::environment("cannot end the stage", source))?;
    let gone = poll::until(Pace::quick(DOWN), (), async || match Process::new(number) {
        Err(_) => ControlFlow::Break(()),
        Ok(_) => ControlFlow::Continue(()),
    });
    gone.await.map_err(|expired| CommandError::Environment {
        what: format!("the stage is still there after {:?}", expired.within),
        source: None,
        hint: Some(format!("its process is {stage_pid}")),
    })?;
    out("stopped");
    Ok(Exit::Pass)
}

fn description(args: &StageFileArg) -> Result<StageDescription, CommandError> {
    let file = if args.file.is_dir() { args.file.join("stage.json") } else { args.file.clone() };
    standing(&file)
}

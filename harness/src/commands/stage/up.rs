//! `harness stage up`: a stage in the foreground, with everything a person needs to try it by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use manuel_client::Session;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use verdict::domain::lambda::LambdaOptions;
use verdict::domain::stage_recipe::PutUp;
use verdict::domain::stage_recipe::StageRecipeFile;

use super::EdgeArgs;
use super::RuntimeArgs;
use super::paste;
use super::start_failure;
use super::tour;
use crate::adapters::embedded_stage::clock;
use crate::adapters::lifeline::Lifeline;
use crate::adapters::provision;
use crate::adapters::provision::WantedUser;
use crate::adapters::stage_process::BackendChoice;
use crate::adapters::stage_process::StageProcess;
use crate::adapters::stage_process::StageRequest;
use crate::adapters::stage_process::StageState;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::EMBEDDED;
use crate::commands::stand::bad_stage;
use crate::commands::stand::embedded;
use crate::config::stage_names;
use crate::config::stage_names::Named;

/// Arguments of `harness stage up`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct UpArgs {
    /// A built backend, instead of building the workspace's; with --runtime lambda, the folder of the functions.
    #[arg(long, value_name = "PATH")]
    backend_bin: Option<PathBuf>,
    /// Seeded defects to switch on (builds `server-defects` unless --backend-bin is given).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    defects: Vec<String>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    #[command(flatten)]
    edge: EdgeArgs,
    #[command(flatten)]
    by_hand: ByHand,
    #[command(flatten)]
    planes: PlaneArgs,
    /// What to put up: the name of a recipe in scenarios/stages/, or its file.
    #[arg(long, value_name = "NAME|FILE", default_value = "embedded")]
    stage: String,
    /// Print the description and the tokens as one line of JSON, and nothing else.
    #[arg(long)]
    json: bool,
    /// Seed of ids and model latencies.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Further users `user-001`…, each with the router, coffee and e-bike manuals.
    #[arg(long, value_name = "N", default_value_t = 0)]
    users: u16,
    /// As the features put it up for themselves: small quotas, an allowlist, no users.
    #[arg(long)]
    for_features: bool,
    /// Where logs and stage.json go (default: `reports/stage-<time>`).
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// A variable of the backend that differs from what the stage sets; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
}

/// Where faults can be put.
#[derive(Clone, Debug, clap::Args)]
struct PlaneArgs {
    /// Put a fault proxy before each service that the backend calls, for `harness fault proxy`.
    #[arg(long)]
    wire_faults: bool,
    /// The same as --stage as-remote: met as a deployed stage is, over TLS at an address of its own, the edge in front.
    #[arg(long)]
    as_remote: bool,
}

/// A backend in a debugger.
#[derive(Clone, Debug, clap::Args)]
struct ByHand {
    /// Start no backend: write its variables to --env-file and wait up to 10 min until it answers.
    #[arg(long, requires = "env_file", conflicts_with_all = ["backend_bin", "defects"])]
    no_backend: bool,
    /// Where the variables go (mode 0600).
    #[arg(long, value_name = "FILE", requires = "no_backend")]
    env_file: Option<PathBuf>,
}

/// Starts the stage, prints how to use it, and keeps it until Ctrl-C, SIGTERM or the end of a piped standard input.
pub(super) async fn run(args: UpArgs, ctx: &Context) -> Result<Exit, CommandError> {
    let began = Instant::now();
    let mut foreground = Lifeline::foreground()
        .map_err(|source| CommandError::environment("cannot wait for Ctrl-C", source))?;
    let request = request(&args, ctx)?;
    let cancel = async {
        foreground.ended().await;
    };
    let stage = StageProcess::start_until(request, &ctx.exe, cancel, note).await;
    let stage = stage.map_err(start_failure)?;
    let total_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let ready_ms = total_ms.saturating_sub(stage.build_ms());
    let sessions = provision::sign_in_all(stage.description()).await;
    let outcome = match sessions {
        Ok(sessions) => {
            print(&args, &stage, &sessions, ready_ms);
            if !args.json {
                show_tour(&stage, &sessions, &ctx.root);
                out(&format!("ready in {ready_ms} ms; Ctrl-C stops it"));
            }
            wait(&mut foreground, stage.events()).await
        }
        Err(source) => Err(CommandError::environment("cannot sign the stage's users in", source)),
    };
    let stopped = stage.stop().await;
    outcome?;
    stopped.map_err(|source| CommandError::environment("the stage did not stop", source))?;
    if !args.json {
        note("stopped");
    }
    Ok(Exit::Pass)
}

/// Ctrl-C is the normal end; anything else is not.
async fn wait(
    foreground: &mut Lifeline,
    mut events: watch::Receiver<StageState>,
) -> Result<(), CommandError> {
    let failed = |what: String| Err(CommandError::Environment { what, source: None, hint: None });
    let state = tokio::select! {
        _ = foreground.ended() => return Ok(()),
        state = events.wait_for(|state| state.backend_exited.is_some() || state.lost.is_some()) => {
            state.map(|state| state.clone()).unwrap_or_default()
        }
    };
    match (state.backend_exited, state.lost) {
        (Some(exit), _) => failed(format!(
            "the backend ended by itself ({exit}); the last lines of its log:\n  | {}",
            exit.last_lines.join("\n  | ")
        )),
        (None, Some(lost)) => {
            failed(format!("the stage process is gone; last heard: {}", lost.last_line))
        }
        (None, None) => failed("the stage process is gone".to_owned()),
    }
}

fn request(args: &UpArgs, ctx: &Context) -> Result<StageRequest, CommandError> {
    let lambda = args.runtime.lambda(LambdaOptions::default())?;
    let stage = if args.planes.as_remote { "as-remote" } else { &args.stage };
    let recipe = recipe(ctx, stage)?;
    let run_dir = run_dir(args.run_dir.as_deref(), &ctx.root)?;
    let mut request = StageRequest::new(ctx.root.clone(), run_dir, args.seed);
    request.lambda = lambda;
    request.edge = args.edge.choice();
    request.wire_faults = args.planes.wire_faults;
    if let Some(binary) = &args.backend_bin {
        request.backend = BackendChoice::Binary(absolute(binary)?);
    }
    if let (true, Some(file)) = (args.by_hand.no_backend, &args.by_hand.env_file) {
        request.backend = BackendChoice::None { env_file: absolute(file)? };
    }
    request.users.extend((1..=args.users).map(|ordinal| WantedUser {
        username: format!("user-{ordinal:03}"),
        manuals: ["router", "coffee", "ebike"].map(str::to_owned).to_vec(),
    }));
    request.env = args.variables.iter().cloned().collect();
    if args.for_features {
        let users = std::mem::take(&mut request.users);
        request = request.for_features();
        // Those who were asked for by number stay.
        request.users.extend(users.into_iter().filter(|user| user.username.starts_with("user-")));
    }
    if recipe.put_up == PutUp::AsRemote {
        // A deployed stage is met through its edge.
        request.edge.get_or_insert_default();
    }
    Ok(request.on(recipe).with_defects(args.defects.clone()))
}

fn recipe(ctx: &Context, stage: &str) -> Result<StageRecipeFile, CommandError> {
    if stage == EMBEDDED {
        return Ok(embedded());
    }
    match stage_names::look(&ctx.root, stage).map_err(bad_stage)? {
        Named::Recipe(recipe) => Ok(recipe),
        Named::Standing(file, _) => Err(CommandError::usage(
            format!("{} describes a stage that stands", file.display()),
            "`harness stage check` looks at it".to_owned(),
        )),
    }
}

fn run_dir(wanted: Option<&Path>, root: &Path) -> Result<PathBuf, CommandError> {
    let dir = match wanted {
        Some(dir) => absolute(dir)?,
        None => {
            root.join("reports").join(format!("stage-{}-{}", clock::unix_ms(), std::process::id()))
        }
    };
    std::fs::create_dir_all(&dir).map_err(|source| {
        CommandError::environment(format!("cannot make the folder {}", dir.display()), source)
    })?;
    Ok(dir)
}

fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    std::path::absolute(path).map_err(|source| {
        CommandError::environment(format!("cannot resolve {}", path.display()), source)
    })
}

/// `NAME=VALUE`.
pub(in crate::commands) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected NAME=VALUE".to_owned()),
    }
}

fn print(args: &UpArgs, stage: &StageProcess, sessions: &BTreeMap<String, Session>, ready_ms: u64) {
    if args.json {
        let tokens: BTreeMap<&String, serde_json::Value> = sessions
            .iter()
            .map(|(user, session)| {
                let token = session.access_token.expose();
                (user, json!({ "access_token": token, "expires_in_s": session.expires_in }))
            })
            .collect();
        let line = json!({
            "stage": stage.description(),
            "stage_file": stage.stage_file(),
            "tokens": tokens,
            "ready_ms": ready_ms,
        });
        out(&line.to_string());
        return;
    }
    let time = clock::signing_time(stage.description().admin.clock_file.as_deref().map(Path::new));
    for line in paste::lines(stage.description(), sessions, time) {
        out(&line);
    }
    out(&format!("stage file: {}", stage.stage_file().display()));
}

/// Every route, one call each: as lines to read, and as a script to run.
fn show_tour(stage: &StageProcess, sessions: &BTreeMap<String, Session>, root: &Path) {
    let Some(session) = sessions.values().next() else { return };
    let Some(folder) = stage.stage_file().parent() else { return };
    match tour::write(stage.description(), session, paste::QUESTION, (folder, root)) {
        Ok(Some(script)) => {
            out(&format!("every route, one call each: bash {}", script.display()));
            for call in tour::calls() {
                out(&call);
            }
            out("");
        }
        Ok(None) => out("the stage keeps its signing key elsewhere: no calls that are signed"),
        Err(error) => note(&format!("no script of all routes: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Cli {
        #[command(flatten)]
        up: UpArgs,
    }

    fn context() -> (tempfile::TempDir, Context) {
        let root = tempfile::tempdir().unwrap();
        let ctx = Context { root: root.path().to_path_buf(), exe: "harness".into() };
        (root, ctx)
    }

    #[test]
    fn arguments_become_a_request() {
        let (_root, ctx) = context();
        let cli = Cli::parse_from([
            "up",
            "--defects",
            "a,b",
            "--users",
            "2",
            "--seed",
            "9",
            "--env",
            "DAILY_QUOTA=3",
        ]);
        let request = request(&cli.up, &ctx).unwrap();
        assert_eq!(request.backend, BackendChoice::Build { defects: true });
        assert_eq!(request.defects, ["a", "b"]);
        assert_eq!(request.users.last().unwrap().username, "user-002");
        assert_eq!((request.seed, request.env["DAILY_QUOTA"].as_str()), (9, "3"));
        assert!(request.run_dir.is_dir());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for wrong in [
            vec!["up", "--no-backend"],
            vec!["up", "--env-file", "f"],
            vec!["up", "--no-backend", "--env-file", "f", "--backend-bin", "b"],
            vec!["up", "--env", "=x"],
            vec!["up", "--users", "-1"],
        ] {
            assert!(Cli::try_parse_from(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_environment_error() {
        let (root, ctx) = context();
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let path = file.join("run");
        let cli = Cli::parse_from(["up", "--run-dir", path.to_str().unwrap()]);
        let error = request(&cli.up, &ctx).unwrap_err();
        assert_eq!(error.exit(), Exit::Environment);
        assert!(error.to_string().contains("cannot make the folder"), "{error}");
    }
}

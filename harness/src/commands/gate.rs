//! `harness gate`: one decision for a pipeline. Runs the suites that a policy names, or takes runs that were made before,
//! and decides: promote, hold, or cannot tell.

mod publish;
mod runs;
mod write;

use std::path::PathBuf;
use std::time::Duration;

use verdict::domain::decision::DecisionFile;
use verdict::domain::decision::Outcome;
use verdict::judge::gate;
use verdict::judge::gate::is_promotable;

use crate::adapters::interrupts::Interrupts;
use crate::adapters::run_dir::RunDir;
use crate::adapters::system_clock;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;
use crate::commands::stand::report_folder;
use crate::commands::stand::stage_name;
use crate::config::policy_file;
use crate::config::policy_file::PolicyFile;
use crate::config::policy_file::PolicyFileError;
use crate::report::gate as report;
use publish::Destination;
use runs::Suites;

/// Arguments of `harness gate`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The policy: a file, or a name in scenarios/gates/.
    #[arg(long, value_name = "FILE|NAME")]
    policy: PathBuf,
    /// The stage: a name in scenarios/stages/, or a file [default: embedded].
    #[arg(long, value_name = "NAME|FILE", default_value = "embedded")]
    stage: String,
    /// The commit that is to be promoted [default: the one that this program was built from].
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
    /// Judge runs that were made before, in the folders DIR/SUITE, and run nothing.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Seeded defects to switch on, to see that the gate holds them (embedded stages only; never promotes).
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "from")]
    defects: Vec<String>,
    /// Where the decision and the runs go [default: reports/gate-…].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Also write the decision to `s3://BUCKET/KEY` (region and endpoint as the AWS SDK finds them).
    #[arg(long, value_name = "URL")]
    publish: Option<Destination>,
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let file = policy_file::read(&ctx.root, &args.policy).map_err(bad_policy)?;
    let commit = args.commit.clone().unwrap_or_else(|| env!("HARNESS_COMMIT").to_owned());
    let (stage, puts_up) = stage_name(ctx, &args.stage)?;
    let allowed = &file.policy.raw().stages;
    if !allowed.contains(&stage) {
        return Err(CommandError::usage(
            format!("the policy `{}` does not decide for stage `{stage}`", file.name),
            format!("it decides for: {}", allowed.join(", ")),
        ));
    }
    if !is_promotable(&commit) {
        note(&format!("warning: {commit} never promotes: nobody can tell what it was made of"));
    }
    let dir = folder(&args, &file, ctx)?;
    let interrupts = Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
    let about = gate::Context {
        commit,
        stage,
        policy: file.name.clone(),
        policy_sha256: file.sha256.clone(),
        harness_commit: env!("HARNESS_COMMIT").to_owned(),
        now_unix_s: system_clock::unix_now_s(),
        today: system_clock::today(),
    };
    let suites = Suites { policy: &file.policy, about: &about, dir: &dir, ctx };
    let runs = if let Some(from) = &args.from {
        suites.from(from)
    } else {
        suites.run((&args.stage, puts_up), &args.defects, &interrupts).await?
    };
    // Ages count from the decision, not from before the suites ran.
    let about = gate::Context { now_unix_s: system_clock::unix_now_s(), ..about.clone() };
    let decision = gate::decide(&file.policy, &about, &runs);
    let json = write::write(&dir, &file, &decision)?;
    if let Some(destination) = &args.publish {
        publish::publish(destination, &json).await?;
        note(&format!("published: {destination}"));
    }
    out(&report::terminal(&decision));
    note(&format!("decision: {}", dir.file("decision.json").display()));
    Ok(exit(&decision))
}

fn exit(decision: &DecisionFile) -> Exit {
    match decision.decision {
        Outcome::Promote => Exit::Pass,
        Outcome::Hold => Exit::Fail,
        Outcome::CannotTell => Exit::Inconclusive,
    }
}

fn folder(args: &Args, file: &PolicyFile, ctx: &Context) -> Result<RunDir, CommandError> {
    let name = format!(
        "gate-{}-{}-{:04x}",
        file.name,
        system_clock::compact(),
        std::process::id() & 0xffff
    );
    report_folder(args.run_dir.as_deref(), &name, ctx)
}

fn bad_policy(error: PolicyFileError) -> CommandError {
    match error {
        PolicyFileError::Bad(bad) => CommandError::BadFile(miette::Report::new(*bad)),
        PolicyFileError::Read { ref source, .. } => {
            let hint = format!("{source}; policies are in {}/", policy_file::FOLDER);
            CommandError::usage(error.to_string(), hint)
        }
        PolicyFileError::Features(source) => {
            CommandError::usage(format!("the policy speaks of features: {source}"), None)
        }
    }
}

/// What is left of a span.
fn left(span: Duration, spent: Duration) -> Duration {
    span.saturating_sub(spent)
}

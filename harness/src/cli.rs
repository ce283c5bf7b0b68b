//! The command line: parse, find the project, run the command, print what went wrong once, and turn the end into an exit
//! code.

pub mod exit;
pub mod output;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::Parser;
use clap::Subcommand;
use clap::error::ErrorKind;

use crate::commands;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::config::root;
use exit::Exit;
use output::note;
use output::out;

/// Verifies Manuel: offers load, watches promises, and ends in a verdict that a pipeline can stake a promotion on.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = exit::TABLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The project's root [default: found from here, then from where this was built].
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Offer a profile's load to a stage and judge what was seen.
    Load(commands::load::Args),
    /// Run the features against a stage and judge what was seen.
    Features(commands::features::Args),
    /// Let a stage's parts fail under load, and judge what became of each request and of the data.
    Chaos(commands::chaos::Args),
    /// Start a stage: embedded AWS and a backend with users and manuals.
    Stage(commands::stage::Args),
    /// Let a running stage's AWS fail by hand: in AWS's words, or on the wire.
    Fault(commands::fault::Args),
    /// Decide whether a build may be promoted: the suites of a policy, and one decision.
    Gate(commands::gate::Args),
    /// Switch each seeded defect of the backend on: does a run notice it?
    Selftest(commands::selftest::Args),
    /// Keep what a load run measured, and say whether a later one is slower.
    Baseline(commands::baseline::Args),
    /// Make one archive that every later step of a pipeline runs from.
    Bundle(commands::bundle::Args),
    /// Run the failing part of a run again.
    Replay(commands::replay::Args),
    /// Judge a run's evidence again: the same bytes on any machine.
    Judge(commands::judge::Args),
    /// Say what a code in a report means, and what to do about it.
    Explain(commands::explain::Args),
    /// Look at this machine: what is there of what the harness uses.
    Doctor,
    /// Print completions for a shell.
    Completions {
        /// Which.
        shell: clap_complete::Shell,
    },
    /// The stage process.
    #[command(name = "__stage", hide = true)]
    StageProcess,
    /// The guard of one program.
    #[command(name = "__guard", hide = true)]
    Guard(commands::guard::Args),
    /// LocalStack in its namespace.
    #[command(name = "__localstack", hide = true)]
    LocalStack(commands::localstack::Args),
    /// The load worker process.
    #[command(name = "__load-worker", hide = true)]
    LoadWorker,
    /// The features worker process.
    #[command(name = "__features-worker", hide = true)]
    FeaturesWorker,
}

/// Runs the process from its arguments to its exit code.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return parse_failed(&error),
    };
    match run(cli).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            report(&error);
            error.exit().into()
        }
    }
}

fn parse_failed(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        out(text.to_string().trim_end());
        return Exit::Pass.into();
    }
    note(text.to_string().trim_end());
    Exit::Usage.into()
}

async fn run(cli: Cli) -> Result<Exit, CommandError> {
    let exe = std::env::current_exe()
        .map_err(|source| CommandError::environment("cannot tell where this program is", source))?;
    // A worker and a guard are told everything: they need no project.
    let command = cli.command;
    let root = match (cli.root, &command) {
        (Some(root), _) => root,
        (
            None,
            Command::StageProcess
            | Command::Explain(_)
            | Command::Completions { .. }
            | Command::Guard(_)
            | Command::LocalStack(_)
            | Command::LoadWorker
            | Command::FeaturesWorker,
        ) => PathBuf::new(),
        (None, _) => root::find(&exe).map_err(|error| {
            CommandError::usage(
                error.to_string(),
                "give the project's folder with --root".to_owned(),
            )
        })?,
    };
    let ctx = Context { root, exe };
    match command {
        Command::Load(args) => commands::load::run(args, &ctx).await,
        Command::Features(args) => commands::features::run(args, &ctx).await,
        Command::Chaos(args) => commands::chaos::run(args, &ctx).await,
        Command::Stage(args) => commands::stage::run(args, &ctx).await,
        Command::Fault(args) => commands::fault::run(args, &ctx).await,
        Command::Gate(args) => commands::gate::run(args, &ctx).await,
        Command::Selftest(args) => commands::selftest::run(args, &ctx).await,
        Command::Baseline(args) => commands::baseline::run(args, &ctx),
        Command::Bundle(args) => commands::bundle::run(args, &ctx).await,
        Command::Replay(args) => commands::replay::run(args, &ctx).await,
        Command::Judge(args) => commands::judge::run(&args, &ctx),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Doctor => commands::doctor::run(&ctx).await,
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "harness", &mut text);
            out(String::from_utf8_lossy(&text).trim_end());
            Ok(Exit::Pass)
        }
        Command::StageProcess => commands::stage::process(&ctx).await,
        Command::LocalStack(args) => commands::localstack::run(args, &ctx).await,
        Command::Guard(args) => commands::guard::run(args, &ctx).await,
        Command::FeaturesWorker => Ok(commands::features::worker().await),
        Command::LoadWorker => Ok(commands::load::worker().await),
    }
}

/// What went wrong, its causes, and what to do about it.
fn report(error: &CommandError) {
    match error {
        CommandError::BadFile(report) => note(&format!("{report:?}")),
        CommandError::Interrupted => note("interrupted; everything that was started is stopped"),
        CommandError::InterruptedTwice => {
            note("stopping; what was started ends by itself within 4 s");
        }
        CommandError::Usage { message, hint } => {
            note(&format!("error: {message}"));
            say_hint(hint.as_deref());
        }
        CommandError::Environment { what, source, hint } => {
            note(&format!("error: {what}"));
            let mut cause: Option<&(dyn Error + 'static)> =
                source.as_deref().map(|source| source as &(dyn Error + 'static));
            while let Some(error) = cause {
                note(&format!("  because: {error}"));
                cause = error.source();
            }
            say_hint(hint.as_deref());
        }
    }
}

fn say_hint(hint: Option<&str>) {
    if let Some(hint) = hint {
        note(&format!("  hint: {hint}"));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::Parser as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The words of a command as a shell takes them apart: quotes, and the end at a comment.
    fn words(command: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in command.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '#') if word.is_none() => break,
                (None, ' ') => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn every_command_in_the_documents_is_one() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let texts = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
        let mut tried = 0;
        for path in texts.chain([root.join("README.md"), root.join("ARCHITECTURE.md")]) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, start) in text.match_indices("cargo run -p harness -- ") {
                let rest = &text[at + start.len()..];
                let end = rest.find(['`', '\n']).unwrap_or(rest.len());
                let given = words(&rest[..end].replace('\\', ""));
                let command = std::iter::once("harness".to_owned()).chain(given);
                if let Err(error) = Cli::try_parse_from(command)
                    && error.kind() != clap::error::ErrorKind::DisplayHelp
                {
                    panic!("{}: `{}`: {error}", path.display(), &rest[..end]);
                }
                tried += 1;
            }
        }
        assert!(tried > 30, "{tried} commands");
    }
}

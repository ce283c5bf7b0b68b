//! `harness selftest`: does the harness notice what it is for? Each seeded defect of the backend is switched on, and the runs
//! that should notice it are played until one fails. A kill is a Fail by a broken promise; a run that cannot tell, or that
//! could not work, is none. Beside it, a clean pass of the tier must pass, and one without its faults must not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::timeout;
use verdict::domain::chaos::Tier;
use verdict::domain::verdict::Verdict;
use verdict::judge::gate::RunResult;

use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::run_dir::RunDir;
use crate::adapters::run_files;
use crate::adapters::system_clock;
use crate::adapters::system_clock::Stopwatch;
use crate::cli::output::note;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::chaos::tier;
use crate::commands::error::CommandError;
use crate::commands::stand::report_folder;
use crate::commands::stand::run_folder;
use crate::config::root;
use crate::config::selftest_file;
use crate::config::selftest_file::Candidate;
use crate::config::selftest_file::SelftestFileError;

/// The longest that one run may take: a tier of chaos, or a cargo build before it.
const RUN: Duration = Duration::from_mins(20);
/// What is known so far.
const MATRIX: &str = "matrix.json";

/// Arguments of `harness selftest`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only these defects [default: all of scenarios/selftest.toml].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    defects: Vec<String>,
    /// Tier of the clean pass and of the one without faults.
    #[arg(long, value_name = "TIER", default_value = "smoke", value_parser = tier)]
    tier: Tier,
    /// Only clean passes of the tier, this many, each with another seed: all should pass, and none may fail.
    #[arg(long, value_name = "N")]
    clean: Option<u64>,
    /// Go on in the folder of a run that was cut off: what is known there is not played again.
    #[arg(long, value_name = "DIR", conflicts_with = "run_dir")]
    resume: Option<PathBuf>,
    /// Everything drawn is drawn from this.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the run's files go; it must not exist [default: reports/…].
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
}

/// `matrix.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Matrix {
    harness_commit: String,
    tier: String,
    /// Defect → what was tried, in order; the last one killed it, if any did.
    defects: BTreeMap<String, Vec<Tried>>,
    /// Passes of the tier: `clean-1`, `faults-off` …
    passes: BTreeMap<String, String>,
}

/// One run that should have noticed a defect.
#[derive(Debug, Serialize, Deserialize)]
struct Tried {
    /// `chaos SCENARIO`, `features FILE`, `load PROFILE`.
    run: String,
    /// `pass`, `fail`, `inconclusive`, or why there is no verdict.
    outcome: String,
    /// The promise that it saw broken.
    breach: Option<String>,
    seconds: u64,
}

impl Tried {
    fn killed(&self) -> bool {
        self.outcome == "fail" && self.breach.is_some()
    }
}

/// Runs the subcommand.
pub async fn run(args: Args, ctx: &Context) -> Result<Exit, CommandError> {
    let all = selftest_file::read(&ctx.root).map_err(bad)?;
    if let Some(unknown) = args.defects.iter().find(|name| !all.contains_key(*name)) {
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        let hint = format!("{} has: {}", selftest_file::FILE, known.join(", "));
        return Err(CommandError::usage(format!("no defect is called `{unknown}`"), hint));
    }
    let dir = if let Some(folder) = &args.resume {
        RunDir::open(folder.clone())
    } else {
        let name = format!("selftest-{}-{}", args.seed, system_clock::compact());
        report_folder(args.run_dir.as_deref(), &name, ctx)?
    };
    let interrupts = Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))?;
    let mut selftest = Selftest { matrix: known(&args, &dir)?, args, dir, ctx, interrupts };
    let outcome = selftest.play(&all).await;
    selftest.write()?;
    outcome?;
    Ok(selftest.conclude(&all))
}

fn bad(error: SelftestFileError) -> CommandError {
    match error {
        SelftestFileError::Bad(bad) => CommandError::BadFile(miette::Report::new(*bad)),
        SelftestFileError::Read(_) => CommandError::usage(crate::adapters::chain(&error), None),
    }
}

/// What an earlier run has found out.
fn known(args: &Args, dir: &RunDir) -> Result<Matrix, CommandError> {
    let fresh = || Matrix {
        harness_commit: env!("HARNESS_COMMIT").to_owned(),
        tier: args.tier.name().to_owned(),
        ..Matrix::default()
    };
    if args.resume.is_none() {
        return Ok(fresh());
    }
    let text = dir.read(MATRIX).map_err(run_folder)?;
    let matrix: Matrix = serde_json::from_str(&text).map_err(|error| {
        CommandError::usage(format!("{}: {error}", dir.file(MATRIX).display()), None)
    })?;
    if matrix.harness_commit == env!("HARNESS_COMMIT") {
        return Ok(matrix);
    }
    Err(CommandError::usage(
        format!("{} is of build {}", dir.path().display(), matrix.harness_commit),
        "another build may notice other things: begin anew".to_owned(),
    ))
}

struct Selftest<'a> {
    args: Args,
    dir: RunDir,
    ctx: &'a Context,
    interrupts: Interrupts,
    matrix: Matrix,
}

impl Selftest<'_> {
    async fn play(&mut self, all: &selftest_file::Defects) -> Result<(), CommandError> {
        if let Some(clean) = self.args.clean {
            for n in 1..=clean {
                self.pass(&format!("clean-{n}"), self.args.seed + n, "on").await?;
            }
            return Ok(());
        }
        let only = self.args.defects.clone();
        let wanted = all.iter().filter(|(name, _)| only.is_empty() || only.contains(name));
        for (defect, candidates) in wanted {
            let tried = self.matrix.defects.get(defect);
            if tried.is_some_and(|tried| tried.iter().any(Tried::killed)) {
                continue;
            }
            self.defect(defect, candidates).await?;
            self.write()?;
        }
        if only.is_empty() {
            self.pass("clean-1", self.args.seed, "on").await?;
            self.pass("faults-off", self.args.seed, "off").await?;
        }
        Ok(())
    }

    /// Plays the candidates until one kills the defect.
    async fn defect(&mut self, defect: &str, candidates: &[Candidate]) -> Result<(), CommandError> {
        let mut all = Vec::new();
        for (n, candidate) in candidates.iter().enumerate() {
            let (kind, what) = match candidate {
                Candidate::Chaos(name) => ("chaos", vec!["--scenario", name.as_str()]),
                Candidate::Features(file) => ("features", vec![file.as_str(), "--fail-fast"]),
                Candidate::Load(profile) => ("load", vec!["--profile", profile.as_str()]),
            };
            let mut words = vec![kind, "--defects", defect];
            words.extend(what);
            let tried = self.one(&format!("{defect}-{}", n + 1), words, &candidate.text()).await?;
            let killed = tried.killed();
            all.push(tried);
            if killed {
                break;
            }
        }
        let last = all.last();
        note(&match last.filter(|last| last.killed()) {
            Some(last) => format!(
                "killed      {defect:34} by {} ({}), {} s",
                last.run,
                last.breach.as_deref().unwrap_or_default(),
                last.seconds
            ),
            None => format!("NOT KILLED  {defect:34}"),
        });
        self.matrix.defects.insert(defect.to_owned(), all);
        Ok(())
    }

    /// One pass of the tier on a build without defects.
    async fn pass(&mut self, name: &str, seed: u64, faults: &str) -> Result<(), CommandError> {
        if self.matrix.passes.contains_key(name) {
            return Ok(());
        }
        let seed = seed.to_string();
        let tier = self.args.tier.name();
        let words = vec!["chaos", "--tier", tier, "--faults", faults, "--seed", &seed];
        let tried = self.one(name, words, &format!("chaos --tier {tier}")).await?;
        note(&format!("{name:12} {} {}, {} s", tried.run, tried.outcome, tried.seconds));
        self.matrix.passes.insert(name.to_owned(), tried.outcome);
        self.write()
    }

    async fn one(&self, name: &str, words: Vec<&str>, run: &str) -> Result<Tried, CommandError> {
        let clock = Stopwatch::start();
        let folder = self.dir.file(name);
        if folder.exists() {
            // Of a run that was cut off.
            std::fs::remove_dir_all(&folder)
                .map_err(|source| CommandError::environment("cannot begin again", source))?;
        }
        let mut args: Vec<OsString> = vec!["--root".into(), self.ctx.root.clone().into()];
        args.extend(words.into_iter().map(OsString::from));
        args.extend(["--run-dir".into(), folder.clone().into()]);
        let mut process = Guarded::start(GuardedCommand {
            harness: self.ctx.exe.clone(),
            program: self.ctx.exe.clone(),
            args,
            env: root::whole_environment(),
            cwd: self.ctx.root.clone(),
            log: self.dir.file(&format!("{name}.log")),
            show_stderr: false,
        })
        .await
        .map_err(|source| CommandError::environment("a run cannot be started", source))?;
        let ended = tokio::select! {
            ended = timeout(RUN, process.exited()) => ended.is_ok(),
            () = self.interrupts.first().cancelled() => {
                process.stop().await;
                return Err(CommandError::Interrupted);
            }
        };
        process.stop().await;
        let (outcome, breach) = if ended {
            told(&run_files::read(&folder))
        } else {
            (format!("it did not end within {} s", RUN.as_secs()), None)
        };
        Ok(Tried { run: run.to_owned(), outcome, breach, seconds: clock.us() / 1_000_000 })
    }

    fn write(&self) -> Result<(), CommandError> {
        let json = serde_json::to_vec_pretty(&self.matrix)
            .map_err(|source| CommandError::environment("cannot write the matrix", source))?;
        self.dir.write(MATRIX, &json).map_err(run_folder)?;
        self.dir.write("matrix.md", table(&self.matrix).as_bytes()).map_err(run_folder)
    }

    /// The last lines, and whether the harness noticed everything.
    fn conclude(&self, all: &selftest_file::Defects) -> Exit {
        let tried = &self.matrix.defects;
        let killed = tried.values().filter(|tried| tried.iter().any(Tried::killed)).count();
        let passes = &self.matrix.passes;
        let count = |word: &str| {
            let clean = passes.iter().filter(|(name, _)| name.starts_with("clean"));
            clean.filter(|(_, outcome)| *outcome == word).count()
        };
        if self.args.clean.is_none() {
            let wanted =
                if self.args.defects.is_empty() { all.len() } else { self.args.defects.len() };
            out(&format!("killed {killed} of {wanted}"));
        }
        if !passes.is_empty() {
            out(&format!(
                "clean passes of tier {}: {} pass, {} fail, {} inconclusive",
                self.matrix.tier,
                count("pass"),
                count("fail"),
                count("inconclusive")
            ));
        }
        let off = passes.get("faults-off").is_none_or(|outcome| outcome == "inconclusive");
        if let Some(outcome) = passes.get("faults-off") {
            out(&format!("without faults: {outcome}"));
        }
        note(&format!("matrix: {}", self.dir.file("matrix.md").display()));
        let alive = tried.values().any(|tried| !tried.iter().any(Tried::killed));
        if alive || !off || count("fail") > 0 { Exit::Fail } else { Exit::Pass }
    }
}

fn told(result: &RunResult) -> (String, Option<String>) {
    match result {
        RunResult::Judged { verdict, .. } => {
            let first = match &verdict.judgement {
                Verdict::Fail { breaches } => breaches.as_slice().first(),
                Verdict::Pass | Verdict::Inconclusive { .. } => None,
            };
            let word = verdict.judgement.word().to_owned();
            (word, first.map(|breach| breach.objective.clone()))
        }
        RunResult::Lost(reason) => {
            (format!("no verdict ({}): {}", reason.code, reason.detail), None)
        }
    }
}

fn table(matrix: &Matrix) -> String {
    let mut text = format!(
        "# Which run notices which defect\n\nBuild `{}`.\n\n| defect | killed by | promise | s | before it, in vain |\n|---|---|---|--:|---|\n",
        matrix.harness_commit
    );
    for (defect, tried) in &matrix.defects {
        let killer = tried.iter().find(|tried| tried.killed());
        let vain: Vec<String> = tried
            .iter()
            .filter(|tried| !tried.killed())
            .map(|tried| format!("`{}` {}", tried.run, tried.outcome))
            .collect();
        let (run, breach, seconds) = killer.map_or_else(
            || ("**nothing**".to_owned(), String::new(), String::new()),
            |killer| {
                let breach = killer.breach.clone().unwrap_or_default();
                (format!("`{}`", killer.run), format!("`{breach}`"), killer.seconds.to_string())
            },
        );
        text =
            format!("{text}| `{defect}` | {run} | {breach} | {seconds} | {} |\n", vain.join("; "));
    }
    for (name, outcome) in &matrix.passes {
        text = format!("{text}\n`{name}`: {outcome}\n");
    }
    text
}

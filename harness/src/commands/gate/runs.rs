//! The runs that a decision rests on: suites as processes of their own, each bounded, or folders of runs that were made
//! before. A suite that crashes, hangs or says nothing is a run without a verdict, and never ends the gate.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use verdict::domain::decision::Reason;
use verdict::domain::gate::Policy;
use verdict::domain::gate::RawSuite;
use verdict::domain::gate::SuiteKind;
use verdict::domain::stage::Runtime;
use verdict::judge::gate;
use verdict::judge::gate::Run;
use verdict::judge::gate::RunResult;
use verdict::judge::gate::may_try_again;

use super::left;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::ProgramExit;
use crate::adapters::guard::last_lines;
use crate::adapters::interrupts::Interrupts;
use crate::adapters::run_dir::RunDir;
use crate::adapters::run_files;
use crate::adapters::system_clock::Stopwatch;
use crate::cli::output::note;
use crate::commands::Context;
use crate::commands::error::CommandError;
use crate::commands::stand::EMBEDDED;
use crate::config::root;

/// With less than this left of the budget, nothing is begun.
const WORTH_BEGINNING: Duration = Duration::from_secs(5);
/// Lines of a suite's log that a reason shows.
const LAST_LINES: usize = 3;

/// The suites of a policy, on their way to runs.
#[derive(Debug)]
pub(super) struct Suites<'a> {
    pub(super) policy: &'a Policy,
    pub(super) about: &'a gate::Context,
    pub(super) dir: &'a RunDir,
    pub(super) ctx: &'a Context,
}

impl Suites<'_> {
    /// Runs that were made before: `<from>/<suite>`, and `<suite>.2` and so on where it was tried again.
    pub(super) fn from(&self, from: &Path) -> Vec<Vec<Run>> {
        let of = |suite: &RawSuite| {
            let folders = (1..=suite.attempts).map(|attempt| folder(suite, attempt));
            let all: Vec<Run> = folders
                .enumerate()
                .filter(|(i, folder)| *i == 0 || from.join(folder).exists())
                .map(|(_, folder)| Run { result: run_files::read(&from.join(&folder)), folder })
                .collect();
            all
        };
        self.policy.raw().suites.iter().map(of).collect()
    }

    /// Runs every suite within the budget of the policy.
    pub(super) async fn run(
        &self,
        (stage, puts_up): (&str, bool),
        defects: &[String],
        interrupts: &Interrupts,
    ) -> Result<Vec<Vec<Run>>, CommandError> {
        let clock = Stopwatch::start();
        let budget = Duration::from_secs(u64::from(self.policy.raw().budget_s));
        let mut all = Vec::new();
        for suite in &self.policy.raw().suites {
            let mut runs: Vec<Run> = Vec::new();
            loop {
                let attempt = u32::try_from(runs.len()).unwrap_or(u32::MAX).saturating_add(1);
                let remaining = left(budget, Duration::from_micros(clock.us()));
                let one = One { suite, attempt, stage, puts_up, defects };
                let run = self.one(&one, remaining, interrupts).await?;
                runs.push(run);
                if !may_try_again(self.policy, suite, self.about, &runs) {
                    break;
                }
                note(&format!(
                    "{}: could not tell; one more attempt, with another seed",
                    suite.name
                ));
            }
            all.push(runs);
        }
        Ok(all)
    }

    async fn one(
        &self,
        one: &One<'_>,
        remaining: Duration,
        interrupts: &Interrupts,
    ) -> Result<Run, CommandError> {
        let folder = folder(one.suite, one.attempt);
        let lost = |code: &str, detail: String| Run {
            folder: folder.clone(),
            result: RunResult::Lost(Reason { code: code.to_owned(), detail }),
        };
        if remaining < WORTH_BEGINNING {
            let detail = "the budget of the policy is spent".to_owned();
            return Ok(lost("over_time", detail));
        }
        let within = remaining.min(Duration::from_secs(u64::from(one.suite.timeout_s)));
        note(&format!("{}: running, for {} s at most", one.suite.name, within.as_secs()));
        let log = self.dir.file(&format!("{folder}.log"));
        let args = one.arguments(&self.dir.file(&folder), &self.about.commit);
        let started = self.start(args, &log).await;
        let mut process = match started {
            Ok(process) => process,
            Err(detail) => return Ok(lost("crashed", detail)),
        };
        let ended = tokio::select! {
            ended = timeout(within, process.exited()) => ended,
            () = interrupts.first().cancelled() => {
                process.stop().await;
                return Err(CommandError::Interrupted);
            }
        };
        let exit = match ended {
            Ok(exit) => exit,
            Err(_elapsed) => {
                process.stop().await;
                let detail =
                    format!("it did not end within {} s and was stopped", within.as_secs());
                return Ok(lost("over_time", detail));
            }
        };
        process.stop().await;
        let result = match run_files::read(&self.dir.file(&folder)) {
            RunResult::Lost(reason) if reason.code == "missing" => {
                RunResult::Lost(no_verdict(&exit, &log))
            }
            result @ (RunResult::Judged { .. } | RunResult::Lost(_)) => result,
        };
        let run = Run { folder, result };
        note(&format!("{}: {}", one.suite.name, told(&run)));
        Ok(run)
    }

    async fn start(&self, args: Vec<OsString>, log: &Path) -> Result<Guarded, String> {
        Guarded::start(GuardedCommand {
            harness: self.ctx.exe.clone(),
            program: self.ctx.exe.clone(),
            args: [OsString::from("--root"), self.ctx.root.clone().into()]
                .into_iter()
                .chain(args)
                .collect(),
            env: root::whole_environment(),
            cwd: self.ctx.root.clone(),
            log: log.to_path_buf(),
            show_stderr: false,
        })
        .await
        .map_err(|error| format!("it cannot be started: {error}"))
    }
}

/// One attempt at a suite.
#[derive(Debug)]
struct One<'a> {
    suite: &'a RawSuite,
    attempt: u32,
    stage: &'a str,
    /// The stage is put up for each run.
    puts_up: bool,
    defects: &'a [String],
}

impl One<'_> {
    fn arguments(&self, run_dir: &Path, commit: &str) -> Vec<OsString> {
        let Self { suite, attempt, stage, puts_up, defects } = self;
        let seed = suite.seed + u64::from(attempt - 1);
        let mut words: Vec<String> = vec![suite.kind.name().to_owned()];
        let mut option = |name: &str, value: &str| {
            words.extend([format!("--{name}"), value.to_owned()]);
        };
        option("seed", &seed.to_string());
        option("run-dir", &run_dir.display().to_string());
        option("expect-commit", commit);
        if let Some(profile) = &suite.profile {
            option("profile", profile);
        }
        if let Some(tier) = suite.tier {
            option("tier", tier.name());
        }
        if let Some(tags) = &suite.tags {
            option("tags", tags);
        }
        // A stage that stands has its runtime and its edge, or not: the verdict says which.
        if *puts_up {
            if suite.runtime == Runtime::Lambda {
                option("runtime", "lambda");
            }
            if !defects.is_empty() {
                option("defects", &defects.join(","));
            }
            if suite.edge {
                words.push("--edge".to_owned());
            }
        }
        if *stage != EMBEDDED {
            words.extend(["--stage".to_owned(), (*stage).to_owned()]);
        }
        if suite.kind == SuiteKind::Features {
            words.extend(suite.places.iter().cloned());
        }
        words.into_iter().map(OsString::from).collect()
    }
}

fn folder(suite: &RawSuite, attempt: u32) -> String {
    if attempt == 1 { suite.name.clone() } else { format!("{}.{attempt}", suite.name) }
}

/// Why a suite that ended left no verdict.
fn no_verdict(exit: &ProgramExit, log: &Path) -> Reason {
    let said = last_lines(log, LAST_LINES).join(" | ");
    let code = match exit.code {
        Some(2) => "refused",
        Some(_) | None => "crashed",
    };
    let detail = format!("it ended without a verdict ({exit}); it said: {said}");
    Reason { code: code.to_owned(), detail }
}

fn told(run: &Run) -> String {
    match &run.result {
        RunResult::Judged { verdict, .. } => {
            let headline: String = verdict.headline.chars().take(160).collect();
            format!("{}: {headline}", verdict.judgement.word())
        }
        RunResult::Lost(reason) => format!("no verdict ({}): {}", reason.code, reason.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_becomes_a_command() {
        let suite: RawSuite = serde_json::from_str(
            r#"{"name": "f", "kind": "features", "seed": 7, "timeout_s": 9, "tags": "@a", "places": ["features"],
                "edge": true, "require": {"scenarios": 1}}"#,
        )
        .unwrap();
        let words = |stage: &str, attempt| {
            let puts_up = stage == "embedded";
            let one = One { suite: &suite, attempt, stage, puts_up, defects: &[] };
            let words = one.arguments(Path::new("/r/f"), "abc");
            words.into_iter().map(|w| w.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            words("embedded", 1),
            "features --seed 7 --run-dir /r/f --expect-commit abc --tags @a --edge features"
        );
        assert_eq!(
            words("staging", 2),
            "features --seed 8 --run-dir /r/f --expect-commit abc --tags @a --stage staging features"
        );
    }
}

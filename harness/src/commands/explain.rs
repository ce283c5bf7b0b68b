//! `harness explain CODE`: what a code in a report means, and what to do about it.

use verdict::domain::objective::parse::nearest;
use verdict::domain::rule::Rule;
use verdict::judge::chaos::CODES;
use verdict::judge::chaos::invariants::ALL;

use crate::cli::output::out;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// Arguments of `harness explain`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A code as reports have it (`isolation`, `generator_lagged`, `stale`, an exit code); all of them without one.
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// A code, what it means, and what to do.
type Entry = (&'static str, &'static str, &'static str);

/// Causes for which a run cannot tell (`verdict.json`).
const CAUSES: [Entry; 12] = [
    (
        "nothing_selected",
        "Nothing was put to the test: no scenario fits, or nothing was answered.",
        "Widen the selection; see what the stage skips with `harness stage check`.",
    ),
    (
        "generator_lagged",
        "The load generator did not keep its own schedule, so latencies are not the backend's.",
        "Run it on a machine with less to do; nothing is wrong with the build.",
    ),
    (
        "stage_saturated",
        "The emulators, not the backend, were out of breath while timing broke.",
        "Lower the rate, or run it on a larger machine.",
    ),
    (
        "too_few_samples",
        "The exact interval of a percentile does not lie on one side of its limit.",
        "Run longer: the report says how many samples would decide it.",
    ),
    (
        "baseline_unsteady",
        "There was no steady state to compare with.",
        "Look at the backend's log; is the stage healthy without any load?",
    ),
    (
        "target_lost",
        "The target vanished, or a step could not do its part.",
        "Look at stage.log and backend.log in the run's folder.",
    ),
    (
        "target_changed",
        "Another build answered than the one that is judged.",
        "Wait until the deployment is over; `--expect-commit` names the build.",
    ),
    ("interrupted", "Ctrl-C, or a signal.", "Run it again."),
    (
        "capability_missing",
        "The stage lacks what the plan needs, or what it declares did nothing.",
        "`harness stage check` says what the stage offers.",
    ),
    (
        "fault_never_fired",
        "The stimulus of a chaos scenario happened too rarely: what was seen says nothing about it.",
        "Does the load still make the call? `harness chaos --list`; the run's summary.md counts hits by fault.",
    ),
    (
        "faults_astray",
        "Faults hit calls that their seed leaves alone: the injector, not the backend, is at fault.",
        "Keep the run's folder: this is a defect of the harness.",
    ),
    (
        "not_comparable",
        "What was measured cannot stand for what is judged: another baseline, or a build with seeded defects.",
        "Judge the build that is to be promoted.",
    ),
];

/// Why a gate does not promote (`decision.json`).
const REASONS: [Entry; 16] = [
    (
        "broken_promise",
        "A run of this build on this stage saw a promise broken.",
        "The breach names the command that shows it again.",
    ),
    (
        "not_executed",
        "Something that the policy requires was not put to the test.",
        "Was it skipped, filtered out, or without data? The requirement names it.",
    ),
    ("missing", "A suite left no verdict.", "Look at <suite>.log in the decision's folder."),
    (
        "crashed",
        "A suite ended without a verdict.",
        "Look at <suite>.log in the decision's folder.",
    ),
    (
        "refused",
        "A suite refused its arguments.",
        "Look at <suite>.log; is the policy of this version?",
    ),
    (
        "over_time",
        "A suite did not end within its time, or the budget was spent before it began.",
        "Raise `timeout_s` or `budget_s` if the machine is what it should be.",
    ),
    (
        "unreadable",
        "A verdict, plan or line of evidence does not parse: cut, or not ours.",
        "Run the suite again; is the disk full?",
    ),
    (
        "other_schema",
        "A verdict is of another version of the harness.",
        "Judge with the bundle that made it.",
    ),
    (
        "not_its_evidence",
        "verdict.json does not follow from its own plan and evidence.",
        "Somebody or something changed a file: run the suite again.",
    ),
    (
        "other_suite",
        "The folder holds another suite's run.",
        "Name the run's folder after the suite.",
    ),
    (
        "other_stage",
        "The run is of another stage.",
        "Judge on the stage that the decision is about.",
    ),
    ("other_build", "The run judged another commit.", "Deploy the commit, then judge."),
    (
        "unknown_build",
        "The backend does not say which commit it is, or says `-dirty`.",
        "Commit, or give MANUEL_GIT_COMMIT to the build.",
    ),
    (
        "other_bundle",
        "The suites were run by different bundles.",
        "Run all suites from one bundle.",
    ),
    ("stale", "The run is older than the policy's `max_age_s`.", "Run the suite again."),
    ("clock", "The run is dated in the future.", "Set the clocks of both machines."),
];

/// Exit codes.
const EXITS: [Entry; 6] = [
    ("0", "Pass, promote, or the command did what it was asked.", ""),
    (
        "1",
        "Fail, or hold: the backend broke a promise.",
        "The report names the command that shows it again.",
    ),
    (
        "2",
        "Wrong arguments, or a file that cannot be used.",
        "The message names file, line and key.",
    ),
    ("3", "Inconclusive, or cannot tell.", "`harness explain` with the cause's code says more."),
    (
        "4",
        "Harness, stage or machine could not do their part.",
        "`harness doctor` looks at the machine.",
    ),
    ("130", "Interrupted; everything that was started is stopped.", ""),
];

/// Runs the subcommand.
pub fn run(args: &Args) -> Result<Exit, CommandError> {
    let rules = Rule::ALL.map(|rule| (rule.code(), rule.promise()));
    let Some(code) = &args.code else {
        for (title, entries) in [
            ("causes", &CAUSES[..]),
            ("reasons of a gate", &REASONS[..]),
            ("exit codes", &EXITS[..]),
        ] {
            out(title);
            for (code, what, _) in entries {
                out(&format!("  {code:<22}{what}"));
            }
        }
        out("promises");
        for (code, promise) in &rules {
            out(&format!("  {code:<22}{promise}"));
        }
        out("promises under chaos");
        for (code, promise) in chaos_codes() {
            out(&format!("  {code:<22}{promise}"));
        }
        return Ok(Exit::Pass);
    };
    let code = code.to_lowercase();
    let all = || CAUSES.iter().chain(&REASONS).chain(&EXITS);
    if let Some((code, what, todo)) = all().find(|(known, ..)| *known == code) {
        out(&format!("{code}: {what}"));
        if !todo.is_empty() {
            out(&format!("  do: {todo}"));
        }
        return Ok(Exit::Pass);
    }
    if let Some((code, promise)) = rules.iter().find(|(known, _)| *known == code) {
        out(&format!("{code}: {promise}"));
        out(
            "  do: docs/runbook.md has a section for each promise; the breach names the command that shows it again.",
        );
        return Ok(Exit::Pass);
    }
    // `I1 quota-ledger` is known by its number and by its name, too.
    let is = |known: &str| known == code || known.split(' ').any(|word| word == code);
    if let Some((code, promise)) = chaos_codes().find(|(known, _)| is(&known.to_lowercase())) {
        out(&format!("{code}: {promise}"));
        out(
            "  do: docs/chaos.md says how it is checked; the breach names the command that plays its scenario again.",
        );
        return Ok(Exit::Pass);
    }
    let known = all().map(|(known, ..)| *known).chain(rules.iter().map(|(known, _)| *known));
    let near = nearest(&code, known);
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Err(CommandError::usage(
        format!("nothing is known by the code `{code}`"),
        hint.or_else(|| Some("`harness explain` lists every code".to_owned())),
    ))
}

/// Promises that a chaos run looks at.
fn chaos_codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let invariants = ALL.iter().map(|invariant| (invariant.code, invariant.promise));
    invariants.chain(CODES.iter().filter(|(code, _)| *code != "backend_died").copied())
}

#[cfg(test)]
mod tests {
    use verdict::domain::verdict::Cause;

    use super::*;

    #[test]
    fn every_cause_is_explained() {
        let detail = String::new;
        let causes = [
            Cause::NothingSelected,
            Cause::GeneratorLagged { detail: detail() },
            Cause::StageSaturated { detail: detail() },
            Cause::TooFewSamples { objective: detail(), wanted: 1, got: 0 },
            Cause::BaselineUnsteady { detail: detail() },
            Cause::TargetLost { detail: detail() },
            Cause::TargetChanged { expected: detail(), seen: detail() },
            Cause::Interrupted { at_ms: 0 },
            Cause::CapabilityMissing { detail: detail() },
            Cause::FaultNeverFired { fault: detail(), wanted: 1, got: 0 },
            Cause::FaultsAstray { detail: detail() },
            Cause::NotComparable { detail: detail() },
        ];
        assert!(causes.iter().all(|cause| CAUSES.iter().any(|(code, ..)| *code == cause.code())));
        let asked = |code: &str| run(&Args { code: Some(code.to_owned()) });
        assert_eq!(asked("ISOLATION").unwrap(), Exit::Pass);
        for code in ["i1", "no-orphans", "I11 explained", "metastable"] {
            assert_eq!(asked(code).unwrap(), Exit::Pass, "{code}");
        }
        let error = asked("stael").unwrap_err();
        assert!(
            matches!(error, CommandError::Usage { hint: Some(hint), .. } if hint.contains("`stale`"))
        );
    }
}

//! `junit.xml` of a chaos run: one test case a scenario, what is worst first.

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;
use verdict::domain::chaos::ChaosPlan;
use verdict::domain::verdict::Verdict;
use verdict::domain::verdict::VerdictFile;

use crate::report::ReportError;
use crate::report::explain::breach_block;
use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::explain::plain;
use crate::report::explain::short;
use crate::report::junit::MAX_CASES;

/// The verdict as JUnit XML. What the run cannot tell is an error, never a success.
pub fn junit(plan: &ChaosPlan, verdict: &VerdictFile) -> Result<String, ReportError> {
    let decided = matches!(verdict.judgement, Verdict::Fail { .. });
    let mut cases: Vec<(u8, TestCase)> = Vec::new();
    for scenario in &plan.scenarios {
        let start = format!("In `{}`:", scenario.name);
        let mine = verdict.judgement.breaches().iter().filter(|b| b.message.starts_with(&start));
        let blocks: Vec<String> = mine.clone().map(breach_block).collect();
        let (weight, status) = match mine.clone().next() {
            Some(first) => {
                let kind = if decided { NonSuccessKind::Failure } else { NonSuccessKind::Error };
                let mut status = TestCaseStatus::non_success(kind);
                status
                    .set_type(first.objective.as_str())
                    .set_message(short(&first.message))
                    .set_description(blocks.join("\n"));
                (u8::from(!decided), status)
            }
            None if executed(verdict, &scenario.name) => (3, TestCaseStatus::success()),
            None => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_type("not_decided").set_message("the run cannot tell: see its causes");
                (1, status)
            }
        };
        let mut case = TestCase::new(plain(&scenario.scenario.title), status);
        case.set_classname(format!("chaos.{}", scenario.name));
        cases.push((weight, case));
    }
    cases.extend(causes(&verdict.judgement).iter().map(|cause| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(cause.code()).set_message(plain(&cause_line(cause)));
        (1, TestCase::new(cause.code(), status))
    }));
    cases.extend(plan.skipped.iter().map(|skipped| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(plain(&skipped.why));
        let mut case = TestCase::new(plain(&skipped.name), status);
        case.set_classname(plain(&skipped.id));
        (2, case)
    }));
    cases.sort_by_key(|(weight, _)| *weight);
    cases.truncate(MAX_CASES);
    let mut suite = TestSuite::new("chaos");
    for (name, value) in [
        ("verdict", verdict.judgement.word()),
        ("run_id", verdict.run_id.as_str()),
        ("sut_commit", verdict.sut_commit.as_str()),
        ("stage", verdict.stage.as_str()),
    ] {
        suite.add_property((name, plain(value).as_str()));
    }
    suite.add_test_cases(cases.into_iter().map(|(_, case)| case));
    suite.set_system_out(short(&verdict.headline));
    let mut report = Report::new(format!("manuel {}", verdict.run_id));
    report.add_test_suite(suite);
    report.to_string().map_err(|source| ReportError::Junit { source })
}

/// Whether the scenario decided anything.
fn executed(verdict: &VerdictFile, name: &str) -> bool {
    let file = verdict::judge::chaos::file_of(name);
    verdict.coverage.get(&file).is_some_and(|coverage| coverage.executed > 0)
}

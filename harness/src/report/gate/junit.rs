//! `junit.xml` of a decision: a case for each breach, reason and requirement, failures first. What is not known is an error,
//! never a success.

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;
use verdict::domain::decision::DecisionFile;
use verdict::domain::decision::Outcome;
use verdict::domain::decision::SuiteDecision;

use crate::report::ReportError;
use crate::report::explain::breach_block;
use crate::report::explain::plain;
use crate::report::explain::short;
use crate::report::junit::MAX_CASES;

/// The decision as JUnit XML.
pub fn junit(decision: &DecisionFile) -> Result<String, ReportError> {
    let mut cases: Vec<(u8, TestCase)> = decision.suites.iter().flat_map(of_suite).collect();
    cases.push(whole(decision));
    cases.sort_by_key(|(weight, _)| *weight);
    let left_out = cases.len().saturating_sub(MAX_CASES);
    let mut suite = TestSuite::new(format!("gate.{}", plain(&decision.policy)));
    let properties = [
        ("decision", decision.decision.word()),
        ("commit", &decision.commit),
        ("stage", &decision.stage),
        ("policy_sha256", &decision.policy_sha256),
        ("harness_commit", &decision.harness_commit),
    ];
    for (name, value) in properties {
        suite.add_property((name, plain(value).as_str()));
    }
    if left_out > 0 {
        suite.add_property(("cases_left_out", left_out.to_string().as_str()));
    }
    suite.add_test_cases(cases.into_iter().take(MAX_CASES).map(|(_, case)| case));
    let mut report = Report::new(format!("manuel gate {}", plain(&decision.policy)));
    report.add_test_suite(suite);
    report.to_string().map_err(|source| ReportError::Junit { source })
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(plain(class));
    case
}

fn non_success(kind: NonSuccessKind, code: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(plain(code)).set_message(short(message));
    status
}

fn whole(decision: &DecisionFile) -> (u8, TestCase) {
    let told = decision.because.join(" ");
    let word = decision.decision.word();
    let (weight, status) = match decision.decision {
        Outcome::Promote => (3, TestCaseStatus::success()),
        Outcome::Hold => (0, non_success(NonSuccessKind::Failure, word, &told)),
        Outcome::CannotTell => (1, non_success(NonSuccessKind::Error, word, &told)),
    };
    (weight, case("gate", "decision", status))
}

fn of_suite(suite: &SuiteDecision) -> Vec<(u8, TestCase)> {
    let mut cases = Vec::new();
    for breach in &suite.breaches {
        let mut status = non_success(NonSuccessKind::Failure, "broken_promise", &breach.message);
        status.set_description(breach_block(breach));
        cases.push((0, case(&suite.name, &breach.objective, status)));
    }
    for reason in suite.reasons.iter().filter(|reason| reason.code != "broken_promise") {
        let status = non_success(NonSuccessKind::Error, &reason.code, &reason.detail);
        cases.push((1, case(&suite.name, &reason.code, status)));
    }
    for waived in &suite.waived {
        let mut status = TestCaseStatus::skipped();
        status.set_message(short(&format!("waived by {}: {}", waived.owner, waived.reason)));
        cases.push((2, case(&suite.name, &waived.breach, status)));
    }
    for requirement in &suite.requirements {
        let told = format!("{} of {}", requirement.seen, requirement.at_least);
        let (weight, status) = if requirement.met {
            (3, TestCaseStatus::success())
        } else {
            (1, non_success(NonSuccessKind::Error, "not_executed", &told))
        };
        cases.push((weight, case(&suite.name, &requirement.name, status)));
    }
    cases
}

//! `junit.xml` of a features run: one test case a scenario, what is worst first.

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;
use verdict::domain::features::FeaturesEvidence;
use verdict::domain::features::FeaturesPlan;
use verdict::domain::verdict::VerdictFile;
use verdict::judge::features::Fate;
use verdict::judge::features::Told;
use verdict::judge::features::told;

use crate::report::ReportError;
use crate::report::explain::breach_block;
use crate::report::explain::cause_line;
use crate::report::explain::causes;
use crate::report::explain::plain;
use crate::report::explain::short;
use crate::report::junit::MAX_CASES;

/// The verdict as JUnit XML. What the run cannot tell is an error, never a success.
pub fn junit(
    plan: &FeaturesPlan,
    verdict: &VerdictFile,
    evidence: &[FeaturesEvidence],
) -> Result<String, ReportError> {
    let mut cases: Vec<(u8, TestCase)> =
        told(plan, evidence).iter().map(|told| case(verdict, told)).collect();
    cases.extend(causes(&verdict.judgement).iter().map(|cause| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(cause.code()).set_message(plain(&cause_line(cause)));
        (1, TestCase::new(cause.code(), status))
    }));
    cases.extend(plan.skipped.iter().map(|skipped| {
        let mut status = TestCaseStatus::skipped();
        status.set_message(plain(&skipped.why));
        let mut case = TestCase::new(plain(&skipped.name), status);
        case.set_classname(plain(&skipped.feature));
        (2, case)
    }));
    cases.sort_by_key(|(weight, _)| *weight);
    let left_out = cases.len().saturating_sub(MAX_CASES);
    cases.truncate(MAX_CASES);
    let mut suite = TestSuite::new("features");
    for (name, value) in [
        ("verdict", verdict.judgement.word()),
        ("run_id", verdict.run_id.as_str()),
        ("sut_commit", verdict.sut_commit.as_str()),
        ("stage", verdict.stage.as_str()),
        ("cases_left_out", left_out.to_string().as_str()),
    ] {
        suite.add_property((name, plain(value).as_str()));
    }
    suite.add_test_cases(cases.into_iter().map(|(_, case)| case));
    suite.set_system_out(short(&verdict.headline));
    let mut report = Report::new(format!("manuel {}", verdict.run_id));
    report.add_test_suite(suite);
    report.to_string().map_err(|source| ReportError::Junit { source })
}

fn case(verdict: &VerdictFile, told: &Told<'_>) -> (u8, TestCase) {
    let failure = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        let breach =
            verdict.judgement.breaches().iter().find(|breach| breach.objective == told.plan.id);
        if let Some(breach) = breach {
            status.set_message(short(&breach.message)).set_description(breach_block(breach));
        } else if let Some(step) = told.broken() {
            status.set_message(short(&format!("at {}: {}", step.place, step.seen)));
        }
        status
    };
    let (weight, status) = match told.fate {
        Fate::Passed => (3, TestCaseStatus::success()),
        Fate::Failed | Fate::Flaky => (0, failure(NonSuccessKind::Failure)),
        Fate::Lost => (1, failure(NonSuccessKind::Error)),
        Fate::Pending | Fate::Unexpected | Fate::NotRun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(told.fate.word());
            (2, status)
        }
    };
    let mut case = TestCase::new(plain(&told.plan.name), status);
    case.set_classname(plain(&told.plan.feature));
    let took_ms = told.attempts.iter().map(|seen| seen.took_ms).sum();
    case.set_time(std::time::Duration::from_millis(took_ms));
    case.add_property(("place", told.plan.id.as_str()));
    (weight, case)
}

//! `junit.xml`: the judgement as a CI reads it. A broken promise is a failure; what the run cannot tell is an error,
//! never a success.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use verdict::domain::{
    objective::ObjectiveKind,
    rule::Rule,
    run::RunPlan,
    verdict::{Breach, ObjectiveResult, PromiseResult, Status, Verdict, VerdictFile},
};

use crate::report::{
    ReportError,
    explain::{self, breach_block, causes, plain, short},
    figures,
};

/// Most cases of a file; what is worst comes first.
pub const MAX_CASES: usize = 500;

/// The verdict as JUnit XML: one test suite, failures first, then errors, skipped, successes.
pub fn junit(plan: &RunPlan, verdict: &VerdictFile) -> Result<String, ReportError> {
    let mut cases = cases(plan, verdict);
    cases.sort_by_key(|case| weight(&case.status));
    let left_out = cases.len().saturating_sub(MAX_CASES);
    cases.truncate(MAX_CASES);

    let mut suite = TestSuite::new(format!("{}.{}", verdict.suite, verdict.profile));
    suite.add_properties(properties(plan, verdict));
    if left_out > 0 {
        suite.add_property(("cases_left_out", left_out.to_string().as_str()));
    }
    suite.add_test_cases(cases);
    suite.set_system_out(short(&verdict.headline));
    let mut report = Report::new(format!("manuel {}", verdict.run_id));
    report.add_test_suite(suite);
    report.to_string().map_err(|source| ReportError::Junit { source })
}

fn properties(plan: &RunPlan, verdict: &VerdictFile) -> Vec<Property> {
    let property = |name: &str, value: &str| Property::new(name, plain(value));
    vec![
        property("run_id", &verdict.run_id),
        property("verdict", verdict.judgement.word()),
        property("seed", &verdict.seed.to_string()),
        property("sut_commit", &verdict.sut_commit),
        property("sut_defects", &verdict.sut_defects.join(",")),
        property("harness_commit", &verdict.harness_commit),
        property("stage", &verdict.stage),
        property("schedule_sha256", &verdict.schedule_sha256),
        property("started_at", &plan.started_at),
    ]
}

fn weight(status: &TestCaseStatus) -> u8 {
    match status {
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => 0,
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. } => 1,
        TestCaseStatus::Skipped { .. } => 2,
        TestCaseStatus::Success { .. } => 3,
    }
}

fn cases(plan: &RunPlan, verdict: &VerdictFile) -> Vec<TestCase> {
    let breaches = verdict.judgement.breaches();
    let told = |name: &str| breaches.iter().any(|breach| breach.objective == name);
    let mut cases: Vec<TestCase> =
        breaches.iter().map(|breach| of_breach(verdict, breach)).collect();
    for cause in causes(&verdict.judgement) {
        let error = non_success(NonSuccessKind::Error, cause.code(), &cause.sentence());
        cases.push(case(verdict, "cause", cause.code(), error));
    }
    let promises = verdict.promises.iter().filter(|p| p.tested + p.broken > 0 && !told(&p.rule));
    cases.extend(promises.map(|promise| of_promise(verdict, promise)));
    let objectives = verdict.objectives.iter().filter(|objective| !told(&objective.name));
    cases.extend(objectives.map(|objective| of_objective(plan, verdict, objective)));
    cases
}

fn of_breach(verdict: &VerdictFile, breach: &Breach) -> TestCase {
    let decided = matches!(verdict.judgement, Verdict::Fail { .. });
    let kind = if decided { NonSuccessKind::Failure } else { NonSuccessKind::Error };
    let mut status = non_success(kind, explain::kind_name(breach.kind), &breach.message);
    status.set_description(breach_block(breach));
    let is_promise = Rule::ALL.iter().any(|rule| rule.code() == breach.objective);
    case(verdict, if is_promise { "promise" } else { "objective" }, &breach.objective, status)
}

fn of_promise(verdict: &VerdictFile, promise: &PromiseResult) -> TestCase {
    let status = if promise.broken == 0 {
        TestCaseStatus::success()
    } else {
        let message = format!("broken {} times in {} observations", promise.broken, promise.tested);
        non_success(
            NonSuccessKind::Failure,
            explain::kind_name(ObjectiveKind::Correctness),
            &message,
        )
    };
    let mut case = case(verdict, "promise", &promise.rule, status);
    if let Ok(tested) = usize::try_from(promise.tested) {
        case.set_assertions(tested);
    }
    case
}

fn of_objective(plan: &RunPlan, verdict: &VerdictFile, result: &ObjectiveResult) -> TestCase {
    let figures = || {
        let (observed, limit) = (figures::observed(result), figures::limit(result));
        format!("{}: observed {observed}, limit {limit}, n = {}", result.expression, result.n)
    };
    let status = match result.status {
        Status::Held => TestCaseStatus::success(),
        Status::Void if figures::is_not_judged(plan, result) => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message("part of a run has no timing of its own");
            skipped
        }
        Status::Void => {
            let message = format!("the samples do not decide {}", figures());
            non_success(NonSuccessKind::Error, "void", &message)
        }
        // A broken objective that is no breach lost its ground to a cause.
        Status::Broken => {
            let message = format!("looked broken, but the run cannot tell: {}", figures());
            non_success(NonSuccessKind::Error, "undecided", &message)
        }
    };
    case(verdict, "objective", &result.name, status)
}

fn non_success(kind: NonSuccessKind, ty: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(ty).set_message(short(message));
    status
}

fn case(verdict: &VerdictFile, group: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(format!("{}.{group}", verdict.suite));
    case
}

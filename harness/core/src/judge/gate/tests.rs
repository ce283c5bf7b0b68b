//! Decisions over runs made by hand: what promotes, what holds, and that nothing else ever promotes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        gate::RawPolicy,
        non_empty::NonEmpty,
        objective::ObjectiveKind,
        stage::{Runtime, Services},
        verdict::{
            Breach, Cause, Coverage, ObjectiveResult, PromiseResult, Status, VERDICT_SCHEMA,
        },
    },
    judge::canonical::canonical_json,
};

mod chaos;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NOW: i64 = 1_800_000_000;

fn raw() -> RawPolicy {
    serde_json::from_str(
        r#"{
        "schema": "manuel-gate/1", "title": "t", "stages": ["embedded"], "budget_s": 200, "max_age_s": 600,
        "suites": [
            {"name": "smoke", "kind": "load", "profile": "smoke", "seed": 7, "timeout_s": 90, "attempts": 2,
             "require": {"promises": {"isolation": 10}, "requests": {"dependency_out": 6}, "objectives": ["query p95"]}},
            {"name": "features", "kind": "features", "seed": 7, "timeout_s": 200, "attempts": 2,
             "require": {"tags": {"@stores": 2}, "features": {"features/quota.feature": 1}, "scenarios": 3}}
        ],
        "waivers": [{"suite": "smoke", "breach": "contract", "stages": ["embedded"], "owner": "ada", "reason": "r",
                     "expires": "2026-12-31"}]
    }"#,
    )
    .unwrap()
}

fn policy() -> Policy {
    Policy::resolve(raw()).unwrap()
}

fn ctx() -> Context {
    Context {
        commit: COMMIT.to_owned(),
        stage: "embedded".to_owned(),
        policy: "p".to_owned(),
        policy_sha256: "00".to_owned(),
        harness_commit: COMMIT.to_owned(),
        now_unix_s: NOW,
        today: "2026-11-23".to_owned(),
    }
}

fn good(suite: &str) -> VerdictFile {
    let load = suite == "load";
    let promise = |rule: &str, tested| PromiseResult { rule: rule.to_owned(), tested, broken: 0 };
    let objective = ObjectiveResult {
        name: "query p95".to_owned(),
        expression: "p95 latency <= 1s".to_owned(),
        kind: ObjectiveKind::Timing,
        status: Status::Held,
        observed: Some(1),
        limit: 2,
        unit: "us".to_owned(),
        interval: None,
        n: 9,
    };
    VerdictFile {
        schema: VERDICT_SCHEMA.to_owned(),
        run_id: format!("{suite}-1"),
        suite: suite.to_owned(),
        profile: if load { "smoke" } else { "features" }.to_owned(),
        seed: 7,
        stage: "embedded".to_owned(),
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        started_at: "2027-01-15T08:00:00Z".to_owned(),
        bundle_sha256: None,
        harness_commit: COMMIT.to_owned(),
        sut_commit: COMMIT.to_owned(),
        sut_defects: Vec::new(),
        schedule_sha256: String::new(),
        judgement: Verdict::Pass,
        outweighed: Vec::new(),
        headline: "fine".to_owned(),
        exit_code: 0,
        promises: if load { vec![promise("isolation", 10)] } else { vec![promise("Quota", 3)] },
        coverage: if load {
            BTreeMap::new()
        } else {
            let covered = Coverage { executed: 2, skipped: 0 };
            [("@stores".to_owned(), covered), ("features/quota.feature".to_owned(), covered)].into()
        },
        objectives: if load { vec![objective] } else { Vec::new() },
        skipped: Vec::new(),
        notes: Vec::new(),
        requests: [("dependency_out".to_owned(), [("ok".to_owned(), 6)].into())].into(),
    }
}

fn run(verdict: VerdictFile) -> Run {
    run_at(verdict, NOW - 60)
}

fn run_at(verdict: VerdictFile, started_unix_s: i64) -> Run {
    let folder = verdict.run_id.clone();
    Run { folder, result: RunResult::Judged { verdict: Box::new(verdict), started_unix_s } }
}

fn lost(code: &str) -> Run {
    let reason = Reason { code: code.to_owned(), detail: "gone".to_owned() };
    Run { folder: "x".to_owned(), result: RunResult::Lost(reason) }
}

fn breach(objective: &str, kind: ObjectiveKind) -> Breach {
    Breach {
        objective: objective.to_owned(),
        kind,
        promise: "It holds.".to_owned(),
        message: "It did not.".to_owned(),
        times: 1,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: String::new(),
    }
}

fn failing(objective: &str, kind: ObjectiveKind) -> Verdict {
    Verdict::Fail { breaches: NonEmpty::new(vec![breach(objective, kind)]).unwrap() }
}

fn inconclusive(cause: Cause) -> Verdict {
    let causes = NonEmpty::new(vec![cause]).unwrap();
    Verdict::Inconclusive { causes, breaches_seen: Vec::new() }
}

fn decided(smoke: Vec<Run>, features: Vec<Run>) -> DecisionFile {
    decide(&policy(), &ctx(), &[smoke, features])
}

fn with(change: impl FnOnce(&mut VerdictFile)) -> DecisionFile {
    let mut verdict = good("load");
    change(&mut verdict);
    decided(vec![run(verdict)], vec![run(good("features"))])
}

fn codes(decision: &DecisionFile) -> Vec<&str> {
    decision.suites.iter().flat_map(|s| &s.reasons).map(|r| r.code.as_str()).collect()
}

#[test]
fn what_was_tested_and_held_is_promoted() {
    let decision = decided(vec![run(good("load"))], vec![run(good("features"))]);
    assert_eq!(decision.decision, Outcome::Promote, "{decision:#?}");
    // The objective about time is none of emulated services.
    assert_eq!((decision.executed, decision.required), (5, 5));
    assert_eq!(decision.valid_until_unix_s, Some(NOW - 60 + 600));
    assert!(decision.because[0].contains("2 of 2 suites"), "{:?}", decision.because);
    assert_eq!(decision.findings.len(), 1, "the waiver matches nothing: {:?}", decision.findings);
}

type Change = fn(&mut VerdictFile);

#[test]
fn whatever_is_wrong_with_one_suite_never_promotes() {
    for code in
        ["missing", "crashed", "over_time", "unreadable", "other_schema", "not_its_evidence"]
    {
        for place in 0..2 {
            let mut runs = [vec![run(good("load"))], vec![run(good("features"))]];
            runs[place] = vec![lost(code)];
            let decision = decide(&policy(), &ctx(), &runs);
            assert_eq!(decision.decision, Outcome::CannotTell, "{code}");
            assert_eq!(codes(&decision), [code]);
            assert!(decision.because[2].contains(code), "{:?}", decision.because);
        }
    }
    let cases: [(&str, Change); 14] = [
        ("other_build", |v| v.sut_commit = "ff".repeat(20)),
        ("unknown_build", |v| v.sut_commit = "unknown".to_owned()),
        ("unknown_build", |v| v.sut_commit = format!("{COMMIT}-dirty")),
        ("other_stage", |v| v.stage = "staging".to_owned()),
        ("other_suite", |v| v.suite = "features".to_owned()),
        ("other_suite", |v| v.profile = "peak".to_owned()),
        ("not_executed", |v| v.promises.clear()),
        ("not_executed", |v| v.promises[0].tested = 9),
        ("not_executed", |v| v.requests.clear()),
        ("nothing_selected", |v| v.judgement = inconclusive(Cause::NothingSelected)),
        ("interrupted", |v| v.judgement = inconclusive(Cause::Interrupted { at_ms: 1 })),
        ("target_lost", |v| {
            v.judgement = inconclusive(Cause::TargetLost { detail: "x".to_owned() });
        }),
        ("not_comparable", |v| {
            v.sut_defects = vec!["x".to_owned()];
            v.judgement = inconclusive(Cause::NotComparable { detail: "x".to_owned() });
        }),
        ("other_bundle", |v| v.bundle_sha256 = Some("ab".to_owned())),
    ];
    for (code, change) in cases {
        let decision = with(change);
        assert_eq!(decision.decision, Outcome::CannotTell, "{code}: {decision:#?}");
        assert!(codes(&decision).contains(&code), "{code}: {:?}", codes(&decision));
    }
    let old = decided(vec![run_at(good("load"), NOW - 601)], vec![run(good("features"))]);
    assert_eq!(codes(&old), ["stale"]);
    let early = decided(vec![run_at(good("load"), NOW + 400)], vec![run(good("features"))]);
    assert_eq!(codes(&early), ["clock"]);
    assert_eq!(codes(&decided(Vec::new(), vec![run(good("features"))])), ["missing"]);
    assert_eq!(decide(&policy(), &ctx(), &[]).decision, Outcome::CannotTell);
}

#[test]
fn a_broken_promise_holds_and_is_never_outvoted() {
    let broken =
        |v: &mut VerdictFile| v.judgement = failing("isolation", ObjectiveKind::Correctness);
    let decision = with(broken);
    assert_eq!((decision.decision, decision.exit_code), (Outcome::Hold, 1));
    assert!(decision.because[2].starts_with("smoke: isolation"), "{:?}", decision.because);
    let mut first = good("load");
    broken(&mut first);
    let again = decided(vec![run(first.clone()), run(good("load"))], vec![run(good("features"))]);
    assert_eq!(again.decision, Outcome::Hold);
    // Another suite that cannot tell takes nothing from it.
    assert_eq!(decided(vec![run(first.clone())], vec![lost("crashed")]).decision, Outcome::Hold);
    // That of another build is no evidence about this one.
    first.sut_commit = "ff".repeat(20);
    assert_eq!(
        decided(vec![run(first)], vec![run(good("features"))]).decision,
        Outcome::CannotTell
    );
}

#[test]
fn timing_holds_where_the_services_are_real() {
    let slow = |v: &mut VerdictFile| v.judgement = failing("query p95", ObjectiveKind::Timing);
    let decision = with(slow);
    assert_eq!(decision.decision, Outcome::Promote);
    assert_eq!(decision.suites[0].advisory.len(), 1);
    let decision = with(|v| {
        slow(v);
        v.services = Services::Real;
    });
    assert_eq!((decision.decision, decision.required), (Outcome::Hold, 6));
    let lagged = Cause::GeneratorLagged { detail: "x".to_owned() };
    assert_eq!(with(|v| v.judgement = inconclusive(lagged.clone())).decision, Outcome::Promote);
    let decision = with(|v| {
        v.judgement = inconclusive(lagged);
        v.services = Services::Real;
    });
    assert_eq!(codes(&decision), ["generator_lagged"]);
    // No data is no evidence.
    let decision = with(|v| {
        v.services = Services::Real;
        v.objectives[0].status = Status::Void;
    });
    assert_eq!(codes(&decision), ["not_executed"]);
}

#[test]
fn a_build_with_defects_never_promotes() {
    for (objective, kind) in
        [("query p95", ObjectiveKind::Timing), ("contract", ObjectiveKind::Correctness)]
    {
        let defective = |v: &mut VerdictFile| {
            v.sut_defects = vec!["quota-fails-open".to_owned()];
            v.judgement = failing(objective, kind);
        };
        let decision = with(defective);
        assert_eq!(decision.decision, Outcome::CannotTell, "advisory, or waived: {objective}");
        assert_eq!(codes(&decision), ["not_comparable"]);
    }
    let caught = with(|v| {
        v.sut_defects = vec!["retrieval-filter-dropped".to_owned()];
        v.judgement = failing("isolation", ObjectiveKind::Correctness);
    });
    assert_eq!(caught.decision, Outcome::Hold);
}

#[test]
fn a_waiver_covers_what_it_names_until_it_expires() {
    let broken =
        |v: &mut VerdictFile| v.judgement = failing("contract", ObjectiveKind::Correctness);
    let decision = with(broken);
    assert_eq!(decision.decision, Outcome::Promote);
    assert_eq!((decision.suites[0].waived.len(), decision.findings.len()), (1, 0));
    let mut verdict = good("load");
    broken(&mut verdict);
    let runs = [vec![run(verdict)], vec![run(good("features"))]];
    let late = Context { today: "2027-01-01".to_owned(), ..ctx() };
    let decision = decide(&policy(), &late, &runs);
    assert_eq!(decision.decision, Outcome::Hold);
    assert!(decision.findings[0].contains("expired on 2026-12-31"), "{:?}", decision.findings);
    let on_the_day = Context { today: "2026-12-31".to_owned(), ..ctx() };
    assert_eq!(decide(&policy(), &on_the_day, &runs).decision, Outcome::Promote);
}

#[test]
fn a_server_in_the_open_stands_for_neither_functions_nor_a_firewall() {
    let decided = |suite: &str, verdict: VerdictFile| {
        let mut raw = raw();
        raw.suites[1].runtime = if suite == "lambda" { Runtime::Lambda } else { Runtime::Server };
        raw.suites[1].edge = suite == "edge";
        let policy = Policy::resolve(raw).unwrap();
        decide(&policy, &ctx(), &[vec![run(good("load"))], vec![run(verdict)]])
    };
    for suite in ["lambda", "edge"] {
        assert_eq!(codes(&decided(suite, good("features"))), ["other_suite"], "{suite}");
    }
    let lambda = VerdictFile { runtime: Runtime::Lambda, ..good("features") };
    assert_eq!(decided("lambda", lambda).decision, Outcome::Promote);
    let behind = VerdictFile { behind_edge: true, ..good("features") };
    assert_eq!(decided("edge", behind).decision, Outcome::Promote);
}

#[test]
fn what_a_waived_breach_outweighed_stands_again() {
    let lost = Cause::TargetLost { detail: "x".to_owned() };
    let decision = with(|v| {
        v.judgement = failing("contract", ObjectiveKind::Correctness);
        v.outweighed = vec![lost];
    });
    assert_eq!(decision.decision, Outcome::CannotTell);
    assert_eq!(codes(&decision), ["target_lost"]);
}

#[test]
fn only_what_the_machine_did_is_tried_again() {
    let policy = policy();
    let again = |runs: &[Run]| may_try_again(&policy, &policy.raw().suites[0], &ctx(), runs);
    let unsure = |cause| {
        let mut verdict = good("load");
        verdict.judgement = inconclusive(cause);
        run(verdict)
    };
    assert!(again(&[lost("crashed")]));
    assert!(again(&[unsure(Cause::TargetLost { detail: String::new() })]));
    assert!(!again(&[lost("crashed"), lost("crashed")]), "its attempts are spent");
    assert!(!again(&[run(good("load"))]));
    assert!(!again(&[lost("over_time")]));
    assert!(!again(&[unsure(Cause::Interrupted { at_ms: 1 })]));
    let mut broken = good("load");
    broken.judgement = failing("isolation", ObjectiveKind::Correctness);
    assert!(!again(&[run(broken)]));
}

#[test]
fn the_same_runs_give_the_same_bytes() {
    let decision = || {
        let verdict =
            decided(vec![run(good("load"))], vec![lost("crashed"), run(good("features"))]);
        canonical_json(&verdict).unwrap()
    };
    let first = decision();
    assert!((0..1000).all(|_| decision() == first));
}

proptest! {
    /// Whatever the runs are: promoted is only what has met every requirement and has nothing wrong.
    #[test]
    fn promoted_is_only_what_is_whole(
        broken in proptest::collection::vec(0_usize..7, 2),
        age in -1000_i64..2000,
    ) {
        let make = |suite: &str, how: usize| {
            let mut verdict = good(suite);
            match how {
                0..=2 => {}
                3 => verdict.judgement = failing("isolation", ObjectiveKind::Correctness),
                4 => verdict.judgement = inconclusive(Cause::NothingSelected),
                5 => verdict.sut_commit = "unknown".to_owned(),
                _ => return vec![lost("missing")],
            }
            vec![run_at(verdict, NOW - age)]
        };
        let runs = [make("load", broken[0]), make("features", broken[1])];
        let decision = decide(&policy(), &ctx(), &runs);
        let whole = broken.iter().all(|how| *how < 3) && (-FUTURE..=600).contains(&age);
        prop_assert_eq!(decision.decision == Outcome::Promote, whole);
        if decision.decision == Outcome::Promote {
            prop_assert_eq!(decision.executed, decision.required);
        }
    }
}

const FUTURE: i64 = 300;

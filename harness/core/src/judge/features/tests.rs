//! Tests of the verdict on features: each fate, each cause, and that nothing vacuous passes.

use super::*;
use crate::domain::{
    evidence::{BackendDied, Closed, Interrupted, Lost, Version},
    features::{
        FEATURES_RUN_SCHEMA, FeaturesDone, FeaturesHello, RequestSeen, Selection, SkippedScenario,
    },
    run::Machine,
    stage::{Limits, Runtime, Services},
};

fn scenario(id: &str, tags: &[&str]) -> ScenarioPlan {
    ScenarioPlan {
        id: id.to_owned(),
        feature: "Quota".to_owned(),
        name: "the last question of a day is answered".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        steps: vec!["Given Anna".to_owned()],
    }
}

fn plan(scenarios: Vec<ScenarioPlan>) -> FeaturesPlan {
    FeaturesPlan {
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        schema: FEATURES_RUN_SCHEMA.to_owned(),
        run_id: "features-1".to_owned(),
        suite: "features".to_owned(),
        seed: 7,
        selection: Selection::default(),
        features_sha256: "ab".to_owned(),
        scenarios,
        skipped: Vec::new(),
        harness_commit: "h".to_owned(),
        sut_commit: "abcdef0123".to_owned(),
        expect_commit: None,
        sut_defects: Vec::new(),
        stage: "embedded".to_owned(),
        edge: Vec::new(),
        limits: Limits {
            daily_quota: 6,
            monthly_quota: 10,
            rate_limit: None,
            max_rate_per_s: None,
            max_users: None,
            max_cost_cents: None,
            chaos: false,
        },
        stage_arguments: "--stage x.json".to_owned(),
        machine: Machine { cores: 2, memory_mib: 1, cpu: String::new(), os: String::new() },
        tools: BTreeMap::new(),
        started_at: String::new(),
    }
}

fn broken() -> ScenarioOutcome {
    ScenarioOutcome::Broken(step())
}

fn lost() -> ScenarioOutcome {
    ScenarioOutcome::Lost(step())
}

fn step() -> StepBroken {
    StepBroken {
        step: "Then the question is answered".to_owned(),
        place: "features/quota.feature:9".to_owned(),
        expected: "an answer".to_owned(),
        seen: "429 quota_exceeded".to_owned(),
    }
}

fn seen(id: &str, attempt: u32, outcome: ScenarioOutcome) -> FeaturesEvidence {
    FeaturesEvidence::Scenario(Box::new(ScenarioSeen {
        id: id.to_owned(),
        attempt,
        outcome,
        at_ms: 40,
        took_ms: 12,
        steps_ms: vec![12],
        requests: vec![RequestSeen {
            request: "POST /api/query".to_owned(),
            status: Some(429),
            request_id: Some("req-7".to_owned()),
            trace_id: None,
        }],
    }))
}

/// Evidence of a run that went to its end.
fn whole_of(lines: Vec<FeaturesEvidence>) -> Vec<FeaturesEvidence> {
    let attempts =
        lines.iter().filter(|line| matches!(line, FeaturesEvidence::Scenario(_))).count() as u64;
    let schema = FEATURES_EVIDENCE_SCHEMA.to_owned();
    let mut all = vec![FeaturesEvidence::Hello(FeaturesHello { schema, pid: 1 })];
    all.extend(lines);
    all.push(FeaturesEvidence::Done(FeaturesDone { attempts }));
    let closed = Closed { lines: all.len() as u64 };
    all.push(FeaturesEvidence::Closed(closed));
    all
}

fn verdict(plan: &FeaturesPlan, lines: Vec<FeaturesEvidence>) -> VerdictFile {
    judge_features(plan, &whole_of(lines)).unwrap()
}

#[test]
fn a_scenario_that_held_passes_and_is_counted_under_its_capability() {
    let file =
        verdict(&plan(vec![scenario("q:1", &[])]), vec![seen("q:1", 1, ScenarioOutcome::Passed)]);
    assert_eq!((file.judgement.word(), file.exit_code), ("pass", 0));
    assert_eq!((file.promises[0].rule.as_str(), file.promises[0].tested), ("Quota", 1));
    assert_eq!(file.headline, "1 scenarios of 1 capabilities held.");
}

#[test]
fn a_broken_one_says_promise_place_expectation_and_command() {
    let lines = vec![seen("q:1", 1, broken()), seen("q:1", 2, broken())];
    let file = verdict(&plan(vec![scenario("q:1", &[])]), lines);
    let breach = &file.judgement.breaches()[0];
    assert_eq!(file.exit_code, 1);
    assert_eq!(breach.promise, "Quota: the last question of a day is answered.");
    assert_eq!(
        breach.message,
        "At `Then the question is answered` (features/quota.feature:9): expected an answer; saw 429 quota_exceeded."
    );
    assert_eq!(breach.reproduce, "cargo run -p harness -- features q:1 --seed 7 --stage x.json");
    assert_eq!((breach.times, breach.request_id.as_deref()), (2, Some("req-7")));
}

#[test]
fn one_that_holds_only_when_tried_again_fails_as_flaky() {
    let lines = vec![seen("q:1", 1, broken()), seen("q:1", 2, ScenarioOutcome::Passed)];
    let file = verdict(&plan(vec![scenario("q:1", &[])]), lines);
    assert_eq!(file.exit_code, 1);
    assert!(file.judgement.breaches()[0].message.contains("flaky"));
    assert_eq!(file.requests["scenarios"]["flaky"], 1);
}

#[test]
fn what_could_not_be_run_is_inconclusive_and_excuses_nothing() {
    let two = plan(vec![scenario("q:1", &[]), scenario("q:2", &[])]);
    let lines = vec![seen("q:1", 1, lost()), seen("q:2", 1, ScenarioOutcome::Passed)];
    assert_eq!(verdict(&two, lines).exit_code, 3);
    let lines = vec![seen("q:1", 1, lost()), seen("q:1", 2, ScenarioOutcome::Passed)];
    let file = verdict(&plan(vec![scenario("q:1", &[])]), lines);
    assert_eq!((file.exit_code, file.notes.len()), (0, 1));
    // Broken and then lost stays broken; so does a scenario beside a lost one.
    let lines = vec![seen("q:1", 1, broken()), seen("q:1", 2, lost()), seen("q:2", 1, lost())];
    let file = verdict(&two, lines);
    assert_eq!((file.exit_code, file.notes.len()), (1, 1));
    assert!(file.notes[0].starts_with("q:2 could not be run: "), "{:?}", file.notes);
}

#[test]
fn nothing_selected_and_all_skipped_are_never_a_pass() {
    let mut nothing = plan(Vec::new());
    assert_eq!(verdict(&nothing, Vec::new()).exit_code, 3);
    nothing.skipped.push(SkippedScenario {
        id: "q:1".to_owned(),
        feature: "Quota".to_owned(),
        name: "n".to_owned(),
        tags: vec!["clock".to_owned()],
        why: "it needs the capability `clock`".to_owned(),
    });
    let file = verdict(&nothing, Vec::new());
    assert_eq!((file.exit_code, file.skipped.len()), (3, 1));
    assert!(file.headline.contains("1 is skipped"), "{}", file.headline);
    // Nor is a run of nothing but work in progress.
    let wip = plan(vec![scenario("q:1", &["wip"])]);
    assert_eq!(verdict(&wip, vec![seen("q:1", 1, broken())]).exit_code, 3);
}

#[test]
fn work_in_progress_breaks_nothing_and_is_told_when_it_passes() {
    let two = plan(vec![scenario("q:1", &["wip"]), scenario("q:2", &[])]);
    let good = seen("q:2", 1, ScenarioOutcome::Passed);
    let file = verdict(&two, vec![seen("q:1", 1, broken()), good.clone()]);
    assert_eq!((file.exit_code, file.notes.len()), (0, 0));
    let file = verdict(&two, vec![seen("q:1", 1, ScenarioOutcome::Passed), good]);
    assert_eq!(
        (file.exit_code, file.notes.as_slice()),
        (0, &["q:1 passes: its tag @wip can go.".to_owned()][..])
    );
}

#[test]
fn evidence_that_is_not_whole_is_not_judged() {
    let one = plan(vec![scenario("q:1", &[])]);
    let good = whole_of(vec![seen("q:1", 1, ScenarioOutcome::Passed)]);
    for without in 0..good.len() {
        let mut cut = good.clone();
        cut.remove(without);
        assert!(judge_features(&one, &cut).is_err(), "without line {without}");
    }
    // A scenario that was planned and never ran, though nothing failed.
    let two = plan(vec![scenario("q:1", &[]), scenario("q:2", &[])]);
    assert!(judge_features(&two, &good).is_err());
    // After a failure, `--fail-fast` leaves the rest out.
    let failed = whole_of(vec![seen("q:1", 1, broken())]);
    assert_eq!(judge_features(&two, &failed).unwrap().exit_code, 1);
    let lost = FeaturesEvidence::WorkerLost(Lost { detail: "gone".to_owned() });
    assert!(judge_features(&one, &whole_of(vec![lost])).is_err());
}

#[test]
fn interruption_death_and_another_build() {
    let one = plan(vec![scenario("q:1", &[])]);
    let interrupted = vec![FeaturesEvidence::Interrupted(Interrupted { at_ms: 9 })];
    assert_eq!(judge_features(&one, &interrupted).unwrap().exit_code, 130);
    let how = "signal 9".to_owned();
    let died = FeaturesEvidence::BackendDied(BackendDied { at_ms: 9, how, last_lines: Vec::new() });
    let file = verdict(&one, vec![died]);
    assert_eq!(
        (file.exit_code, file.judgement.breaches()[0].objective.as_str()),
        (1, "backend_died")
    );
    let pass = seen("q:1", 1, ScenarioOutcome::Passed);
    let other =
        FeaturesEvidence::Version(Version { commit: "other".to_owned(), at_ms: 1, ordinal: 0 });
    assert_eq!(verdict(&one, vec![pass.clone(), other]).exit_code, 3);
    let demanded = FeaturesPlan { expect_commit: Some("fffffff".to_owned()), ..one.clone() };
    assert_eq!(verdict(&demanded, vec![pass.clone()]).exit_code, 3);
    let defects = FeaturesPlan { sut_defects: vec!["quota-fails-open".to_owned()], ..one };
    assert_eq!(verdict(&defects, vec![pass]).exit_code, 3);
}

#[test]
fn rules_that_are_not_enforced_as_aws_does_are_told_with_the_verdict() {
    let mut plan = plan(vec![scenario("q:1", &[])]);
    let rule = |name: &str, enforced| EdgeRule {
        name: name.to_owned(),
        enforced,
        because: "libinjection decides".to_owned(),
    };
    plan.edge = vec![rule("sql", Enforced::Approximate), rule("common", Enforced::No)];
    let file = verdict(&plan, vec![seen("q:1", 1, ScenarioOutcome::Passed)]);
    let told = "firewall rule `sql`: approximately (libinjection decides)";
    assert_eq!((file.exit_code, file.notes[0].as_str(), file.notes.len()), (0, told, 2));
}

//! Every cause for which a run cannot tell, and evidence that cannot be judged at all.

use super::*;
use crate::domain::profile::{Outage, QuotaBurst};

fn cause_of(plan: &RunPlan, evidence: &[Evidence]) -> Vec<&'static str> {
    let file = judge(plan, evidence).unwrap();
    let causes = causes_of(&file);
    assert_eq!(file.exit_code, if causes.contains(&"interrupted") { 130 } else { 3 });
    assert!(file.headline.starts_with("The run cannot tell. "), "{}", file.headline);
    causes
}

fn is_tick(line: &Evidence) -> bool {
    matches!(line, Evidence::Tick(_))
}

#[test]
fn nothing_sent_is_nothing_selected() {
    for evidence in [
        vec![hello(), Evidence::Done(done())],
        without(good(), is_tick),
        run(Vec::new()).into_iter().filter(|line| !is_tick(line)).collect(),
    ] {
        assert_eq!(cause_of(&plan(), &evidence)[0], "nothing_selected");
    }
    // Empty histograms are nothing, and so are arrivals that were never sent.
    let empty =
        ticked(tick(1, "peak", vec![series("peak", RequestKind::Query, AnswerClass::Ok, 1, 0)]));
    let dropped = series("peak", RequestKind::Query, AnswerClass::Dropped, 1, 1_000);
    let dropped = ticked(tick(1, "peak", vec![dropped]));
    for line in [empty, dropped] {
        let mut evidence = without(good(), is_tick);
        evidence.push(line);
        assert_eq!(cause_of(&plan(), &evidence)[0], "nothing_selected");
    }
}

#[test]
fn no_data_for_one_objective_is_too_few_samples() {
    // A gated stage that nothing was seen of.
    let evidence = run(Vec::new());
    assert!(cause_of(&plan(), &evidence).contains(&"too_few_samples"));
    // Processes that were sampled too seldom.
    let is_resource = |line: &Evidence| matches!(line, Evidence::Resource(_));
    let mut evidence = without(good(), is_resource);
    evidence.extend((0..2).map(|_| resource("peak", Process::Backend, 200, 65_536)));
    let file = judge(&plan(), &evidence).unwrap();
    let Verdict::Inconclusive { causes, breaches_seen } = file.judgement else { panic!() };
    let objective = "o1".to_owned();
    assert_eq!(causes.as_slice(), [Cause::TooFewSamples { objective, wanted: 3, got: 2 }]);
    assert_eq!(breaches_seen, []);
    // Samples from outside the gated stages do not count.
    evidence.extend((0..9).map(|_| resource("warm-up", Process::Backend, 200, 999_999_999)));
    evidence.extend((0..9).map(|_| resource("", Process::Backend, 200, 999_999_999)));
    assert_eq!(cause_of(&plan(), &evidence), ["too_few_samples"]);
}

#[test]
fn a_late_generator_takes_the_ground_from_timing() {
    let late = |us: u64, n: usize| {
        let mut late = tick(12_001, "peak", Vec::new());
        late.lag = times(vec![us; n]);
        good_and([ticked(late)])
    };
    assert_eq!(judge(&plan(), &late(50_000, 10)).unwrap().exit_code, 0);
    assert_eq!(cause_of(&plan(), &late(50_000, 20)), ["generator_lagged"]);
    assert_eq!(judge(&plan(), &late(9_900, 900)).unwrap().exit_code, 0);
    // The lag of a warm-up is nobody's business.
    let mut early = tick(1_000, "warm-up", Vec::new());
    early.lag = times(vec![50_000; 500]);
    assert_eq!(judge(&plan(), &good_and([ticked(early)])).unwrap().exit_code, 0);
}

#[test]
fn a_worker_without_breath_or_with_arrivals_left_over_is_a_late_generator() {
    let busy = |cpu| good_and((0..4).map(|_| resource("peak", Process::Worker, cpu, 65_536)));
    // Four samples of 200 and four of this: the mean must reach 85 % of two cores.
    assert_eq!(judge(&plan(), &busy(3_198)).unwrap().exit_code, 0);
    assert_eq!(cause_of(&plan(), &busy(3_200)), ["generator_lagged"]);
    let is_done = |line: &Evidence| matches!(line, Evidence::Done(_));
    let account = |done: Done| {
        let mut evidence = without(good(), is_done);
        evidence.push(Evidence::Done(done));
        evidence
    };
    assert_eq!(
        judge(&plan(), &account(Done { started: 1_019, dropped: 1, ..done() })).unwrap().exit_code,
        0
    );
    let unsent = account(Done { started: 1_019, ..done() });
    assert_eq!(cause_of(&plan(), &unsent), ["generator_lagged"]);
    // Steps of journeys do not stand in for arrivals.
    let journeys = account(Done { started: 1_020, unscheduled: 500, ..done() });
    assert_eq!(cause_of(&plan(), &journeys), ["generator_lagged"]);
}

#[test]
fn a_saturated_stage_excuses_a_broken_timing_objective_and_nothing_else() {
    let saturated = |stage: u64, backend: u64| {
        let is_resource = |line: &Evidence| matches!(line, Evidence::Resource(_));
        let mut evidence = without(good(), is_resource);
        for (process, cpu) in
            [(Process::Stage, stage), (Process::Backend, backend), (Process::Worker, 100)]
        {
            evidence.extend((0..4).map(|_| resource("peak", process, cpu, 65_536)));
        }
        evidence
    };
    let broken = |mut evidence: Vec<Evidence>| {
        evidence.push(resource("peak", Process::Backend, 0, 999_999));
        evidence
    };
    // Alone (85 % of two cores) or together (95 %), and only while a timing objective is broken.
    assert_eq!(judge(&plan(), &saturated(1_700, 100)).unwrap().exit_code, 0);
    let file = judge(&plan(), &broken(saturated(1_700, 100))).unwrap();
    assert_eq!(causes_of(&file), ["stage_saturated"]);
    assert_eq!(file.judgement.breaches()[0].objective, "o1");
    assert_eq!(cause_of(&plan(), &broken(saturated(1_300, 700))), ["stage_saturated"]);
    assert_eq!(judge(&plan(), &broken(saturated(1_300, 200))).unwrap().exit_code, 1);
    // A backend that burns the machine by itself is not excused.
    assert_eq!(judge(&plan(), &broken(saturated(300, 1_990))).unwrap().exit_code, 1);
    // A wrong answer, an objective of the profile's too, is no timing.
    let wrong = series("peak", RequestKind::Query, AnswerClass::WrongAnswer, 900, 1);
    let mut evidence = saturated(1_900, 100);
    evidence.push(ticked(tick(12_001, "peak", vec![wrong])));
    evidence.push(interrupted());
    assert_eq!(cause_of(&plan(), &evidence), ["interrupted"]);
}

#[test]
fn a_target_that_vanishes_is_lost() {
    let silent = |at_ms: u64, class: AnswerClass, n: usize| {
        ticked(tick(at_ms, "peak", vec![series("peak", RequestKind::Query, class, 1_000, n)]))
    };
    for class in [AnswerClass::Transport, AnswerClass::Timeout] {
        let lost = [silent(12_100, class, 12), silent(12_200, class, 8)];
        let file = judge(&plan(), &good_and(lost)).unwrap();
        assert_eq!(causes_of(&file), ["target_lost"]);
        assert!(
            file.headline.contains("the last 20 requests, from 12100 ms on"),
            "{}",
            file.headline
        );
        // Fewer may be chance, and an answer after them says that it is there.
        let few = judge(&plan(), &good_and([silent(12_100, class, 19)])).unwrap();
        assert_eq!(breaches(&few)[0].kind, ObjectiveKind::Timing);
        let back = [silent(12_100, class, 500), silent(12_200, AnswerClass::Ok, 1)];
        assert_eq!(judge(&plan(), &good_and(back)).unwrap().exit_code, 1);
        // One that never answered is lost, however few asked; one that died is dead.
        let mut dead = without(good(), is_tick);
        dead.push(silent(12_100, class, 3));
        assert!(cause_of(&plan(), &dead).contains(&"target_lost"));
        let died = good_and([silent(12_100, class, 500), died()]);
        assert_eq!(breaches(&judge(&plan(), &died).unwrap())[0].objective, "backend_died");
    }
}

#[test]
fn another_build_is_a_changed_target() {
    let other = "c".repeat(40);
    let file = judge(&plan(), &good_and([answered_by(&other)])).unwrap();
    assert_eq!(causes_of(&file), ["target_changed"]);
    assert!(file.headline.contains(&format!("{} is judged, but {other} answered", "b".repeat(40))));
    let expecting = |commit: &str| {
        let mut plan = plan();
        plan.expect_commit = Some(commit.to_owned());
        plan
    };
    for same in ["b".repeat(40), "b".repeat(7)] {
        assert_eq!(judge(&expecting(&same), &good()).unwrap().exit_code, 0, "{same}");
    }
    for other in
        ["b".repeat(6), "c".repeat(40), format!("{}-dirty", "b".repeat(40)), "b".repeat(41)]
    {
        assert_eq!(cause_of(&expecting(&other), &good()), ["target_changed"], "{other}");
    }
    // A dirty build is no build of its commit.
    let mut plan = expecting(&"b".repeat(40));
    plan.sut_commit = format!("{}-dirty", "b".repeat(40));
    assert_eq!(cause_of(&plan, &good()), ["target_changed"]);
}

#[test]
fn an_interruption_and_a_missing_capability_are_causes() {
    let is_end = |line: &Evidence| matches!(line, Evidence::Done(_));
    let is_hello = |line: &Evidence| matches!(line, Evidence::Hello(_));
    let mut evidence = without(good(), is_end);
    evidence.push(interrupted());
    assert_eq!(cause_of(&plan(), &evidence), ["interrupted"]);
    assert_eq!(cause_of(&plan(), &without(evidence, is_hello)), ["interrupted"]);
    assert_eq!(cause_of(&plan(), &[interrupted()])[..2], ["interrupted", "nothing_selected"]);
    assert_eq!(cause_of(&plan(), &good_and([missing()])), ["capability_missing"]);
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    let lost = || Lost { detail: "eof".to_owned() };
    let greeting = |schema: &str, digest: &str| {
        Evidence::Hello(Hello {
            schema: schema.to_owned(),
            pid: 1,
            schedule_sha256: digest.to_owned(),
            arrivals: 1,
            begins_unix_us: 0,
        })
    };
    let is_end = |line: &Evidence| matches!(line, Evidence::Done(_));
    let is_hello = |line: &Evidence| matches!(line, Evidence::Hello(_));
    let cases = [
        (Vec::new(), JudgeError::NoHello),
        (without(good(), is_hello), JudgeError::NoHello),
        (without(good(), is_end), JudgeError::CutOff),
        (
            good_and([greeting("manuel-evidence/2", "5ced")]),
            JudgeError::Schema { found: "manuel-evidence/2".to_owned() },
        ),
        (
            good_and([greeting(EVIDENCE_SCHEMA, "07e4")]),
            JudgeError::Schedule { planned: "5ced".to_owned(), found: "07e4".to_owned() },
        ),
        (
            good_and([Evidence::WorkerLost(lost()), interrupted()]),
            JudgeError::WorkerLost { detail: "eof".to_owned() },
        ),
        (
            good_and([Evidence::StageLost(lost()), finding(Rule::Leak, 1, 1)]),
            JudgeError::StageLost { detail: "eof".to_owned() },
        ),
    ];
    for (evidence, expected) in cases {
        assert_eq!(judge(&plan(), &evidence), Err(expected));
    }
}

/// A plan with a race at the quota of 50.
fn racing() -> RunPlan {
    let mut raw = raw(&OBJECTIVES);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 3_000, over: 10 });
    plan_of(raw)
}

/// A good run, and questions of a race that were classed so.
fn raced(classes: &[(AnswerClass, usize)]) -> Vec<Evidence> {
    let series: Vec<Series> = classes
        .iter()
        .map(|(class, n)| series("peak", RequestKind::QuotaBurst, *class, 1_000, *n))
        .collect();
    good_and([ticked(tick(11_999, "peak", series)), conservation(Rule::QuotaLimit, 50, 50, 50)])
}

#[test]
fn a_race_that_was_not_run_is_no_pass() {
    use AnswerClass::{Dropped, ExpectedReject, Ok, Timeout, Transport};
    // Never fired, whatever the figures say: nothing was answered, so nothing was exceeded.
    assert_eq!(cause_of(&racing(), &good()), ["too_few_samples"]);
    let file = judge(&racing(), &good()).unwrap();
    assert!(file.headline.contains("`quota_burst` is not decided by 0 samples; about 51"));
    // As good as never fired, and no more questions than the quota takes.
    let vain: [&[(AnswerClass, usize)]; 4] = [
        &[(Dropped, 60)],
        &[(Ok, 50)],
        &[(Ok, 5), (Dropped, 55)],
        &[(Ok, 50), (Timeout, 5), (Transport, 5)],
    ];
    for classes in vain {
        assert_eq!(cause_of(&racing(), &raced(classes)), ["too_few_samples"], "{classes:?}");
    }
    // Nobody has looked into the stores.
    let fired = raced(&[(Ok, 50), (ExpectedReject, 10)]);
    let is_figure = |line: &Evidence| matches!(line, Evidence::Conservation(_));
    let unread = without(fired.clone(), is_figure);
    assert_eq!(cause_of(&racing(), &unread), ["too_few_samples"]);
    assert_eq!(judge(&racing(), &fired).unwrap().exit_code, 0);
    assert_eq!(judge(&racing(), &raced(&[(Ok, 50), (ExpectedReject, 1)])).unwrap().exit_code, 0);
    // A replay of other requests is no race.
    let part = RunPlan { only: Some(vec![3]), ..racing() };
    assert_eq!(judge(&part, &good()).unwrap().exit_code, 0);
    assert_eq!(cause_of(&part, &raced(&[(Ok, 50)])), ["too_few_samples"]);
}

#[test]
fn an_outage_that_nobody_asked_into_is_no_pass() {
    let outage = || Outage {
        service: "dynamodb".to_owned(),
        operation: None,
        error: "InternalServerError".to_owned(),
        status: 500,
        message: "Internal server error".to_owned(),
        at_ms: 4_000,
        requests: 3,
        expect_status: vec![503],
    };
    let mut raw = raw(&OBJECTIVES);
    raw.probes.outages = vec![outage(), outage()];
    let plan = plan_of(raw);
    let asked = |class, n| {
        let series = series("peak", RequestKind::DependencyOut, class, 1_000, n);
        good_and([ticked(tick(11_999, "peak", vec![series]))])
    };
    assert_eq!(cause_of(&plan, &good()), ["too_few_samples"]);
    assert_eq!(cause_of(&plan, &asked(AnswerClass::Timeout, 6)), ["too_few_samples"]);
    assert_eq!(judge(&plan, &asked(AnswerClass::ExpectedReject, 6)).unwrap().exit_code, 0);
}

#[test]
fn a_build_with_seeded_defects_never_passes() {
    let mut plan = plan();
    plan.sut_defects = vec!["quota-fails-open".to_owned()];
    assert_eq!(causes_of(&judge(&plan, &good()).unwrap()), ["not_comparable"]);
    let caught = good_and([finding(Rule::QuotaFailsClosed, 10, 1)]);
    assert_eq!(judge(&plan, &caught).unwrap().exit_code, 1);
}

#[test]
fn what_the_harness_did_not_keep_is_no_fault_of_the_backend() {
    for text in ["p99 schedule_lag <= 50us", "max rss{process=worker} <= 1MiB"] {
        let file = judge(&plan_of(raw(&[OBJECTIVES[0], text])), &good()).unwrap();
        assert_eq!(causes_of(&file), ["generator_lagged"], "{text}");
    }
    let file = judge(&plan_of(raw(&["max rss{process=backend} <= 1MiB"])), &good()).unwrap();
    assert_eq!(file.exit_code, 1);
}

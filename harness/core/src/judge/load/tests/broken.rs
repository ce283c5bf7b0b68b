//! Pass, and every way to fail.

use super::*;

#[test]
fn a_good_run_passes() {
    let file = judge(&plan(), &good()).unwrap();
    assert_eq!((&file.judgement, file.exit_code), (&Verdict::Pass, 0));
    assert_eq!(file.requests["query"]["ok"], 620);
    assert_eq!(file.requests["health"]["ok"], 400);
    // Three of the profile's, three that hold for every profile.
    assert_eq!(file.objectives.len(), 6);
    assert!(file.objectives.iter().all(|o| o.status == Status::Held));
    let tested = |rule: Rule| {
        let promise = file.promises.iter().find(|p| p.rule == rule.code()).unwrap();
        (promise.tested, promise.broken)
    };
    assert_eq!(tested(Rule::Isolation), (620, 0));
    assert_eq!(tested(Rule::Contract), (1_020, 0));
    assert_eq!(tested(Rule::QuotaConserved), (1, 0));
    assert_eq!(tested(Rule::Signature), (0, 0));
    assert_eq!(file.promises.len(), Rule::ALL.len());
    assert!(file.headline.contains("6 of 6 objectives kept"), "{}", file.headline);
}

#[test]
fn a_finding_of_any_rule_fails_and_names_the_way_back() {
    for rule in Rule::ALL {
        // The earliest is named, wherever its line stands.
        let lines = [finding(rule, 700, 70), finding(rule, 400, 40), finding(rule, 900, 40)];
        let file = judge(&plan(), &good_and(lines)).unwrap();
        let [breach] = breaches(&file) else { panic!("{:?}", file.judgement) };
        assert_eq!((breach.objective.as_str(), breach.times), (rule.code(), 3));
        assert_eq!((breach.kind, file.exit_code), (ObjectiveKind::Correctness, 1));
        assert_eq!((breach.first_at_ms, &breach.ordinals), (Some(400), &vec![40, 70]));
        assert_eq!(breach.request_id.as_deref(), Some("req-40"));
        assert_eq!(breach.trace_id.as_deref(), Some("trace-40"));
        assert_eq!(breach.promise, rule.promise());
        assert!(breach.message.contains("expected page 4, got page 5"), "{}", breach.message);
        assert_eq!(breach.reproduce, "cargo run -p harness -- replay reports/r1");
        let promise = file.promises.iter().find(|p| p.rule == rule.code()).unwrap();
        assert_eq!(promise.broken, 3);
        // The code is the name on the wire.
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
    }
}

#[test]
fn figures_that_must_be_equal_fail_outside_their_bounds_only() {
    let rule = Rule::QuotaLimit;
    for (seen, passes) in [(29, false), (30, true), (31, true), (32, true), (33, false)] {
        let file = judge(&plan(), &good_and([conservation(rule, 30, 32, seen)])).unwrap();
        assert_eq!(file.judgement == Verdict::Pass, passes, "{seen}");
        if !passes {
            let [breach] = breaches(&file) else { panic!("{:?}", file.judgement) };
            assert_eq!((breach.objective.as_str(), &breach.ordinals), (rule.code(), &vec![3, 9]));
            let found = format!("expected 30 to 32, found {seen}");
            assert!(breach.message.contains(&found), "{}", breach.message);
        }
    }
}

#[test]
fn breaches_come_in_the_order_of_the_rules() {
    let lines = [
        finding(Rule::ManualsConserved, 1, 1),
        conservation(Rule::QuotaConserved, 1, 1, 2),
        finding(Rule::Isolation, 9, 2),
        died(),
    ];
    let file = judge(&plan(), &good_and(lines)).unwrap();
    let codes: Vec<&str> = breaches(&file).iter().map(|b| b.objective.as_str()).collect();
    assert_eq!(codes, ["isolation", "quota_conserved", "backend_died", "manuals_conserved"]);
    assert!(file.headline.starts_with("Broken promise `isolation`"), "{}", file.headline);
    assert!(file.headline.ends_with("And 3 more."), "{}", file.headline);
}

#[test]
fn a_backend_that_dies_fails_with_its_last_words() {
    let is_done = |line: &Evidence| matches!(line, Evidence::Done(_));
    let is_first = |line: &Evidence| matches!(line, Evidence::Hello(_) | Evidence::Tick(_));
    // With or without an end of the worker, and even before its beginning.
    for evidence in [
        good_and([died()]),
        without(good_and([died()]), is_done),
        without(without(good_and([died()]), is_done), is_first),
    ] {
        let file = judge(&plan(), &evidence).unwrap();
        let died = breaches(&file).iter().find(|b| b.objective == "backend_died").unwrap();
        assert!(died.message.contains("exit code 101"), "{}", died.message);
        assert!(died.message.contains("panicked at src/main.rs"), "{}", died.message);
        assert_eq!((died.first_at_ms, file.exit_code), (Some(6_000), 1));
    }
}

#[test]
fn a_target_that_refuses_everyone_fails() {
    // All 401, each with its finding; and, should the findings be lost, without.
    let peak = vec![series("peak", RequestKind::Query, AnswerClass::HttpError, 900, 1_000)];
    let file = judge(&plan(), &run(peak.clone())).unwrap();
    assert!(breaches(&file)[0].message.starts_with("1000 answers were classed as wrong"));
    let mut evidence = run(peak);
    evidence.extend((0..20).map(|i| finding(Rule::UnexplainedRefusal, i.into(), i)));
    let file = judge(&plan(), &evidence).unwrap();
    assert_eq!(breaches(&file)[0].objective, "unexplained_refusal");
}

#[test]
fn a_wrong_answer_in_the_warm_up_fails_too() {
    let wrong = series("warm-up", RequestKind::Query, AnswerClass::WrongAnswer, 900, 1);
    let file = judge(&plan(), &good_and([ticked(tick(1_000, "warm-up", vec![wrong]))])).unwrap();
    let objectives: Vec<&str> = breaches(&file).iter().map(|b| b.objective.as_str()).collect();
    assert_eq!(objectives, ["unexplained5xx", "o2"]);
    assert_eq!(breaches(&file)[1].kind, ObjectiveKind::Correctness);
}

#[test]
fn a_broken_timing_objective_fails() {
    let peak = vec![
        series("peak", RequestKind::Query, AnswerClass::Ok, 600_000, 600),
        series("peak", RequestKind::Health, AnswerClass::Ok, 1_000, 400),
    ];
    let file = judge(&plan(), &run(peak)).unwrap();
    let [breach] = breaches(&file) else { panic!("{:?}", file.judgement) };
    assert_eq!((breach.objective.as_str(), breach.kind), ("o0", ObjectiveKind::Timing));
    assert_eq!((file.exit_code, breach.ordinals.len()), (1, 0));
    assert!(
        breach.message.contains("over 600 samples; the limit is 500.00 ms."),
        "{}",
        breach.message
    );
}

#[test]
fn what_holds_for_every_profile_fails_too() {
    for (class, name) in [
        (AnswerClass::Transport, "built-in transport errors"),
        (AnswerClass::Timeout, "built-in timeouts"),
    ] {
        let peak = |n: usize| {
            run(vec![
                series("peak", RequestKind::Query, class, 20_000, n),
                series("peak", RequestKind::Query, AnswerClass::Ok, 20_000, 1_000 - n),
            ])
        };
        assert_eq!(judge(&plan(), &peak(1)).unwrap().judgement, Verdict::Pass);
        let file = judge(&plan(), &peak(2)).unwrap();
        assert_eq!(breaches(&file)[0].objective, name);
        // A profile's own objective on the same thing takes its place; one on a part of it does not.
        let own = format!("share requests{{class={class}}} <= 1%");
        let of_health = format!("share requests{{class={class},kind=health}} <= 1%");
        let file = judge(&plan_of(raw(&[OBJECTIVES[0], &own])), &peak(2)).unwrap();
        assert_eq!(file.judgement, Verdict::Pass);
        let mut evidence = peak(2);
        let health = series("peak", RequestKind::Health, AnswerClass::Ok, 1_000, 5);
        evidence.push(ticked(tick(12_001, "peak", vec![health])));
        let file = judge(&plan_of(raw(&[OBJECTIVES[0], &of_health])), &evidence).unwrap();
        assert_eq!(breaches(&file)[0].objective, name);
    }
    let mut dropping = tick(12_001, "peak", Vec::new());
    (dropping.offered, dropping.dropped) = (2, 2);
    let file = judge(&plan(), &good_and([ticked(dropping)])).unwrap();
    assert_eq!(breaches(&file)[0].objective, "built-in dropped arrivals");
}

#[test]
fn a_replay_judges_promises_but_no_timing() {
    let mut plan = plan();
    plan.only = Some(vec![3, 9]);
    // Three slow answers, a worker that sent two of 1 020: nothing that a replay is judged by.
    let slow = series("peak", RequestKind::Query, AnswerClass::Ok, 2_000_000, 2);
    let evidence = vec![
        hello(),
        ticked(tick(1_000, "peak", vec![slow])),
        Evidence::Done(Done { started: 2, completed: 2, ..done() }),
    ];
    let file = judge(&plan, &evidence).unwrap();
    assert_eq!(file.judgement, Verdict::Pass, "{}", file.headline);
    assert!(file.headline.contains("timing is not judged"), "{}", file.headline);
    let timing = file.objectives.iter().filter(|o| o.kind == ObjectiveKind::Timing);
    assert!(timing.into_iter().all(|o| o.status == Status::Void));
    let mut broken = evidence.clone();
    broken.push(finding(Rule::Leak, 1, 3));
    assert_eq!(judge(&plan, &broken).unwrap().exit_code, 1);
    let nothing = [hello(), Evidence::Done(done())];
    assert_eq!(causes_of(&judge(&plan, &nothing).unwrap()), ["nothing_selected"]);
}

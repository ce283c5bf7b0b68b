//! Scripted scenarios, and what they are called. The script says for each request what hit it and how it ended.

use super::*;
use crate::domain::{
    chaos::evidence::{Ended, Foretold},
    evidence::{Conservation, Evidence, Interrupted},
    rule::Rule,
};

mod breach_kinds;
mod recoveries;
mod script;

use script::{FAULT_MS, STEADY_MS, Script, closed, plan, script};

#[test]
fn a_request_with_a_clean_attempt_succeeds_and_one_without_is_refused() {
    let mut script = script();
    let [first, second, third] = script.queries_under_fault()[..3] else { panic!() };
    script.hit(first, 1).hit(second, 2).hit(third, 3).refuse(third, 429, "model_throttled");
    let verdict = script.verdict();
    assert_eq!(verdict.judgement, Verdict::Pass, "{:#?}", verdict.judgement);
    assert_eq!(verdict.requests["s"]["absorbed"], 2);
    assert_eq!(verdict.requests["s"]["surfaced"], 1);
}

#[test]
fn a_build_with_seeded_defects_never_passes() {
    let script = {
        let mut script = script();
        script.all_throttled();
        script
    };
    let defective = ChaosPlan { sut_defects: vec!["d".to_owned()], ..plan(vec![script.run()]) };
    let verdict = judge_chaos(&defective, &script.evidence()).unwrap();
    assert_eq!(verdict.exit_code, 3);
}

#[test]
fn without_its_stimulus_a_scenario_shows_nothing() {
    let verdict = script().verdict();
    let Verdict::Inconclusive { causes, .. } = &verdict.judgement else { panic!("{verdict:?}") };
    let never = Cause::FaultNeverFired { fault: "s/throttle".to_owned(), wanted: 1, got: 0 };
    assert_eq!(causes.as_slice(), [never]);
}

#[test]
fn without_a_steady_state_a_scenario_shows_nothing_and_breaks_nothing() {
    let mut script = script();
    script.all_throttled().refuse(0, 500, "internal");
    let verdict = script.verdict();
    let Verdict::Inconclusive { causes, breaches_seen } = &verdict.judgement else { panic!() };
    assert!(matches!(causes.as_slice(), [Cause::BaselineUnsteady { .. }]), "{causes:?}");
    assert!(breaches_seen.is_empty());
}

#[test]
fn what_holds_in_every_phase_needs_no_steady_state_to_be_broken() {
    let mut script = script();
    script.all_throttled().refuse(0, 500, "internal");
    script.load.push(Evidence::Conservation(Conservation {
        rule: Rule::Isolation,
        what: "retrievals that are not filtered by user".to_owned(),
        user: "anybody".to_owned(),
        expected_min: 0,
        expected_max: 0,
        seen: 3,
        ordinals: Vec::new(),
    }));
    assert_eq!(script.broken(), ["I6 tenant-isolation"]);
}

#[test]
fn a_fault_that_hits_what_its_seed_leaves_alone_is_the_instruments() {
    let mut script = script();
    let first = script.queries_under_fault()[0];
    script.hit(first, 2).lines.push(ChaosEvidence::Foretold(Foretold {
        scenario: "s".to_owned(),
        ordinal: first,
        fault: "throttle".to_owned(),
        operation: "bedrock-runtime:Converse".to_owned(),
        call: 1,
        clean_attempt: Some(2),
    }));
    let verdict = script.verdict();
    let Verdict::Inconclusive { causes, .. } = &verdict.judgement else { panic!("{verdict:?}") };
    assert!(matches!(causes.as_slice(), [Cause::FaultsAstray { .. }]), "{causes:?}");
}

#[test]
fn a_generator_that_lags_shows_nothing() {
    let mut script = script();
    script.all_throttled();
    for request in &mut script.requests {
        request.sent_us += 400_000;
        request.done_us += 400_000;
    }
    let verdict = script.verdict();
    let Verdict::Inconclusive { causes, .. } = &verdict.judgement else { panic!("{verdict:?}") };
    assert!(matches!(causes.as_slice(), [Cause::GeneratorLagged { .. }, ..]), "{causes:?}");
}

#[test]
fn evidence_that_is_not_whole_is_not_judged() {
    let mut script = script();
    script.all_throttled();
    let (plan, whole) = (plan(vec![script.run()]), script.evidence());
    assert!(judge_chaos(&plan, &whole).is_ok());
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert!(judge_chaos(&plan, &whole[..cut]).is_err(), "{cut}");
    }
    for lost in [5, whole.len() - 4] {
        let mut less = whole.clone();
        less.remove(lost);
        less.pop();
        assert!(judge_chaos(&plan, &closed(less)).is_err(), "{lost}");
    }
    let left: Vec<ChaosEvidence> = whole[..whole.len() - 1]
        .iter()
        .map(|line| {
            let ChaosEvidence::Ended(ended) = line else { return line.clone() };
            ChaosEvidence::Ended(Ended { left_on: vec!["throttle".to_owned()], ..ended.clone() })
        })
        .collect();
    let error = judge_chaos(&plan, &closed(left)).unwrap_err();
    assert!(error.to_string().contains("still on"), "{error}");
}

#[test]
fn an_interrupted_run_is_neither_passed_nor_failed() {
    let mut script = script();
    script.all_throttled();
    let mut lines = script.evidence();
    lines.pop();
    lines.retain(|line| !matches!(line, ChaosEvidence::Ended(_)));
    lines.push(ChaosEvidence::Interrupted(Interrupted { at_ms: 3_000 }));
    let verdict = judge_chaos(&plan(vec![script.run()]), &closed(lines)).unwrap();
    assert_eq!(verdict.exit_code, 130);
}

#[test]
fn another_build_is_told() {
    let mut script = script();
    script.all_throttled();
    let other = ChaosPlan { sut_commit: "def".to_owned(), ..plan(vec![script.run()]) };
    let verdict = judge_chaos(&other, &script.evidence()).unwrap();
    let Verdict::Inconclusive { causes, .. } = &verdict.judgement else { panic!() };
    assert!(matches!(causes.as_slice(), [Cause::TargetChanged { .. }]), "{causes:?}");
}

#[test]
fn an_open_breaker_explains_refusals_only_if_it_is_named_and_had_reason() {
    let open_us = (STEADY_MS + FAULT_MS) * 1_000 + 500_000;
    let scripted = |named: bool, hits: bool| {
        let mut script = script();
        if named {
            script.expect.breakers = vec!["model".to_owned()];
        }
        let queries = script.queries_under_fault();
        for ordinal in &queries[..if hits { queries.len() } else { 1 }] {
            script.hit(*ordinal, 3).refuse(*ordinal, 429, "model_throttled");
        }
        script.breaker("open", open_us).breaker("half_open", open_us + 1_000_000);
        script.breaker("closed", open_us + 1_500_000);
        script.down(open_us + 100_000, open_us + 1_400_000, 503, "model_unavailable");
        script
    };
    assert_eq!(scripted(true, true).verdict().judgement, Verdict::Pass);
    assert!(scripted(false, true).broken().contains(&"I11 explained".to_owned()));
    assert!(scripted(true, false).broken().contains(&"I11 explained".to_owned()));
}

#[test]
fn calls_that_are_given_up_early_are_right_only_when_the_retries_were_spent() {
    let given_up = |before: usize| {
        let mut script = script();
        let queries = script.queries_under_fault();
        let foretold = |ordinal: u32| {
            ChaosEvidence::Foretold(Foretold {
                scenario: "s".to_owned(),
                ordinal,
                fault: "throttle".to_owned(),
                operation: "bedrock-runtime:Converse".to_owned(),
                call: 1,
                clean_attempt: None,
            })
        };
        // The phase is longer here: the last pause between attempts must end inside of it.
        for ordinal in &queries {
            script.lines.push(foretold(*ordinal));
        }
        let victim = queries[before];
        for ordinal in &queries[..before] {
            script.hit(*ordinal, 3).refuse(*ordinal, 429, "model_throttled");
        }
        script.hit(victim, 1).refuse(victim, 429, "model_throttled");
        let view_run = script.run();
        let evidence = script.evidence();
        let view = view::View::of(&view_run, &evidence);
        let request = view.requests.iter().find(|r| r.ordinal == victim).unwrap();
        fate::calls(&view, request)[0].end
    };
    // Within the last 2.5 s of a phase the next attempt may have met no fault: nothing is held against it.
    assert_eq!(given_up(3), fate::CallEnd::Clean);
    assert_eq!(given_up(26), fate::CallEnd::Unsure);
}

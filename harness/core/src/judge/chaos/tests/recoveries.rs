//! Scripted recoveries: how long they took, and which of them never end.

use super::*;
use crate::judge::chaos::phases::{Recovery, recovery};

/// The last fault of a script, in µs.
fn last_fault(script: &Script) -> u64 {
    script.hits.iter().map(|hit| hit.at_us).max().unwrap()
}

fn seen(script: &Script) -> Recovery {
    let (run, evidence) = (script.run(), script.evidence());
    recovery(&view::View::of(&run, &evidence))
}

#[test]
fn a_recovery_is_timed_within_a_quarter_of_a_second() {
    for ms in [0, 130, 400, 777, 1_500, 3_210, 4_900, 7_350] {
        let mut script = script();
        script.all_throttled();
        let last = last_fault(&script);
        script.down(last, last + ms * 1_000, 503, "model_unavailable");
        let Recovery::After(us) = seen(&script) else { panic!("{ms}: {:?}", seen(&script)) };
        assert!(us.abs_diff(ms * 1_000) <= 250_000, "{ms} ms were timed as {us} µs");
    }
}

#[test]
fn a_relapse_counts_from_its_end() {
    let mut script = script();
    script.all_throttled();
    let last = last_fault(&script);
    // Well for half a second only, then down again.
    script.down(last, last + 500_000, 503, "model_unavailable");
    script.down(last + 1_000_000, last + 2_000_000, 503, "model_unavailable");
    let Recovery::After(us) = seen(&script) else { panic!() };
    assert!(us.abs_diff(2_000_000) <= 250_000, "{us}");
}

#[test]
fn ten_of_ten_retry_storms_are_metastable_and_none_of_twenty_healthy_ones() {
    for storm in 0..10_u64 {
        let mut script = script();
        script.all_throttled();
        let last = last_fault(&script);
        // The fault is gone, the load the same; retries keep a third to all of the requests down.
        let every = 1 + storm % 3;
        let due: Vec<u32> = script
            .requests
            .iter()
            .filter(|r| r.due_us > last && u64::from(r.ordinal) % every == 0)
            .map(|r| r.ordinal)
            .collect();
        for ordinal in due {
            script.refuse(ordinal, 503, "model_unavailable");
        }
        assert!(matches!(seen(&script), Recovery::Metastable(_)), "{storm}: {:?}", seen(&script));
        assert!(script.broken().contains(&"metastable".to_owned()), "{storm}");
    }
    for healthy in 0..20_u64 {
        let mut script = script();
        script.all_throttled();
        let last = last_fault(&script);
        script.down(last, last + healthy * 200_000, 503, "model_unavailable");
        assert!(matches!(seen(&script), Recovery::After(_)), "{healthy}: {:?}", seen(&script));
    }
}

#[test]
fn one_that_is_late_is_told_apart_from_one_that_never_comes() {
    let mut late = script();
    late.expect.recovery_within_ms = 1_000;
    late.expect.breakers = vec!["model".to_owned()];
    late.all_throttled();
    let last = last_fault(&late);
    late.breaker("open", last).breaker("closed", last + 3_000_000);
    late.down(last, last + 2_900_000, 503, "model_unavailable");
    assert_eq!(late.broken(), ["recovery"]);
    let verdict = late.verdict();
    let message = &verdict.judgement.breaches()[0].message;
    assert!(message.contains("1.000 s is the most"), "{message}");
}

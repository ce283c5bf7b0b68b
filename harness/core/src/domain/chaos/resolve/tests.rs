//! What is wrong with a scenario is told by key.

use super::*;
use crate::domain::chaos::{RawChaosLoad, RawChaosStage, RawExpect, Tier};

fn good() -> RawScenario {
    RawScenario {
        schema: SCENARIO_SCHEMA.to_owned(),
        title: "It holds".to_owned(),
        tiers: vec![Tier::Smoke],
        stage: RawChaosStage::default(),
        load: RawChaosLoad {
            users: 4,
            manuals: vec!["router".to_owned()],
            rate_per_s: 10.0,
            mix: [("query".to_owned(), 3), ("list_manuals".to_owned(), 1)].into(),
            steady_ms: 2_000,
            fault_ms: 3_000,
            recovery_ms: 4_000,
            burst_over: None,
        },
        faults: vec![RawFault {
            name: "throttle".to_owned(),
            on: Some("bedrock-runtime:Converse".to_owned()),
            verb: Some("error ThrottlingException".to_owned()),
            at_least: 1,
            affects: vec!["query".to_owned()],
            answers: vec!["429 model_throttled".to_owned()],
            ..RawFault::default()
        }],
        expect: RawExpect {
            recovery_within_ms: 2_000,
            answer_within_ms: 10_000,
            ..RawExpect::default()
        },
    }
}

/// Each change makes the good one bad in one place.
fn refused(change: impl Fn(&mut RawScenario)) -> Vec<String> {
    let mut raw = good();
    change(&mut raw);
    check(&raw).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_one_has_a_load_of_three_phases() {
    assert_eq!(check(&good()), Ok(()));
    let profile = profile(&good()).unwrap();
    let phases: Vec<&str> = profile.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(phases, PHASES);
    assert_eq!(profile.duration_us(), 9_000_000);
}

#[test]
fn mistakes_name_their_key() {
    type Change = fn(&mut RawScenario);
    let table: [(Change, &str); 22] = [
        (|raw| raw.schema = "manuel-chaos/2".to_owned(), "schema: expected"),
        (|raw| raw.tiers.clear(), "tiers: expected at least one"),
        (|raw| raw.faults.clear(), "faults: expected at least one"),
        (|raw| raw.load.rate_per_s = f64::NAN, "load.rate_per_s: expected"),
        (|raw| raw.load.fault_ms = 0, "load.fault_ms: expected"),
        (|raw| raw.load.mix = [("qery".to_owned(), 1)].into(), "did you mean `query`?"),
        (|raw| raw.faults[0].proxy = Some("s3".to_owned()), "faults.0: expected exactly one of"),
        (|raw| raw.faults[0].on = None, "faults.0: expected exactly one of"),
        (|raw| raw.faults[0].verb = None, "faults.0.on: needs `do`"),
        (|raw| raw.faults[0].toxic = Some("latency".to_owned()), "only beside `proxy`"),
        (|raw| raw.faults[0].at_least = 0, "a fault that need not happen shows nothing"),
        (
            |raw| raw.faults[0].affects = vec!["upload".to_owned()],
            "the load never makes a `upload`",
        ),
        (|raw| raw.faults[0].affects.clear(), "faults.0: needs `affects`"),
        (
            |raw| raw.faults[0].answers = vec!["throttled".to_owned()],
            "expected a status and a code",
        ),
        (|raw| raw.faults[0].name = "a b".to_owned(), "faults.0.name: expected"),
        (|raw| raw.faults.push(raw.faults[0].clone()), "a name that no other fault has"),
        (
            |raw| {
                raw.faults[0].on = None;
                raw.faults[0].verb = None;
                raw.faults[0].process = Some(ProcessFault::Kill);
                raw.faults[0].after_ms = Some(3_000);
            },
            "the phase ends after 3000 ms",
        ),
        (
            |raw| {
                raw.faults[0].on = None;
                raw.faults[0].verb = None;
                raw.faults[0].process = Some(ProcessFault::Evict);
            },
            "`evict` is for `runtime = \"lambda\"`",
        ),
        (|raw| raw.expect.breakers = vec!["modell".to_owned()], "did you mean `model`?"),
        (|raw| raw.expect.unaffected = vec!["query".to_owned()], "a fault affects `query`"),
        (|raw| raw.expect.recovery_within_ms = 4_000, "a recovery after the end is never seen"),
        (|raw| raw.expect.answer_within_ms = 0, "expect.answer_within_ms: expected"),
    ];
    for (number, (change, says)) in table.into_iter().enumerate() {
        let told = refused(change);
        assert!(told.iter().any(|line| line.contains(says)), "{number}: `{says}` not in {told:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let told = refused(|raw| {
        raw.tiers.clear();
        raw.load.users = 0;
        raw.faults[0].at_least = 0;
    });
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn a_hit_that_is_waited_for_must_be_a_fault_of_calls() {
    let told = refused(|raw| {
        raw.faults.push(RawFault {
            name: "kill".to_owned(),
            process: Some(ProcessFault::Kill),
            when_hit: Some("throtle".to_owned()),
            at_least: 1,
            affects: vec!["query".to_owned()],
            outcome: Outcome::Cut,
            ..RawFault::default()
        });
    });
    assert!(told[0].contains("did you mean `throttle`?"), "{told:?}");
}

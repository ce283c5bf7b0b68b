//! What outweighs what: 130, then a broken promise, then a cause, then a broken timing objective, then Pass.

use proptest::prelude::*;

use super::*;

fn breach(kind: ObjectiveKind, name: u8) -> Breach {
    Breach {
        objective: format!("{kind:?}-{name}"),
        kind,
        promise: String::new(),
        message: String::new(),
        times: 1,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: String::new(),
    }
}

fn any_cause() -> impl Strategy<Value = Cause> {
    let detail = || "\\PC{0,5}";
    prop_oneof![
        Just(Cause::NothingSelected),
        detail().prop_map(|detail| Cause::GeneratorLagged { detail }),
        detail().prop_map(|detail| Cause::StageSaturated { detail }),
        detail().prop_map(|objective| Cause::TooFewSamples { objective, wanted: 2, got: 1 }),
        detail().prop_map(|detail| Cause::BaselineUnsteady { detail }),
        detail().prop_map(|detail| Cause::TargetLost { detail }),
        detail().prop_map(|seen| Cause::TargetChanged { expected: "b".to_owned(), seen }),
        detail().prop_map(|detail| Cause::CapabilityMissing { detail }),
        detail().prop_map(|detail| Cause::NotComparable { detail }),
    ]
}

/// What a run can hold.
#[derive(Clone, Copy)]
struct Held {
    promise: u8,
    cause: u8,
    stopped: u8,
    timing: u8,
}

/// The precedence, written down a second time, as a table of what the verdict and its exit code are.
fn expected(held: Held) -> (&'static str, u8) {
    match (held.stopped, held.promise, held.cause, held.timing) {
        (1.., _, _, _) => ("inconclusive", 130),
        (0, 1.., _, _) | (0, 0, 0, 1..) => ("fail", 1),
        (0, 0, 1.., _) => ("inconclusive", 3),
        (0, 0, 0, 0) => ("pass", 0),
    }
}

proptest! {
    #[test]
    fn the_precedence_holds_for_all_subsets(
        promises in 0_u8..3, causes in proptest::collection::vec(any_cause(), 0..3),
        at in proptest::option::of(0_usize..4), timings in 0_u8..3,
    ) {
        let of_kind = |kind, n: u8| (0..n).map(|i| breach(kind, i)).collect::<Vec<_>>();
        let promised = of_kind(ObjectiveKind::Correctness, promises);
        let timed = of_kind(ObjectiveKind::Timing, timings);
        let mut all = causes.clone();
        if let Some(at) = at {
            all.insert(at.min(causes.len()), Cause::Interrupted { at_ms: 1 });
        }
        let verdict = settle(promised.clone(), all.clone(), timed.clone());
        let held = Held {
            promise: promises,
            cause: u8::from(!causes.is_empty()),
            stopped: u8::from(at.is_some()),
            timing: timings,
        };
        let (word, exit) = expected(held);
        prop_assert_eq!((verdict.word(), verdict.exit_code()), (word, exit));
        let both: Vec<Breach> = promised.iter().chain(&timed).cloned().collect();
        match &verdict {
            Verdict::Pass => prop_assert!(both.is_empty()),
            // With a cause, timing is no evidence: a broken promise stands alone.
            Verdict::Fail { breaches } if causes.is_empty() => prop_assert_eq!(breaches.as_slice(), both),
            Verdict::Fail { breaches } => prop_assert_eq!(breaches.as_slice(), promised),
            Verdict::Inconclusive { causes, breaches_seen } => {
                prop_assert_eq!(causes.as_slice(), all);
                prop_assert_eq!(breaches_seen, &both);
            }
        }
        // And none of it changes on the wire.
        let json = serde_json::to_string(&verdict).unwrap();
        prop_assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}

#[test]
fn the_precedence_holds_from_evidence_to_exit_code() {
    for case in 0..32_u8 {
        let has = |bit: u8| case & (1 << bit) != 0;
        let mut evidence = good();
        if has(0) {
            evidence.push(finding(Rule::Isolation, 5, 5));
        }
        if has(1) {
            evidence.push(missing());
        }
        if has(2) {
            evidence.push(interrupted());
        }
        if has(3) {
            evidence.push(resource("peak", Process::Backend, 200, 999_999));
        }
        if has(4) {
            // The harness did not do its part: no verdict at all, whatever else was seen.
            evidence.push(Evidence::WorkerLost(Lost { detail: String::new() }));
            assert!(judge(&plan(), &evidence).is_err());
            continue;
        }
        let file = judge(&plan(), &evidence).unwrap();
        let bit = |bit: u8| u8::from(has(bit));
        let held = Held { promise: bit(0), cause: bit(1), stopped: bit(2), timing: bit(3) };
        let (word, exit) = expected(held);
        assert_eq!((file.judgement.word(), file.exit_code), (word, exit), "{case:05b}");
        let timing = file.judgement.breaches().iter().filter(|b| b.kind == ObjectiveKind::Timing);
        let outweighed = has(0) && has(1) && !has(2);
        assert_eq!(timing.count(), usize::from(has(3) && !outweighed), "{case:05b}");
    }
}

#[test]
fn a_fail_without_a_breach_or_a_doubt_without_a_cause_does_not_parse() {
    for text in [
        r#"{"verdict":"fail","breaches":[]}"#,
        r#"{"verdict":"inconclusive","causes":[],"breaches_seen":[]}"#,
        r#"{"verdict":"passed"}"#,
    ] {
        assert!(serde_json::from_str::<Verdict>(text).is_err(), "{text}");
    }
    assert_eq!(serde_json::from_str::<Verdict>(r#"{"verdict":"pass"}"#).unwrap(), Verdict::Pass);
}

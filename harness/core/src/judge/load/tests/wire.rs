//! Evidence survives its file, and the same evidence gives the same bytes, however its ticks were cut.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::judge::canonical::canonical_json;

fn word() -> impl Strategy<Value = String> {
    "\\PC{0,8}"
}

fn histogram() -> impl Strategy<Value = LatencyHistogram> {
    vec((0_u64..5_000_000_000, 1_usize..3), 0..12)
        .prop_map(|each| times(each.into_iter().flat_map(|(us, n)| vec![us; n])))
}

fn phase() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("peak".to_owned()), 1 => Just("warm-up".to_owned()), 1 => word()]
}

prop_compose! {
    fn any_series()(
        phase in phase(),
        kind in select(&RequestKind::ALL[..]),
        class in select(&AnswerClass::ALL[..]),
        (latency, service, own) in (histogram(), histogram(), histogram()),
        cache_hits in 0_u64..100,
        statuses in proptest::collection::btree_map(0_u16..600, 0_u64..1_000, 0..4),
    ) -> Series {
        Series { phase, kind, class, latency, service, own, cache_hits, statuses }
    }
}

prop_compose! {
    fn any_tick()(
        (at_ms, offered, started, dropped, in_flight) in
            (0_u64..100_000, 0_u64..9_000, 0_u64..9_000, 0_u64..9_000, any::<u64>()),
        phase in phase(),
        lag in histogram(),
        series in vec(any_series(), 0..4),
    ) -> Evidence {
        ticked(Tick { at_ms, phase, offered, started, dropped, in_flight, lag, series })
    }
}

prop_compose! {
    fn any_finding()(
        rule in select(&Rule::ALL[..]),
        (at_ms, ordinal, status) in (any::<u64>(), any::<u32>(), any::<u16>()),
        kind in select(&RequestKind::ALL[..]),
        (user, expected, seen, trace_id) in (word(), word(), word(), word()),
        request_id in option::of(word()),
    ) -> Evidence {
        Evidence::Finding(Finding {
            rule, at_ms, ordinal, kind, user, expected, seen, status, request_id, trace_id,
        })
    }
}

fn any_conservation() -> impl Strategy<Value = Evidence> {
    let figures = (any::<u64>(), any::<u64>(), any::<u64>(), vec(any::<u32>(), 0..4));
    (select(&Rule::ALL[..]), word(), word(), figures).prop_map(
        |(rule, what, user, (expected_min, expected_max, seen, ordinals))| {
            Evidence::Conservation(Conservation {
                rule,
                what,
                user,
                expected_min,
                expected_max,
                seen,
                ordinals,
            })
        },
    )
}

fn any_resource() -> impl Strategy<Value = Evidence> {
    let figures = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let process = select(&[Process::Backend, Process::Stage, Process::Worker][..]);
    (phase(), process, figures).prop_map(|(phase, process, figures)| {
        let (at_ms, cpu_permille, rss_kib, fds, threads) = figures;
        Evidence::Resource(Resource { at_ms, phase, process, cpu_permille, rss_kib, fds, threads })
    })
}

fn any_done() -> impl Strategy<Value = Evidence> {
    let figures = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let spans = (any::<u64>(), any::<u64>(), any::<u64>());
    (figures, spans, word()).prop_map(|(figures, spans, ledger_sha256)| {
        let (planned, started, completed, dropped) = figures;
        let (scheduled_span_us, sent_span_us, unscheduled) = spans;
        Evidence::Done(Done {
            planned,
            started,
            completed,
            dropped,
            scheduled_span_us,
            sent_span_us,
            unscheduled,
            ledger_sha256,
        })
    })
}

/// Any line but those that end a judgement: a foreign greeting, a lost worker or stage.
fn any_line() -> impl Strategy<Value = Evidence> {
    let died = (any::<u64>(), word(), vec(word(), 0..3));
    let version = (word(), any::<u64>(), any::<u32>());
    prop_oneof![
        4 => any_tick(),
        2 => any_finding(),
        2 => any_conservation(),
        2 => any_resource(),
        1 => any_done(),
        1 => died.prop_map(|(at_ms, how, last_lines)| {
            Evidence::BackendDied(BackendDied { at_ms, how, last_lines })
        }),
        1 => version.prop_map(|(commit, at_ms, ordinal)| {
            Evidence::Version(Version { commit, at_ms, ordinal })
        }),
        1 => word().prop_map(|detail| Evidence::CapabilityMissing(Lost { detail })),
        1 => any::<u64>().prop_map(|at_ms| Evidence::Interrupted(Interrupted { at_ms })),
    ]
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let hello = (word(), any::<u32>(), word(), any::<u64>());
    prop_oneof![
        9 => any_line(),
        1 => hello.prop_map(|(schema, pid, schedule_sha256, arrivals)| {
            Evidence::Hello(Hello { schema, pid, schedule_sha256, arrivals, begins_unix_us: 0 })
        }),
        1 => word().prop_map(|detail| Evidence::WorkerLost(Lost { detail })),
        1 => word().prop_map(|detail| Evidence::StageLost(Lost { detail })),
    ]
}

fn bytes(evidence: &[Evidence]) -> String {
    canonical_json(&judge(&plan(), evidence).unwrap()).unwrap()
}

fn through_a_file(evidence: &[Evidence]) -> Vec<Evidence> {
    let lines: Vec<String> = evidence.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn evidence_survives_its_file(evidence in any_evidence()) {
        let line = serde_json::to_string(&evidence).unwrap();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Evidence>(&line).unwrap(), evidence);
    }

    #[test]
    fn judging_again_gives_the_same_bytes(lines in vec(any_line(), 0..6)) {
        let evidence = good_and(lines);
        let first = bytes(&evidence);
        prop_assert_eq!(&bytes(&evidence), &first);
        prop_assert_eq!(&bytes(&through_a_file(&evidence)), &first);
        let file: VerdictFile = serde_json::from_str(&first).unwrap();
        prop_assert_eq!(canonical_json(&file).unwrap(), first);
    }

    #[test]
    fn whatever_was_seen_a_pass_rests_on_answers_and_on_kept_promises(
        lines in vec(any_line(), 0..4), with_good in any::<bool>(),
    ) {
        let mut evidence = if with_good { good() } else { vec![hello(), Evidence::Done(done())] };
        evidence.extend(lines);
        let file = judge(&plan(), &evidence).unwrap();
        if file.judgement == Verdict::Pass {
            let seen = Seen::of(&plan(), &evidence).unwrap();
            prop_assert!(seen.count(|_, _, class| !class.is_error()) > 0);
            prop_assert!(seen.findings.is_empty() && seen.died.is_none());
            prop_assert!(seen.missing.is_empty() && seen.interrupted_at_ms.is_none());
            prop_assert!(file.objectives.iter().all(|o| o.status == Status::Held));
            prop_assert!(file.promises.iter().all(|p| p.broken == 0));
        }
        prop_assert_eq!(file.exit_code, file.judgement.exit_code());
    }

    #[test]
    fn the_cut_between_ticks_does_not_matter(
        parts in vec((0_usize..8, 1_u64..3_000_000, 1_usize..40, 0_u64..20_000), 1..12),
        cut in 0_usize..12,
    ) {
        let classes = [AnswerClass::Ok, AnswerClass::ExpectedReject];
        let ticks: Vec<Tick> = parts.iter().map(|(kind, us, n, lag)| {
            let mut part = series("peak", RequestKind::ALL[*kind], classes[kind % 2], *us, *n);
            part.cache_hits = *n as u64 / 2;
            let mut tick = tick(12_000, "peak", vec![part]);
            tick.lag = times(vec![*lag; *n]);
            tick
        }).collect();
        let merge = |ticks: &[Tick]| {
            let mut all = tick(12_000, "peak", Vec::new());
            for tick in ticks {
                all.offered += tick.offered;
                all.started += tick.started;
                all.lag.add(&tick.lag);
                all.series.extend(tick.series.clone());
            }
            ticked(all)
        };
        let apart = good_and(ticks.iter().cloned().map(ticked));
        let (before, after) = ticks.split_at(cut.min(ticks.len()));
        let judged = bytes(&apart);
        prop_assert_eq!(&bytes(&good_and([merge(&ticks)])), &judged);
        prop_assert_eq!(&bytes(&good_and([merge(before), merge(after)])), &judged);
        prop_assert_eq!(&bytes(&good_and([merge(after), merge(before)])), &judged);
    }
}

#[test]
fn a_line_with_a_field_too_many_or_of_an_unknown_event_is_refused() {
    for line in [
        r#"{"event":"interrupted","at_ms":1,"by":"us"}"#,
        r#"{"event":"finished"}"#,
        r#"{"event":"interrupted","at_ms":1.5}"#,
        r#"{"event":"interrupted","at_ms":-1}"#,
    ] {
        assert!(serde_json::from_str::<Evidence>(line).is_err(), "{line}");
    }
    assert_eq!(
        serde_json::from_str::<Evidence>(r#"{"event":"interrupted","at_ms":6500}"#).unwrap(),
        interrupted()
    );
}

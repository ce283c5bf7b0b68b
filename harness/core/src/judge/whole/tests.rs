//! Evidence that lost something is not judged, wherever it was lost.

use super::*;
use crate::domain::{
    evidence::{BackendDied, Closed, Interrupted, Series, Tick},
    histogram::LatencyHistogram,
    kind::{AnswerClass, RequestKind},
};

fn tick(count: u64) -> Evidence {
    let mut latency = LatencyHistogram::new();
    (0..count).for_each(|_| latency.record(1_000));
    let series = Series {
        phase: "p".to_owned(),
        kind: RequestKind::Query,
        class: AnswerClass::Ok,
        service: latency.clone(),
        own: latency.clone(),
        latency,
        cache_hits: 0,
        statuses: std::collections::BTreeMap::from([(200, count)]),
    };
    Evidence::Tick(Box::new(Tick {
        at_ms: 1_000,
        phase: "p".to_owned(),
        offered: count,
        started: count,
        dropped: 0,
        in_flight: 0,
        lag: LatencyHistogram::new(),
        series: vec![series],
    }))
}

fn done(started: u64, completed: u64) -> Evidence {
    Evidence::Done(Done {
        planned: started,
        started,
        completed,
        dropped: 0,
        scheduled_span_us: 1,
        sent_span_us: 1,
        unscheduled: 0,
        ledger_sha256: String::new(),
    })
}

fn closed(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    let lines = evidence.len() as u64;
    evidence.push(Evidence::Closed(Closed { lines }));
    evidence
}

#[test]
fn whole_evidence_is_whole() {
    assert_eq!(check(&closed(vec![tick(3), tick(4), done(7, 7)])), Ok(()));
}

#[test]
fn evidence_cut_anywhere_is_not() {
    let whole = closed(vec![tick(3), tick(4), done(7, 7)]);
    for end in 0..whole.len() {
        assert_eq!(check(&whole[..end]), Err(JudgeError::CutOff), "cut at {end}");
    }
    for gone in 0..whole.len() - 1 {
        let mut holed = whole.clone();
        holed.remove(gone);
        assert_eq!(check(&holed), Err(JudgeError::CutOff), "line {gone} gone");
    }
    let mut behind = whole;
    behind.push(tick(1));
    assert_eq!(check(&behind), Err(JudgeError::CutOff));
}

#[test]
fn a_line_for_another_does_not_help() {
    let swapped = closed(vec![tick(3), tick(3), done(7, 7)]);
    let error = check(&swapped).unwrap_err();
    assert!(matches!(error, JudgeError::DoesNotAddUp { said: 7, counted: 6, .. }), "{error}");
}

#[test]
fn what_was_sent_must_have_ended_unless_the_run_was_cut_short() {
    let mut unequal = tick(7);
    if let Evidence::Tick(tick) = &mut unequal {
        tick.started = 9;
    }
    let lines = vec![unequal, done(9, 7)];
    let error = check(&closed(lines.clone())).unwrap_err();
    assert_eq!(error, JudgeError::Unaccounted { sent: 9, ended: 7 });
    let died = BackendDied { at_ms: 1, how: "signal 9".to_owned(), last_lines: Vec::new() };
    let mut with_death = lines.clone();
    with_death.push(Evidence::BackendDied(died));
    assert_eq!(check(&closed(with_death)), Ok(()));
    let mut interrupted = lines;
    interrupted.push(Evidence::Interrupted(Interrupted { at_ms: 1 }));
    assert_eq!(check(&interrupted), Ok(()));
}

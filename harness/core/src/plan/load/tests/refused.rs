//! What a stage does not allow, and the number that would do.

use super::*;

#[test]
fn a_quota_refusal_names_the_number_that_passes() {
    // 6 000 questions, 50 each: 120 users.
    let refused = planned(raw(10, 100.0, 60), &limits()).unwrap_err();
    let expected =
        PlanError::Quota { questions: 6_000, users: 10, most: 600, quota: 50, needed: 120 };
    assert_eq!(refused, expected);
    assert!(refused.to_string().contains("at least 120 users"));
    assert!(planned(raw(119, 100.0, 60), &limits()).is_err());
    assert!(planned(raw(120, 100.0, 60), &limits()).is_ok());
}

#[test]
fn users_of_probes_and_journeys_do_not_inflate_the_number() {
    let with_company = |users| {
        let mut raw = raw(users, 100.0, 60);
        raw.probes.quota_burst = Some(QuotaBurst { at_ms: 1_000, over: 10 });
        raw.stages.push(closed("journeys", 40, 1_000, 60));
        raw
    };
    let refused = planned(with_company(10), &limits()).unwrap_err();
    assert!(matches!(refused, PlanError::Quota { questions: 6_000, needed: 120, .. }), "{refused}");
    assert!(planned(with_company(119), &limits()).is_err());
    assert!(planned(with_company(120), &limits()).is_ok());
}

#[test]
fn the_month_is_a_quota_too() {
    // 600 questions, 45 each: 13 users would ask 47, so 14.
    let month = Limits { monthly_quota: 45, ..limits() };
    let refused = planned(raw(10, 100.0, 6), &month).unwrap_err();
    assert!(matches!(refused, PlanError::Quota { quota: 45, needed: 14, .. }), "{refused}");
    assert!(planned(raw(13, 100.0, 6), &month).is_err());
    assert!(planned(raw(14, 100.0, 6), &month).is_ok());
}

#[test]
fn a_journey_that_asks_too_much_is_not_helped_by_more_users() {
    let mut raw = raw(10, 10.0, 10);
    raw.stages.push(closed("journeys", 5, 100, 60));
    let refused = planned(raw, &limits()).unwrap_err();
    let user = "journey-journeys-0".to_owned();
    assert_eq!(refused, PlanError::QuotaOfOne { user, questions: 200, quota: 50 });
}

#[test]
fn a_rate_limit_refusal_names_a_number_that_passes() {
    let limits = rate_limited(30, 10);
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let with = |users| {
            let mut raw = raw(users, 100.0, 30);
            raw.mix = mix(&[("usage", 1), ("quota", 1)]);
            raw.stages[0].arrivals = Some(arrivals);
            raw
        };
        let refused = planned(with(10), &limits).unwrap_err();
        let PlanError::RateLimit { most, window_s: 10, limit: 30, needed, users: 10 } = refused
        else {
            panic!("{refused}");
        };
        assert!((95..=140).contains(&most), "{most}");
        assert!((33..=60).contains(&needed), "{needed}");
        assert!(planned(with(u32::try_from(needed).unwrap()), &limits).is_ok(), "{needed}");
    }
}

#[test]
fn a_window_slides() {
    // One user, one request a second: never more than 5 in 5 s, and 5 are allowed.
    let mut raw = raw(1, 1.0, 20);
    raw.mix = mix(&[("usage", 1)]);
    assert!(planned(raw.clone(), &rate_limited(5, 5)).is_ok());
    let refused = planned(raw, &rate_limited(4, 5)).unwrap_err();
    assert!(matches!(refused, PlanError::RateLimit { most: 5, needed: 2, .. }), "{refused}");
}

#[test]
fn a_burst_or_a_journey_over_the_rate_limit_is_named() {
    let mut burst = raw(10, 10.0, 10);
    burst.probes.quota_burst = Some(QuotaBurst { at_ms: 1_000, over: 10 });
    assert!(planned(burst.clone(), &rate_limited(60, 60)).is_ok());
    let refused = planned(burst, &rate_limited(59, 60)).unwrap_err();
    let (most, window_s, limit) = (60, 60, 59);
    assert_eq!(
        refused,
        PlanError::RateLimitOfOne { user: "burst".to_owned(), most, window_s, limit }
    );
    // 12 s of a step a second, every sixth a sign-in: 10 requests in any 12 s.
    let mut journeys = raw(10, 10.0, 10);
    journeys.stages.push(closed("journeys", 1, 1_000, 60));
    journeys.users = 100;
    assert!(planned(journeys.clone(), &rate_limited(10, 12)).is_ok());
    let refused = planned(journeys, &rate_limited(9, 12)).unwrap_err();
    let user = "journey-journeys-0".to_owned();
    assert_eq!(refused, PlanError::RateLimitOfOne { user, most: 10, window_s: 12, limit: 9 });
}

#[test]
fn rate_and_users_of_the_stage_are_kept() {
    let slow = Limits { max_rate_per_s: Some(99), ..limits() };
    assert_eq!(planned(raw(99, 99.0, 10), &slow).map(|_| ()), Ok(()));
    let refused = planned(raw(100, 99.5, 10), &slow).unwrap_err();
    assert_eq!(refused, PlanError::Rate { rate: 100, limit: 99 });
    let few = Limits { max_users: Some(10), ..limits() };
    assert!(planned(raw(10, 10.0, 10), &few).is_ok());
    let mut with_burst = raw(10, 10.0, 10);
    with_burst.probes.quota_burst = Some(QuotaBurst { at_ms: 0, over: 1 });
    assert_eq!(planned(with_burst, &few).unwrap_err(), PlanError::Users { users: 11, limit: 10 });
}

#[test]
fn a_kind_without_questions_is_refused() {
    let profile = Profile::resolve(raw(10, 10.0, 10)).unwrap();
    let none = QuestionSet { questions: Vec::new() };
    let refused = plan(&profile, 7, &limits(), &none).unwrap_err();
    assert_eq!(refused, PlanError::NoQuestion { kind: RequestKind::Query });
    let mut foreign = raw(10, 10.0, 10);
    foreign.manuals.push("solar".to_owned());
    foreign.mix = mix(&[("query", 1), ("query_foreign", 1)]);
    let refused = planned(foreign.clone(), &limits()).unwrap_err();
    assert_eq!(refused, PlanError::NoQuestion { kind: RequestKind::QueryForeign });
    foreign.mix = mix(&[("query", 1), ("query_foreign", 0)]);
    assert!(planned(foreign, &limits()).is_ok());
}

#[test]
fn nothing_to_send_and_too_much_at_once_are_refused() {
    let mut slow = raw(10, 0.001, 1);
    assert_eq!(planned(slow.clone(), &limits()).unwrap_err(), PlanError::Empty);
    slow.probes.quota_burst = Some(QuotaBurst { at_ms: 0, over: 1 });
    let wide = Limits { daily_quota: u64::MAX, monthly_quota: u64::MAX, ..limits() };
    let refused = planned(slow, &wide).unwrap_err();
    assert_eq!(refused, PlanError::BurstTooLarge { questions: u64::MAX, most: 10_000 });
}

fn with_objective(text: &str, seconds: u64) -> RawProfile {
    let mut raw = raw(100, 1.0, seconds);
    raw.objectives = objectives(&[text]);
    raw
}

#[test]
fn a_percentile_of_too_few_requests_is_refused() {
    for (text, needed) in [
        ("p95 latency <= 1s", 59),
        ("p99 own_time < 50ms", 299),
        ("p95 latency{kind=query,phase=steady} <= 1s", 59),
        ("p99 schedule_lag <= 5ms", 299),
        // A lower limit is shown from below.
        ("p5 latency >= 1ms", 59),
        ("p95 latency >= 1ms", 1),
        ("p50 latency > 1ms", 5),
    ] {
        assert!(planned(with_objective(text, needed), &limits()).is_ok(), "{text}");
        if needed > 1 {
            let refused = planned(with_objective(text, needed - 1), &limits()).unwrap_err();
            let expected = PlanError::TooFewExpected {
                name: "o0".to_owned(),
                expression: text.to_owned(),
                expected: needed - 1,
                needed,
            };
            assert_eq!(refused, expected);
        }
    }
}

#[test]
fn only_requests_that_the_judge_looks_at_are_expected() {
    // The burst's 51 would make up the number, but the judge leaves them out.
    let mut raw = with_objective("p95 latency <= 1s", 58);
    raw.probes.quota_burst = Some(QuotaBurst { at_ms: 1_000, over: 1 });
    let refused = planned(raw, &limits()).unwrap_err();
    assert!(
        matches!(refused, PlanError::TooFewExpected { expected: 58, needed: 59, .. }),
        "{refused}"
    );
    // Neither do requests of a stage that is not gated, nor of another kind.
    let mut raw = with_objective("p95 latency <= 1s", 58);
    raw.stages.push(RawStage { gated: false, ..open("cool-down", 1.0, 58) });
    assert!(planned(raw, &limits()).is_err());
    let mut raw = with_objective("p95 latency{kind=usage} <= 1s", 100);
    raw.mix = mix(&[("query", 1), ("usage", 1)]);
    assert!(planned(raw, &limits()).is_err());
    // Nobody knows beforehand how many steps journeys make.
    let mut raw = with_objective("p95 latency <= 1s", 10);
    raw.stages.push(closed("journeys", 2, 1_000, 60));
    assert!(planned(raw, &limits()).is_ok());
}

//! Objectives against figures computed by hand.

use super::*;

/// The result of the one objective of a profile over `peak`.
fn result(text: &str, peak: Vec<Series>) -> ObjectiveResult {
    result_of(text, &run(peak))
}

fn result_of(text: &str, evidence: &[Evidence]) -> ObjectiveResult {
    let file = judge(&plan_of(raw(&[text])), evidence).unwrap();
    file.objectives.into_iter().find(|o| o.name == "o0").unwrap()
}

/// One answer after each of these times; up to 2 047 µs they have a bucket each.
fn answers(each: impl IntoIterator<Item = u64>) -> Vec<Series> {
    vec![series_of("peak", RequestKind::Query, AnswerClass::Ok, times(each))]
}

#[test]
fn a_percentile_is_decided_by_its_interval() {
    // 1, 2, … 1 000 µs: the k-th smallest is k. The binomial ranks that enclose p95 of 1 000 are 938 and 962.
    use Status::{Broken, Held, Void};
    for (limit, expected) in [
        ("<= 962us", Held),
        ("<= 961us", Void),
        ("<= 938us", Void),
        ("<= 937us", Broken),
        ("< 963us", Held),
        ("< 962us", Void),
        ("< 939us", Void),
        ("< 938us", Broken),
        (">= 938us", Held),
        (">= 939us", Void),
        (">= 962us", Void),
        (">= 963us", Broken),
        ("> 937us", Held),
        ("> 938us", Void),
        ("> 961us", Void),
        ("> 962us", Broken),
        ("== 950us", Void),
        ("== 938us", Void),
        ("== 937us", Broken),
        ("== 963us", Broken),
    ] {
        let result = result(&format!("p95 latency {limit}"), answers(1..=1_000));
        assert_eq!(result.status, expected, "{limit}");
        assert_eq!((result.observed, result.interval), (Some(950), Some((938, 962))));
        assert_eq!((result.n, result.unit.as_str()), (1_000, "us"));
    }
    let same = |n: usize| answers(vec![500; n]);
    assert_eq!(result("p95 latency == 500us", same(1_000)).status, Held);
    // Without an interval there is nothing to compare with.
    assert_eq!(result("p95 latency == 500us", same(1)).status, Void);
}

#[test]
fn too_few_samples_can_break_a_limit_but_not_keep_it() {
    let decided = |n: usize, us: u64| result("p95 latency <= 1ms", answers(vec![us; n])).status;
    assert_eq!(decided(58, 10), Status::Void);
    assert_eq!(decided(59, 10), Status::Held);
    // P(none of 3 above the 95th percentile, but one) … the second of three is below it with 95 % confidence.
    assert_eq!(decided(3, 1_500), Status::Broken);
    let file = judge(&plan_of(raw(&["p95 latency <= 1ms"])), &run(answers(vec![10; 58]))).unwrap();
    let Verdict::Inconclusive { causes, .. } = file.judgement else { panic!() };
    let objective = "o0".to_owned();
    assert_eq!(causes.as_slice(), [Cause::TooFewSamples { objective, wanted: 232, got: 58 }]);
}

#[test]
fn smallest_largest_and_mean_are_as_counted() {
    let of = |text: &str| {
        let result = result(text, answers([100, 200, 900]));
        (result.observed, result.status)
    };
    assert_eq!(of("min latency >= 100us"), (Some(100), Status::Held));
    assert_eq!(of("min latency > 100us"), (Some(100), Status::Broken));
    assert_eq!(of("max latency <= 900us"), (Some(900), Status::Held));
    assert_eq!(of("max latency < 900us"), (Some(900), Status::Broken));
    assert_eq!(of("avg latency <= 400us"), (Some(400), Status::Held));
    assert_eq!(of("avg latency < 400us"), (Some(400), Status::Broken));
    assert_eq!(result("avg latency <= 1s", Vec::new()).status, Status::Void);
}

#[test]
fn an_objective_looks_at_its_part_only() {
    let mut slow = series("peak", RequestKind::Health, AnswerClass::Ok, 1_900, 100);
    slow.service = times(vec![7; 100]);
    slow.own = times(vec![3; 40]);
    let peak = vec![
        series("peak", RequestKind::Query, AnswerClass::Ok, 10, 200),
        slow,
        series("peak", RequestKind::Query, AnswerClass::Timeout, 1_999, 50),
        series("peak", RequestKind::QuotaBurst, AnswerClass::ExpectedReject, 1_800, 60),
        series("warm-up", RequestKind::Query, AnswerClass::Ok, 1_500, 70),
    ];
    let of = |text: &str| {
        let result = result(text, peak.clone());
        (result.observed.unwrap(), result.n)
    };
    assert_eq!(of("max latency{kind=query} <= 1s"), (10, 200));
    assert_eq!(of("max latency <= 1s"), (1_900, 300));
    assert_eq!(of("max latency{class=timeout} <= 1s"), (1_999, 50));
    // The fixture's own warm-up: 20 answers of 30 ms, to a thousandth.
    assert_eq!(of("min latency{phase=warm-up} <= 1s"), (1_500, 90));
    assert_eq!(of("max service_time{kind=health} <= 1s"), (7, 100));
    assert_eq!(of("max own_time{kind=health} <= 1s"), (3, 40));
    assert_eq!(of("count requests{class=ok} <= 1000"), (300, 350));
    assert_eq!(of("max schedule_lag{phase=warm-up} <= 1s"), (100, 20));
    let mut raw = raw(&["max latency{kind=quota_burst} <= 1s"]);
    raw.probes.quota_burst = Some(crate::domain::profile::QuotaBurst { at_ms: 1, over: 1 });
    let file = judge(&plan_of(raw), &run(peak.clone())).unwrap();
    assert_eq!((file.objectives[0].observed, file.objectives[0].n), (Some(1_800), 60));
}

#[test]
fn a_rate_is_over_the_stages_that_it_looks_at() {
    let of = |text: &str, n: usize| {
        let result = result(text, answers(vec![10; n]));
        (result.observed.unwrap(), result.status)
    };
    assert_eq!(of("rate requests{class=ok} >= 100/s", 1_000), (100_000, Status::Held));
    assert_eq!(of("rate requests{class=ok} >= 100/s", 999), (99_900, Status::Broken));
    assert_eq!(of("rate requests <= 99.9/s", 999), (99_900, Status::Held));
    assert_eq!(of("rate requests{phase=warm-up} == 10/s", 1), (10_000, Status::Held));
    // 1 in 10 s is 0.1/s; a limit of 0.0999… cannot be written, one of 0.101 is not reached.
    assert_eq!(of("rate requests >= 0.101/s", 1), (100, Status::Broken));
}

#[test]
fn a_share_is_decided_without_rounding_and_shown_to_its_worse_side() {
    let of = |text: &str, some: usize, all: usize| {
        let peak = vec![
            series("peak", RequestKind::Query, AnswerClass::Timeout, 10, some),
            series("peak", RequestKind::Query, AnswerClass::Ok, 10, all - some),
        ];
        let result = result(text, peak);
        (result.observed.unwrap(), result.status)
    };
    let timeouts = |limit: &str| format!("share requests{{class=timeout}} {limit}");
    assert_eq!(of(&timeouts("<= 0.1%"), 1, 1_000), (1_000, Status::Held));
    assert_eq!(of(&timeouts("<= 0.1%"), 1, 999), (1_002, Status::Broken));
    assert_eq!(of(&timeouts("< 0.1%"), 1, 1_000), (1_000, Status::Broken));
    // 1/1 001 is 999.0009… ppm: below 0.1 %, though it is shown as 1 000.
    assert_eq!(of(&timeouts("< 0.1%"), 1, 1_001), (1_000, Status::Held));
    // 1/3 is 333 333.33… ppm: 33.3333 % is reached, 33.3334 % is not, and is not rounded up to.
    assert_eq!(of(&timeouts(">= 33.3333%"), 1, 3), (333_333, Status::Held));
    assert_eq!(of(&timeouts("> 33.3333%"), 1, 3), (333_333, Status::Held));
    assert_eq!(of(&timeouts(">= 33.3334%"), 1, 3), (333_333, Status::Broken));
    assert_eq!(of(&timeouts("== 25%"), 1, 4), (250_000, Status::Held));
    assert_eq!(of(&timeouts("== 33.3333%"), 1, 3), (333_333, Status::Broken));
    assert_eq!(result(&timeouts("<= 0.1%"), Vec::new()).status, Status::Void);
}

#[test]
fn cache_hits_are_those_of_answered_questions() {
    let mut query = series("peak", RequestKind::Query, AnswerClass::Ok, 10, 300);
    query.cache_hits = 90;
    let mut health = series("peak", RequestKind::Health, AnswerClass::Ok, 10, 500);
    health.cache_hits = 7;
    let refused = series("peak", RequestKind::Query, AnswerClass::ExpectedReject, 10, 100);
    let peak = vec![query, health, refused];
    let share = result("share cache_hits >= 30%", peak.clone());
    assert_eq!((share.observed, share.n, share.status), (Some(300_000), 300, Status::Held));
    assert_eq!(result("share cache_hits > 30%", peak.clone()).status, Status::Broken);
    assert_eq!(result("count cache_hits == 90", peak).status, Status::Held);
}

#[test]
fn resources_are_over_the_samples_of_their_process() {
    let mut evidence = good();
    evidence.push(resource("peak", Process::Backend, 700, 131_073));
    let of = |text: &str| {
        let result = result_of(text, &evidence);
        (result.observed.unwrap(), result.n, result.status)
    };
    assert_eq!(of("max rss{process=backend} <= 128MiB"), (131_073, 5, Status::Broken));
    assert_eq!(of("min rss{process=backend} <= 64MiB"), (65_536, 5, Status::Held));
    assert_eq!(of("avg cpu{process=backend} <= 30cpu%"), (300, 5, Status::Held));
    assert_eq!(of("max cpu{process=worker} <= 20cpu%"), (200, 4, Status::Held));
    assert_eq!(of("max fds{process=stage} <= 30"), (30, 4, Status::Held));
    assert_eq!(of("max threads{process=stage} < 4"), (4, 4, Status::Broken));
}

#[test]
fn the_offered_rate_is_compared_with_the_schedule() {
    let of = |sent_span_us: u64| {
        let is_end = |line: &Evidence| matches!(line, Evidence::Done(_));
        let mut evidence = without(good(), is_end);
        evidence.push(Evidence::Done(Done {
            scheduled_span_us: 10_000_000,
            sent_span_us,
            ..done()
        }));
        let result = result_of("max offered_error <= 0.1%", &evidence);
        (result.observed.unwrap(), result.status)
    };
    assert_eq!(of(10_010_000), (1_000, Status::Held));
    assert_eq!(of(9_990_000), (1_000, Status::Held));
    assert_eq!(of(9_989_999), (1_001, Status::Broken));
    assert_eq!(of(10_010_010), (1_001, Status::Broken));
}

#[test]
fn dropped_arrivals_need_a_schedule() {
    let mut dropping = tick(12_001, "peak", Vec::new());
    (dropping.offered, dropping.dropped) = (20, 20);
    let mut evidence = good();
    evidence.push(ticked(dropping));
    let share = result_of("share dropped <= 2%", &evidence);
    assert_eq!((share.observed, share.n, share.status), (Some(19_608), 1_020, Status::Held));
    assert_eq!(result_of("count dropped <= 19", &evidence).status, Status::Broken);
    // Journeys have none, whatever the warm-up before them is.
    let mut raw = raw(&["max latency <= 1s"]);
    raw.stages[1] = RawStage {
        model: Model::Closed,
        rate_per_s: None,
        arrivals: None,
        users: Some(2),
        think_ms: Some(1_000),
        ..stage("peak", 10_000, 1.0, true)
    };
    let mut journeys = tick(12_000, "peak", answers(vec![10; 100]));
    journeys.offered = 0;
    let evidence = [hello(), ticked(journeys), Evidence::Done(done())];
    assert_eq!(judge(&plan_of(raw), &evidence).unwrap().judgement, Verdict::Pass);
}

#[test]
fn answers_that_come_late_are_not_an_achieved_rate() {
    let peak = |at_ms, n| {
        ticked(tick(
            at_ms,
            "peak",
            vec![series("peak", RequestKind::Query, AnswerClass::Ok, 10, n)],
        ))
    };
    let mut evidence = run(Vec::new());
    // All were scheduled in the peak of 10 s; half of them ended in it.
    evidence.retain(|line| !matches!(line, Evidence::Tick(tick) if tick.phase == "peak"));
    evidence.extend([peak(12_000, 500), peak(17_000, 500)]);
    let file = judge(&plan_of(raw(&["rate requests{phase=peak} >= 60/s"])), &evidence).unwrap();
    assert_eq!(file.objectives[0].observed, Some(50_000));
    assert_eq!(file.objectives[0].status, Status::Broken);
}

#[test]
fn a_cache_that_nobody_declared_breaks_the_run() {
    let mut profile = raw(&OBJECTIVES);
    profile.cache_hits = CacheHits { min_permille: 0, max_permille: 0 };
    let plan = plan_of(profile);
    assert_eq!(judge(&plan, &good()).unwrap().judgement, Verdict::Pass);
    let mut cached = series("peak", RequestKind::Query, AnswerClass::Ok, 20_000, 600);
    cached.cache_hits = 1;
    let file = judge(&plan, &run(vec![cached])).unwrap();
    assert_eq!(breaches(&file)[0].objective, "declared cache hits <= 0 permille");
}

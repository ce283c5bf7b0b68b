//! How long it takes to judge a run of 90 s: a tick a second, eight kinds of request, three processes.
#![expect(clippy::unwrap_used, reason = "bench binary")]

use std::{collections::BTreeMap, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use verdict::{
    domain::{
        evidence::{Done, EVIDENCE_SCHEMA, Evidence, Hello, Resource, Series, Tick},
        histogram::LatencyHistogram,
        kind::{AnswerClass, RequestKind},
        objective::Process,
        profile::{
            Arrivals, CacheHits, Model, PROFILE_SCHEMA, Profile, RawProbes, RawProfile, RawStage,
        },
        run::{Machine, RUN_SCHEMA, RunPlan},
        stage::{Limits, Runtime, Services},
        verdict::Verdict,
    },
    judge::{canonical::canonical_json, load::judge},
    plan::draw::{Stream, below},
};

const SECONDS: u64 = 90;
/// Requests of each kind in each second: 120 requests/s in all.
const EACH: u64 = 15;
const OBJECTIVES: [&str; 8] = [
    "p50 latency <= 50ms",
    "p95 latency{kind=query} <= 50ms",
    "p99 latency <= 50ms",
    "p95 own_time <= 50ms",
    "p99 schedule_lag <= 5ms",
    "rate requests{class=ok} >= 100/s",
    "max rss{process=backend} <= 128MiB",
    "count requests{class=wrong_answer} <= 0",
];

fn profile() -> Profile {
    let stage = RawStage {
        name: "peak".to_owned(),
        model: Model::Open,
        duration_ms: SECONDS * 1_000,
        rate_per_s: Some(120.0),
        to_rate_per_s: None,
        arrivals: Some(Arrivals::Poisson),
        users: None,
        think_ms: None,
        gated: true,
    };
    let objectives = OBJECTIVES.iter().enumerate();
    Profile::resolve(RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: "bench".to_owned(),
        users: 300,
        manuals: vec!["router".to_owned()],
        max_in_flight: 1_000,
        timeout_ms: 30_000,
        model_latency: None,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        mix: BTreeMap::from([("query".to_owned(), 1)]),
        stages: vec![stage],
        probes: RawProbes::default(),
        objectives: objectives.map(|(i, text)| (format!("o{i}"), (*text).to_owned())).collect(),
    })
    .unwrap()
}

fn plan() -> RunPlan {
    RunPlan {
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        schema: RUN_SCHEMA.to_owned(),
        run_id: "bench".to_owned(),
        suite: "load".to_owned(),
        profile_name: "bench".to_owned(),
        profile: profile(),
        seed: 7,
        only: None,
        schedule_sha256: String::new(),
        arrivals: SECONDS * EACH * 8,
        harness_commit: "a".repeat(40),
        sut_commit: "b".repeat(40),
        expect_commit: None,
        sut_defects: Vec::new(),
        stage: "embedded".to_owned(),
        limits: Limits {
            daily_quota: 50,
            monthly_quota: 1_000,
            rate_limit: None,
            max_rate_per_s: None,
            max_users: None,
            max_cost_cents: None,
            chaos: false,
        },
        exact_answers: true,
        machine: Machine { cores: 2, memory_mib: 4_096, cpu: String::new(), os: String::new() },
        tools: BTreeMap::new(),
        started_at: String::new(),
    }
}

/// 15 latencies between 1 and 41 ms.
fn latencies(draw: u64) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::new();
    (0..EACH).for_each(|i| histogram.record(1_000 + below(7, Stream::Gap, draw + i, 40_000)));
    histogram
}

fn tick(second: u64) -> Evidence {
    let series = RequestKind::ALL.into_iter().take(8).zip(0_u64..).map(|(kind, k)| {
        let latency = latencies((second * 8 + k) * EACH);
        Series {
            phase: "peak".to_owned(),
            kind,
            class: AnswerClass::Ok,
            service: latency.clone(),
            own: latency.clone(),
            latency,
            cache_hits: 0,
            statuses: BTreeMap::from([(200, EACH)]),
        }
    });
    let mut lag = LatencyHistogram::new();
    (0..EACH * 8).for_each(|i| lag.record(100 + i));
    Evidence::Tick(Box::new(Tick {
        at_ms: (second + 1) * 1_000,
        phase: "peak".to_owned(),
        offered: EACH * 8,
        started: EACH * 8,
        dropped: 0,
        in_flight: 3,
        lag,
        series: series.collect(),
    }))
}

fn evidence() -> Vec<Evidence> {
    let total = SECONDS * EACH * 8;
    let mut evidence = vec![Evidence::Hello(Hello {
        schema: EVIDENCE_SCHEMA.to_owned(),
        pid: 1,
        schedule_sha256: String::new(),
        arrivals: total,
        begins_unix_us: 0,
    })];
    for second in 0..SECONDS {
        evidence.push(tick(second));
        for process in [Process::Backend, Process::Stage, Process::Worker] {
            let phase = "peak".to_owned();
            let (at_ms, cpu_permille, rss_kib) = (second * 1_000, 300, 65_536);
            let (fds, threads) = (40, 6);
            let sample = Resource { at_ms, phase, process, cpu_permille, rss_kib, fds, threads };
            evidence.push(Evidence::Resource(sample));
        }
    }
    evidence.push(Evidence::Done(Done {
        planned: total,
        started: total,
        completed: total,
        dropped: 0,
        scheduled_span_us: SECONDS * 1_000_000,
        sent_span_us: SECONDS * 1_000_000,
        unscheduled: 0,
        ledger_sha256: String::new(),
    }));
    evidence
}

fn benches(criterion: &mut Criterion) {
    let (plan, evidence) = (plan(), evidence());
    let file = judge(&plan, &evidence).unwrap();
    assert_eq!(file.judgement, Verdict::Pass, "{}", file.headline);
    let lines: Vec<String> = evidence.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    let mut group = criterion.benchmark_group("judge");
    group.sample_size(10).warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    group.bench_function("90 s of evidence", |b| b.iter(|| judge(&plan, &evidence).unwrap()));
    group.bench_function("90 s of lines to a file", |b| {
        b.iter(|| {
            let read: Vec<Evidence> =
                lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            canonical_json(&judge(&plan, &read).unwrap()).unwrap()
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);

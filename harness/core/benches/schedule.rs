//! How long it takes to materialise a schedule, and to plan a load with it.
#![expect(clippy::unwrap_used, reason = "bench binary")]

use std::{collections::BTreeMap, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use verdict::{
    domain::{
        profile::{
            Arrivals, CacheHits, Model, PROFILE_SCHEMA, Profile, RawProbes, RawProfile, RawStage,
        },
        question::{Question, QuestionSet},
        stage::Limits,
    },
    plan::{load::plan, schedule::schedule},
};

/// About `arrivals` arrivals in 90 s, by enough users for the default quota.
fn profile(arrivals: u32) -> Profile {
    let stage = RawStage {
        name: "peak".to_owned(),
        model: Model::Open,
        duration_ms: 90_000,
        rate_per_s: Some(f64::from(arrivals) / 90.0),
        to_rate_per_s: None,
        arrivals: Some(Arrivals::Poisson),
        users: None,
        think_ms: None,
        gated: true,
    };
    let mix = [("query", 60), ("query_foreign", 10), ("usage", 20), ("upload", 6), ("delete", 4)];
    Profile::resolve(RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: "bench".to_owned(),
        users: arrivals / 40,
        manuals: vec!["router".to_owned()],
        max_in_flight: 1_000,
        timeout_ms: 30_000,
        model_latency: None,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        mix: mix.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect(),
        stages: vec![stage],
        probes: RawProbes::default(),
        objectives: BTreeMap::from([("p95".to_owned(), "p95 latency <= 1s".to_owned())]),
    })
    .unwrap()
}

fn questions() -> QuestionSet {
    let of = |manual: Option<&str>| Question {
        id: manual.unwrap_or("none").to_owned(),
        question: "What is it?".to_owned(),
        manual: manual.map(str::to_owned),
        page: None,
        phrase: None,
        answered_by: None,
    };
    QuestionSet { questions: vec![of(Some("router")), of(Some("solar")), of(None)] }
}

fn benches(criterion: &mut Criterion) {
    let limits = Limits {
        daily_quota: 50,
        monthly_quota: 1_000,
        rate_limit: None,
        max_rate_per_s: None,
        max_users: None,
        max_cost_cents: None,
        chaos: false,
    };
    let questions = questions();
    for arrivals in [10_000_u32, 1_000_000] {
        let profile = profile(arrivals);
        let mut group = criterion.benchmark_group("schedule");
        group.sample_size(10).warm_up_time(Duration::from_millis(500));
        group
            .measurement_time(Duration::from_secs(2))
            .throughput(Throughput::Elements(arrivals.into()));
        group.bench_with_input(
            BenchmarkId::new("materialise", arrivals),
            &profile,
            |b, profile| {
                b.iter(|| schedule(profile, 7).len());
            },
        );
        group.bench_with_input(BenchmarkId::new("plan", arrivals), &profile, |b, profile| {
            b.iter(|| plan(profile, 7, &limits, &questions).unwrap().sha256);
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);

//! Verdicts on evidence made by hand: a plan of two stages, and evidence that passes it unless a test says otherwise.

use super::*;
use crate::domain::{
    evidence::{
        BackendDied, Conservation, Done, EVIDENCE_SCHEMA, Finding, Hello, Interrupted, Lost,
        Resource, Series, Tick, Version,
    },
    histogram::LatencyHistogram,
    kind::{AnswerClass, RequestKind},
    objective::Process,
    profile::{
        Arrivals, CacheHits, Model, PROFILE_SCHEMA, Profile, RawProbes, RawProfile, RawStage,
    },
    rule::Rule,
    run::{Machine, RUN_SCHEMA},
    stage::{Limits, Runtime, Services},
};

mod broken;
mod cannot_tell;
mod measured;
mod precedence;
mod wire;

/// Objectives that the good evidence keeps.
const OBJECTIVES: [&str; 3] = [
    "p95 latency{kind=query} <= 500ms",
    "max rss{process=backend} <= 128MiB",
    "count requests{class=wrong_answer} <= 0",
];

fn stage(name: &str, duration_ms: u64, rate: f64, gated: bool) -> RawStage {
    RawStage {
        name: name.to_owned(),
        model: Model::Open,
        duration_ms,
        rate_per_s: Some(rate),
        to_rate_per_s: None,
        arrivals: Some(Arrivals::Uniform),
        users: None,
        think_ms: None,
        gated,
    }
}

/// 20 arrivals in a warm-up of 2 s, 1 000 in a gated peak of 10 s.
fn raw(objectives: &[&str]) -> RawProfile {
    let named =
        objectives.iter().enumerate().map(|(i, text)| (format!("o{i}"), (*text).to_owned()));
    RawProfile {
        schema: PROFILE_SCHEMA.to_owned(),
        title: "test".to_owned(),
        users: 30,
        manuals: vec!["router".to_owned()],
        max_in_flight: 100,
        timeout_ms: 30_000,
        model_latency: None,
        cache_hits: CacheHits { min_permille: 0, max_permille: 1_000 },
        mix: BTreeMap::from([("query".to_owned(), 1), ("health".to_owned(), 1)]),
        stages: vec![stage("warm-up", 2_000, 10.0, false), stage("peak", 10_000, 100.0, true)],
        probes: RawProbes::default(),
        objectives: named.collect(),
    }
}

fn plan_of(profile: RawProfile) -> RunPlan {
    RunPlan {
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        schema: RUN_SCHEMA.to_owned(),
        run_id: "r1".to_owned(),
        suite: "load".to_owned(),
        profile_name: "test".to_owned(),
        profile: Profile::resolve(profile).unwrap(),
        seed: 7,
        only: None,
        schedule_sha256: "5ced".to_owned(),
        arrivals: 1_020,
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
        machine: Machine {
            cores: 2,
            memory_mib: 4_096,
            cpu: "test".to_owned(),
            os: "test".to_owned(),
        },
        tools: BTreeMap::new(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

fn plan() -> RunPlan {
    plan_of(raw(&OBJECTIVES))
}

fn hello() -> Evidence {
    Evidence::Hello(Hello {
        schema: EVIDENCE_SCHEMA.to_owned(),
        pid: 1,
        schedule_sha256: "5ced".to_owned(),
        arrivals: 1_020,
        begins_unix_us: 0,
    })
}

fn times(each: impl IntoIterator<Item = u64>) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::new();
    each.into_iter().for_each(|us| histogram.record(us));
    histogram
}

/// `n` answers after `us` each.
fn series(phase: &str, kind: RequestKind, class: AnswerClass, us: u64, n: usize) -> Series {
    series_of(phase, kind, class, times(vec![us; n]))
}

fn series_of(
    phase: &str,
    kind: RequestKind,
    class: AnswerClass,
    latency: LatencyHistogram,
) -> Series {
    let status = if class.is_error() { 500 } else { 200 };
    Series {
        phase: phase.to_owned(),
        kind,
        class,
        service: latency.clone(),
        own: latency.clone(),
        cache_hits: 0,
        statuses: BTreeMap::from([(status, latency.count())]),
        latency,
    }
}

fn tick(at_ms: u64, phase: &str, series: Vec<Series>) -> Tick {
    let ended = series.iter().map(|s| s.latency.count()).sum();
    let lag = times(vec![100; usize::try_from(ended).unwrap()]);
    let phase = phase.to_owned();
    Tick { at_ms, phase, offered: ended, started: ended, dropped: 0, in_flight: 0, lag, series }
}

fn ticked(tick: Tick) -> Evidence {
    Evidence::Tick(Box::new(tick))
}

fn done() -> Done {
    Done {
        planned: 1_020,
        started: 1_020,
        completed: 1_020,
        dropped: 0,
        scheduled_span_us: 11_990_000,
        sent_span_us: 11_990_000,
        unscheduled: 0,
        ledger_sha256: "1ed9e4".to_owned(),
    }
}

fn resource(phase: &str, process: Process, cpu_permille: u64, rss_kib: u64) -> Evidence {
    let phase = phase.to_owned();
    let (at_ms, fds, threads) = (5_000, 30, 4);
    Evidence::Resource(Resource { at_ms, phase, process, cpu_permille, rss_kib, fds, threads })
}

fn finding(rule: Rule, at_ms: u64, ordinal: u32) -> Evidence {
    Evidence::Finding(Finding {
        rule,
        at_ms,
        ordinal,
        kind: RequestKind::Query,
        user: "load-3".to_owned(),
        expected: "page 4".to_owned(),
        seen: "page 5".to_owned(),
        status: 200,
        request_id: Some(format!("req-{ordinal}")),
        trace_id: format!("trace-{ordinal}"),
    })
}

fn conservation(rule: Rule, expected_min: u64, expected_max: u64, seen: u64) -> Evidence {
    Evidence::Conservation(Conservation {
        rule,
        what: "charged against answered".to_owned(),
        user: "load-3".to_owned(),
        expected_min,
        expected_max,
        seen,
        ordinals: vec![9, 3, 9],
    })
}

fn died() -> Evidence {
    Evidence::BackendDied(BackendDied {
        at_ms: 6_000,
        how: "exit code 101".to_owned(),
        last_lines: vec!["starting".to_owned(), "panicked at src/main.rs".to_owned()],
    })
}

fn interrupted() -> Evidence {
    Evidence::Interrupted(Interrupted { at_ms: 6_500 })
}

fn missing() -> Evidence {
    Evidence::CapabilityMissing(Lost { detail: "outages".to_owned() })
}

fn answered_by(commit: &str) -> Evidence {
    Evidence::Version(Version { commit: commit.to_owned(), at_ms: 10, ordinal: 0 })
}

/// A run in which everything is right, with the answers of the peak as given.
fn run(peak: Vec<Series>) -> Vec<Evidence> {
    let warm_up = series("warm-up", RequestKind::Query, AnswerClass::Ok, 30_000, 20);
    let mut evidence = vec![
        hello(),
        answered_by(&"b".repeat(40)),
        ticked(tick(2_000, "warm-up", vec![warm_up])),
        ticked(tick(12_000, "peak", peak)),
        conservation(Rule::QuotaConserved, 30, 30, 30),
        Evidence::Done(done()),
    ];
    for process in [Process::Backend, Process::Stage, Process::Worker] {
        evidence.extend((0..4).map(|_| resource("peak", process, 200, 65_536)));
    }
    evidence
}

fn good() -> Vec<Evidence> {
    run(vec![
        series("peak", RequestKind::Query, AnswerClass::Ok, 20_000, 600),
        series("peak", RequestKind::Health, AnswerClass::Ok, 1_000, 400),
    ])
}

fn good_and(lines: impl IntoIterator<Item = Evidence>) -> Vec<Evidence> {
    let mut evidence = good();
    evidence.extend(lines);
    evidence
}

fn without(evidence: Vec<Evidence>, unwanted: impl Fn(&Evidence) -> bool) -> Vec<Evidence> {
    evidence.into_iter().filter(|line| !unwanted(line)).collect()
}

fn breaches(file: &VerdictFile) -> &[Breach] {
    assert_eq!(file.judgement.word(), "fail", "{}", file.headline);
    file.judgement.breaches()
}

fn causes_of(file: &VerdictFile) -> Vec<&'static str> {
    match &file.judgement {
        Verdict::Inconclusive { causes, .. } => causes.as_slice().iter().map(Cause::code).collect(),
        Verdict::Pass | Verdict::Fail { .. } => Vec::new(),
    }
}

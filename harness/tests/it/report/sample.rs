//! A made-up run of ten seconds: its plan, and evidence of whatever latency and volume a test needs.

use std::collections::BTreeMap;

use verdict::domain::{
    evidence::{Done, EVIDENCE_SCHEMA, Evidence, Finding, Hello, Resource, Series, Tick},
    histogram::LatencyHistogram,
    kind::{AnswerClass, RequestKind},
    objective::Process,
    profile::{Profile, RawProfile},
    rule::Rule,
    run::{Machine, RUN_SCHEMA, RunPlan},
    stage::{Limits, Runtime, Services},
};

/// What a hostile manual could make a backend answer.
pub(crate) const HOSTILE: &str =
    "</script><script>alert(1)</script> <!-- \u{1b}[31m |`*_\n# \u{202e} \u{2028} ]]> & \u{ffff}";

/// A plan of ten seconds.
pub(crate) fn plan() -> RunPlan {
    let raw: RawProfile = serde_json::from_value(serde_json::json!({
        "schema": "manuel-load/1", "title": "A sample.", "users": 4, "manuals": ["router"], "max_in_flight": 64,
        "timeout_ms": 30_000, "cache_hits": { "min_permille": 0, "max_permille": 1_000 },
        "mix": { "query": 4, "list_manuals": 1 },
        "stages": [{ "name": "steady", "model": "open", "duration_ms": 10_000, "rate_per_s": 50.0 }],
        "objectives": {
            "answers are fast": "p95 latency{kind=query,class=ok} <= 500ms",
            "nothing is wrong": "share requests{class=http_error} <= 0%",
            "the backend stays small": "max rss{process=backend} <= 128MiB",
        },
    }))
    .unwrap();
    RunPlan {
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        schema: RUN_SCHEMA.into(),
        run_id: "20260101-load-sample".into(),
        suite: "load".into(),
        profile_name: "sample".into(),
        profile: Profile::resolve(raw).unwrap(),
        seed: u64::MAX,
        only: None,
        schedule_sha256: "ab".repeat(32),
        arrivals: 500,
        harness_commit: "1111111-dirty".into(),
        sut_commit: "2222222".into(),
        expect_commit: None,
        sut_defects: Vec::new(),
        stage: "embedded".into(),
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
            cpu: "a processor".into(),
            os: "linux".into(),
        },
        tools: BTreeMap::from([("harness".into(), "0.1.0".into())]),
        started_at: "2026-01-01T00:00:00Z".into(),
    }
}

/// Ten seconds in which `per_second` questions were answered, the slowest in `slowest_us`, and a fourth as many lists.
pub(crate) fn evidence(slowest_us: u64, per_second: u64) -> Vec<Evidence> {
    let mut evidence = vec![Evidence::Hello(Hello {
        schema: EVIDENCE_SCHEMA.into(),
        pid: 1,
        schedule_sha256: "ab".repeat(32),
        arrivals: 500,
        begins_unix_us: 0,
    })];
    for second in 1..=10 {
        evidence.push(tick(second * 1_000, slowest_us, per_second));
        for process in [Process::Backend, Process::Stage, Process::Worker] {
            evidence.push(Evidence::Resource(Resource {
                at_ms: second * 1_000,
                phase: "steady".into(),
                process,
                cpu_permille: 250,
                rss_kib: 40_000,
                fds: 30,
                threads: 4,
            }));
        }
    }
    let sent = 10 * (per_second + per_second / 4);
    evidence.push(Evidence::Done(Done {
        planned: sent,
        started: sent,
        completed: sent,
        dropped: 0,
        scheduled_span_us: 9_980_000,
        sent_span_us: 9_980_100,
        unscheduled: 0,
        ledger_sha256: "cd".repeat(32),
    }));
    evidence
}

fn tick(at_ms: u64, slowest_us: u64, per_second: u64) -> Evidence {
    let mut lag = LatencyHistogram::new();
    (0..per_second).for_each(|i| lag.record(100 + i));
    let lists = per_second / 4;
    let series = [(RequestKind::Query, per_second), (RequestKind::ListManuals, lists)];
    let series = series.into_iter().filter(|(_, count)| *count > 0);
    Evidence::Tick(Box::new(Tick {
        at_ms,
        phase: "steady".into(),
        offered: per_second + lists,
        started: per_second + lists,
        dropped: 0,
        in_flight: 1,
        lag,
        series: series.map(|(kind, count)| answered(kind, count, slowest_us)).collect(),
    }))
}

fn answered(kind: RequestKind, count: u64, slowest_us: u64) -> Series {
    let mut latency = LatencyHistogram::new();
    (1..=count).for_each(|i| latency.record(slowest_us / 2 + slowest_us / 2 * i / count));
    Series {
        phase: "steady".into(),
        kind,
        class: AnswerClass::Ok,
        service: latency.clone(),
        own: latency.clone(),
        latency,
        cache_hits: 0,
        statuses: BTreeMap::from([(200, count)]),
    }
}

/// A question that was answered from somebody else's manual.
pub(crate) fn finding(ordinal: u32, seen: &str) -> Evidence {
    Evidence::Finding(broken(Rule::Isolation, ordinal, seen))
}

/// An error that told too much.
pub(crate) fn leak(ordinal: u32) -> Evidence {
    Evidence::Finding(broken(Rule::Leak, ordinal, "an ARN"))
}

fn broken(rule: Rule, ordinal: u32, seen: &str) -> Finding {
    Finding {
        rule,
        at_ms: u64::from(ordinal) * 1_000,
        ordinal,
        kind: RequestKind::Query,
        user: "u1".into(),
        expected: "their own manual".into(),
        seen: seen.into(),
        status: 200,
        request_id: Some(format!("req-{ordinal}")),
        trace_id: format!("{ordinal:032x}"),
    }
}

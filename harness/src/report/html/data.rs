//! What the page is told: the contract between this build and the script in `report.html`. The names are the page's.

use std::collections::BTreeMap;

use serde::Serialize;
use verdict::{
    domain::{
        evidence::{Evidence, Finding},
        histogram::LatencyHistogram,
        kind::AnswerClass,
        objective::{Metric, ObjectiveKind, Op, Stat},
        rule::Rule,
        run::RunPlan,
        verdict::{Breach, ObjectiveResult, VerdictFile},
    },
    judge::seen::Seen,
};

use super::series::{self, MAX_POINTS, Point, Sample};
use crate::report::{
    explain::{causes, how_often, kind_name, plain, short},
    figures,
};

/// Most findings that the page lists.
pub(super) const MAX_FINDINGS: usize = 200;
/// Points of a percentile curve, in thousandths of a percent.
const CURVE: [u64; 16] = [
    1_000, 10_000, 25_000, 50_000, 75_000, 80_000, 90_000, 95_000, 97_500, 98_000, 99_000, 99_500,
    99_900, 99_950, 99_990, 99_999,
];

/// Everything that the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    run_id: String,
    suite: String,
    profile: String,
    verdict: &'static str,
    headline: String,
    breaches: Vec<BreachData>,
    causes: Vec<CauseData>,
    objectives: Vec<ObjectiveData>,
    plan: PlanData,
    kinds: Vec<KindData>,
    ticks: Vec<Point>,
    resources: Vec<Sample>,
    percentiles: Vec<CurveData>,
    findings: Vec<FindingData>,
    notes: Vec<String>,
    limits: LimitsData,
}

#[derive(Debug, Serialize)]
struct BreachData {
    objective: String,
    kind: &'static str,
    message: String,
    observed: Option<String>,
    limit: Option<String>,
    when_s: Option<f64>,
    request_id: Option<String>,
    trace_id: Option<String>,
    reproduce: String,
}

#[derive(Debug, Serialize)]
struct CauseData {
    cause: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct ObjectiveData {
    name: String,
    expression: String,
    kind: &'static str,
    status: &'static str,
    observed: String,
    limit: String,
    interval: Option<String>,
    n: u64,
}

#[derive(Debug, Serialize)]
struct PlanData {
    /// As text: a script's numbers end at 2^53.
    seed: String,
    harness_commit: String,
    sut_commit: String,
    machine: String,
    stage: String,
    started_at: String,
    users: u32,
    arrivals: u64,
}

#[derive(Debug, Serialize)]
struct KindData {
    kind: &'static str,
    class: &'static str,
    count: u64,
    p50_us: Option<u64>,
    p90_us: Option<u64>,
    p95_us: Option<u64>,
    p99_us: Option<u64>,
    max_us: Option<u64>,
    service_p99_us: Option<u64>,
    own_p95_us: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CurveData {
    kind: &'static str,
    points: Vec<(u64, u64)>,
}

#[derive(Debug, Serialize)]
struct FindingData {
    rule: &'static str,
    message: String,
    kind: &'static str,
    user: String,
    ordinal: u32,
    request_id: Option<String>,
    trace_id: String,
}

#[derive(Debug, Serialize)]
struct LimitsData {
    latency_lines_us: Vec<LineData>,
}

#[derive(Debug, Serialize)]
struct LineData {
    label: String,
    us: u64,
}

/// The data of a run.
pub(super) fn of(
    plan: &RunPlan,
    verdict: &VerdictFile,
    seen: &Seen,
    evidence: &[Evidence],
) -> Data {
    let (ticks, seconds) = series::points(evidence);
    let (resources, rounds) = series::samples(&seen.resources);
    let findings = findings(&seen.findings);
    let notes = notes(plan, &[seconds, rounds], (findings.len(), seen.findings.len()));
    let judgement = &verdict.judgement;
    let breach = |breach: &Breach| of_breach(breach, &verdict.objectives);
    Data {
        run_id: plain(&verdict.run_id),
        suite: plain(&verdict.suite),
        profile: plain(&verdict.profile),
        verdict: judgement.word(),
        headline: short(&verdict.headline),
        breaches: judgement.breaches().iter().map(breach).collect(),
        causes: causes(judgement)
            .iter()
            .map(|cause| CauseData { cause: cause.code(), message: short(&cause.sentence()) })
            .collect(),
        objectives: verdict.objectives.iter().map(|result| objective(plan, result)).collect(),
        plan: plan_data(plan),
        kinds: kinds(seen),
        ticks,
        resources,
        percentiles: curves(seen),
        findings,
        notes,
        limits: LimitsData { latency_lines_us: latency_lines(plan) },
    }
}

fn of_breach(breach: &Breach, objectives: &[ObjectiveResult]) -> BreachData {
    let result = objectives.iter().find(|result| result.name == breach.objective);
    let observed = match breach.kind {
        ObjectiveKind::Timing => result.map(figures::observed),
        ObjectiveKind::Correctness => {
            Some(result.map_or_else(|| how_often(breach), figures::observed))
        }
    };
    BreachData {
        objective: plain(&breach.objective),
        kind: kind_name(breach.kind),
        message: short(&format!("{} {}", breach.promise, breach.message)),
        observed,
        limit: result.map(figures::limit),
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run, far below 2^52")]
        when_s: breach.first_at_ms.map(|ms| ms as f64 / 1_000.0),
        request_id: breach.request_id.as_deref().map(plain),
        trace_id: breach.trace_id.as_deref().map(plain),
        reproduce: plain(&breach.reproduce),
    }
}

fn objective(plan: &RunPlan, result: &ObjectiveResult) -> ObjectiveData {
    ObjectiveData {
        name: plain(&result.name),
        expression: plain(&result.expression),
        kind: kind_name(result.kind),
        status: figures::status_word(plan, result),
        observed: figures::observed(result),
        limit: figures::limit(result),
        interval: figures::interval(result),
        n: result.n,
    }
}

fn plan_data(plan: &RunPlan) -> PlanData {
    let machine = &plan.machine;
    PlanData {
        seed: plan.seed.to_string(),
        harness_commit: plain(&plan.harness_commit),
        sut_commit: plain(&plan.sut_commit),
        machine: plain(&format!(
            "{} cores, {} MiB, {}, {}",
            machine.cores, machine.memory_mib, machine.cpu, machine.os
        )),
        stage: plain(&plan.stage),
        started_at: plain(&plan.started_at),
        users: plan.profile.raw().users,
        arrivals: plan.arrivals,
    }
}

fn kinds(seen: &Seen) -> Vec<KindData> {
    let rows = figures::requests(seen).into_iter().map(|((kind, class), total)| {
        let latency = |percent| total.latency.percentile(percent, 100);
        KindData {
            kind: kind.name(),
            class: class.name(),
            count: total.latency.count(),
            p50_us: latency(50),
            p90_us: latency(90),
            p95_us: latency(95),
            p99_us: latency(99),
            max_us: total.latency.max(),
            service_p99_us: total.service.percentile(99, 100),
            own_p95_us: total.own.percentile(95, 100),
        }
    });
    rows.collect()
}

/// A curve for each kind of request that was answered rightly, as far as its samples reach, and its longest latency.
fn curves(seen: &Seen) -> Vec<CurveData> {
    let rows =
        figures::requests(seen).into_iter().filter(|((_, class), _)| *class == AnswerClass::Ok);
    rows.map(|((kind, _), total)| CurveData { kind: kind.name(), points: curve(&total.latency) })
        .collect()
}

fn curve(latency: &LatencyHistogram) -> Vec<(u64, u64)> {
    let within = CURVE.iter().filter_map(|at| Some((*at, figures::supported(latency, *at)?)));
    within.chain(latency.max().map(|us| (100_000, us))).collect()
}

/// At most [`MAX_FINDINGS`], in the order in which they were seen, and of every promise some.
fn findings(all: &[Finding]) -> Vec<FindingData> {
    let mut ranks: BTreeMap<Rule, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(all.len());
    for (index, finding) in all.iter().enumerate() {
        let rank = ranks.entry(finding.rule).or_default();
        ranked.push((*rank, index));
        *rank += 1;
    }
    ranked.sort_unstable();
    let mut kept: Vec<usize> =
        ranked.into_iter().take(MAX_FINDINGS).map(|(_, index)| index).collect();
    kept.sort_unstable();
    kept.into_iter().filter_map(|index| all.get(index)).map(finding).collect()
}

fn finding(finding: &Finding) -> FindingData {
    let message = format!(
        "expected {}, got {} (status {}, {} ms)",
        finding.expected, finding.seen, finding.status, finding.at_ms
    );
    FindingData {
        rule: finding.rule.code(),
        message: short(&message),
        kind: finding.kind.name(),
        user: plain(&finding.user),
        ordinal: finding.ordinal,
        request_id: finding.request_id.as_deref().map(plain),
        trace_id: plain(&finding.trace_id),
    }
}

/// Limits that the latency of the charts is held against.
fn latency_lines(plan: &RunPlan) -> Vec<LineData> {
    let upper = plan.profile.objectives().iter().filter(|(_, objective)| {
        objective.metric == Metric::Latency
            && matches!(objective.stat, Stat::Percentile(_))
            && matches!(objective.op, Op::Le | Op::Lt)
    });
    upper.map(|(name, objective)| LineData { label: plain(name), us: objective.limit }).collect()
}

fn notes(plan: &RunPlan, widths: &[u64; 2], (shown, found): (usize, usize)) -> Vec<String> {
    let [seconds, rounds] = *widths;
    let mut notes = vec![
        "Latency over time is that of right answers and right refusals, without the probes; the table of requests has \
         every kind and class, over all phases. Objectives look at gated phases only."
            .to_owned(),
    ];
    if seconds > 1 {
        notes.push(format!(
            "The run is longer than {MAX_POINTS} s: each point of the load charts stands for {seconds} s, and its \
             counts are of {seconds} s, not of one."
        ));
    }
    if rounds > 1 {
        notes.push(format!(
            "Each point of the process charts stands for {rounds} samples: the mean of the CPU, the most of all else."
        ));
    }
    if found > shown {
        notes.push(format!(
            "{shown} of {found} findings are listed, some of every broken promise; evidence.jsonl has all of them."
        ));
    }
    if let Some(only) = &plan.only {
        notes.push(format!(
            "This is a replay of {} arrivals of a run: its promises are judged, its timing is not.",
            only.len()
        ));
    }
    if !plan.sut_defects.is_empty() {
        notes.push(format!(
            "Seeded defects are switched on: {}.",
            plain(&plan.sut_defects.join(", "))
        ));
    }
    notes
}

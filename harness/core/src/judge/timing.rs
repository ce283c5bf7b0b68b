//! Objectives against what was measured: a percentile is held or broken only beyond what chance explains.

use crate::{
    domain::{
        binomial,
        histogram::LatencyHistogram,
        kind::{AnswerClass, RequestKind},
        objective::{Metric, Objective, ObjectiveKind, Op, Selector, Stat},
        profile::{Profile, Shape},
        run::RunPlan,
        verdict::{Breach, ObjectiveResult, Status},
    },
    judge::{
        correctness::reproduce,
        seen::{Seen, Total},
    },
};

/// Fewest samples of a process that a limit on it rests on.
const RESOURCE_SAMPLES: u64 = 3;
/// Objectives that hold for every profile which sets no stricter one on the same thing.
const BUILT_IN: [(&str, &str); 3] = [
    ("built-in transport errors", "share requests{class=transport} <= 0.1%"),
    ("built-in timeouts", "share requests{class=timeout} <= 0.1%"),
    ("built-in dropped arrivals", "share dropped <= 0.1%"),
];

/// Every objective of the profile, and those that hold for all.
pub fn results(plan: &RunPlan, seen: &Seen) -> Vec<(ObjectiveResult, Option<u64>)> {
    let own = plan.profile.objectives().iter().map(|(name, o)| (name.clone(), o.clone()));
    let built_in = BUILT_IN.iter().filter_map(|(name, text)| {
        let objective: Objective = text.parse().ok()?;
        let same = |(_, o): &(String, Objective)| {
            o.metric == objective.metric && o.selector.class == objective.selector.class
        };
        let covered = plan.profile.objectives().iter().any(same);
        (!covered).then(|| ((*name).to_owned(), objective))
    });
    own.chain(built_in).map(|(name, objective)| result(plan, seen, &name, &objective)).collect()
}

/// The breach that a broken objective is.
pub fn breach(plan: &RunPlan, result: &ObjectiveResult) -> Breach {
    let observed = result.observed.map_or("nothing".to_owned(), |v| show(v, &result.unit));
    let interval = result.interval.map_or(String::new(), |(low, high)| {
        format!(" (between {} and {})", show(low, &result.unit), show(high, &result.unit))
    });
    Breach {
        objective: result.name.clone(),
        kind: result.kind,
        promise: format!("`{}`", result.expression),
        message: format!(
            "measured {observed}{interval} over {} samples; the limit is {}.",
            result.n,
            show(result.limit, &result.unit)
        ),
        times: 1,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: reproduce(plan),
    }
}

/// A figure for people.
pub fn show(value: u64, unit: &str) -> String {
    let scaled = |divisor: u64, unit: &str| {
        format!("{}.{:02} {unit}", value / divisor, value % divisor * 100 / divisor)
    };
    match unit {
        "us" if value >= 1_000_000 => scaled(1_000_000, "s"),
        "us" if value >= 1_000 => scaled(1_000, "ms"),
        "us" => format!("{value} µs"),
        "ppm" if value >= 1_000 => scaled(10_000, "%"),
        "ppm" => format!("{value} ppm"),
        "milli_per_s" => scaled(1_000, "/s"),
        "kib" => scaled(1_024, "MiB"),
        "permille" => scaled(10, "% of a core"),
        _ => value.to_string(),
    }
}

/// A measured figure with what it rests on.
struct Measured {
    value: Option<u64>,
    interval: Option<(u64, u64)>,
    status: Status,
    n: u64,
    /// Samples that would decide a void objective.
    wanted: Option<u64>,
}

fn result(
    plan: &RunPlan,
    seen: &Seen,
    name: &str,
    objective: &Objective,
) -> (ObjectiveResult, Option<u64>) {
    let measured = measure(plan, seen, objective);
    let result = ObjectiveResult {
        name: name.to_owned(),
        expression: objective.text.clone(),
        kind: objective.kind(),
        status: measured.status,
        observed: measured.value,
        limit: objective.limit,
        unit: unit(objective).to_owned(),
        interval: measured.interval,
        n: measured.n,
    };
    (result, measured.wanted)
}

fn unit(objective: &Objective) -> &'static str {
    match (objective.stat, objective.metric) {
        (Stat::Count, _) => "count",
        (Stat::Share, _) | (_, Metric::OfferedError) => "ppm",
        (Stat::Rate, _) => "milli_per_s",
        (_, metric) if metric.is_time() => "us",
        (_, Metric::Rss) => "kib",
        (_, Metric::Cpu) => "permille",
        _ => "count",
    }
}

fn measure(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    match objective.metric {
        metric if metric.is_time() => {
            let histogram = histogram(plan, seen, objective);
            match objective.stat {
                Stat::Percentile(hundredths) => percentile(&histogram, hundredths, objective),
                Stat::Min => exact(histogram.at_rank(1), histogram.count(), 1, objective),
                Stat::Max => exact(histogram.max(), histogram.count(), 1, objective),
                Stat::Avg | Stat::Count | Stat::Share | Stat::Rate => {
                    exact(histogram.mean(), histogram.count(), 1, objective)
                }
            }
        }
        Metric::Requests => requests(plan, seen, objective),
        Metric::Dropped => dropped(plan, seen, objective),
        Metric::CacheHits => cache_hits(plan, seen, objective),
        Metric::OfferedError => {
            let done = seen.done.as_ref().filter(|done| done.started > 1);
            let error = done.map(|done| {
                let off = done.sent_span_us.abs_diff(done.scheduled_span_us);
                off * 1_000_000 / done.scheduled_span_us.max(1)
            });
            exact(error, done.map_or(0, |done| done.started), 2, objective)
        }
        _ => resource(plan, seen, objective),
    }
}

/// Decided without chance: held or broken as it stands, void below `least` samples.
fn exact(value: Option<u64>, n: u64, least: u64, objective: &Objective) -> Measured {
    let value = value.filter(|_| n >= least);
    let status = match value {
        None => Status::Void,
        Some(value) if objective.holds(value) => Status::Held,
        Some(_) => Status::Broken,
    };
    let wanted = value.is_none().then_some(least);
    Measured { value, interval: None, status, n, wanted }
}

fn percentile(histogram: &LatencyHistogram, hundredths: u32, objective: &Objective) -> Measured {
    let n = histogram.count();
    let ranks = binomial::ranks(n, hundredths);
    let value = histogram.percentile(u64::from(hundredths), 10_000);
    let at = |rank: Option<u64>| rank.and_then(|rank| histogram.at_rank(rank));
    let (low, high) = (at(ranks.lower), at(ranks.upper));
    // Upper limits are decided by the far end of the interval, lower limits by the near end.
    let (held, broken) = match objective.op {
        Op::Le | Op::Lt => (
            high.is_some_and(|high| objective.holds(high)),
            low.is_some_and(|low| !objective.holds(low)),
        ),
        Op::Ge | Op::Gt => (
            low.is_some_and(|low| objective.holds(low)),
            high.is_some_and(|high| !objective.holds(high)),
        ),
        Op::Eq => (
            low == high && value.is_some_and(|v| objective.holds(v)),
            value.is_some_and(|v| !objective.holds(v)) && low == high,
        ),
    };
    let status = match (held, broken) {
        (true, _) => Status::Held,
        (false, true) => Status::Broken,
        (false, false) => Status::Void,
    };
    let wanted = (status == Status::Void)
        .then(|| binomial::samples_needed(hundredths).max(n.saturating_mul(4)));
    Measured { value, interval: low.zip(high), status, n, wanted }
}

/// Whether the objective looks at requests scheduled in `phase`.
fn looks_at(profile: &Profile, objective: &Objective, phase: &str) -> bool {
    match (&objective.selector.phase, objective.kind()) {
        (Some(wanted), _) => wanted == phase,
        (None, ObjectiveKind::Correctness) => true,
        (None, ObjectiveKind::Timing) => profile.is_gated(phase),
    }
}

/// Probes have latencies of their own making: only objectives that name them look at them.
fn is_kind(selector: &Selector, kind: RequestKind) -> bool {
    match selector.kind {
        Some(wanted) => wanted == kind,
        None => !matches!(kind, RequestKind::QuotaBurst | RequestKind::DependencyOut),
    }
}

fn is_class(selector: &Selector, class: AnswerClass) -> bool {
    selector.class.map_or(!class.is_error(), |wanted| wanted == class)
}

fn histogram(plan: &RunPlan, seen: &Seen, objective: &Objective) -> LatencyHistogram {
    let mut sum = LatencyHistogram::new();
    if objective.metric == Metric::ScheduleLag {
        let phases = seen.lag.iter().filter(|(p, _)| looks_at(&plan.profile, objective, p));
        phases.for_each(|(_, lag)| sum.add(lag));
        return sum;
    }
    for ((phase, kind, class), total) in &seen.series {
        let selected = looks_at(&plan.profile, objective, phase)
            && is_kind(&objective.selector, *kind)
            && is_class(&objective.selector, *class);
        if selected {
            sum.add(of_metric(total, objective.metric));
        }
    }
    sum
}

fn of_metric(total: &Total, metric: Metric) -> &LatencyHistogram {
    match metric {
        Metric::ServiceTime => &total.service,
        Metric::OwnTime => &total.own,
        _ => &total.latency,
    }
}

fn requests(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let in_part = |phase: &str, kind: RequestKind| {
        looks_at(&plan.profile, objective, phase) && is_kind(&objective.selector, kind)
    };
    let all = seen.count(|phase, kind, _| in_part(phase, kind));
    let selected = seen.count(|phase, kind, class| {
        in_part(phase, kind) && objective.selector.class.is_none_or(|wanted| wanted == class)
    });
    let value = match objective.stat {
        Stat::Share => ppm(selected, all),
        Stat::Rate => {
            let duration_us: u64 = plan
                .profile
                .stages()
                .iter()
                .filter(|stage| looks_at(&plan.profile, objective, &stage.name))
                .map(|stage| stage.duration_us)
                .sum();
            (duration_us > 0).then(|| milli_per_s(selected, duration_us))
        }
        _ => Some(selected),
    };
    exact(value, all, 1, objective)
}

fn milli_per_s(count: u64, duration_us: u64) -> u64 {
    let value = u128::from(count) * 1_000_000_000 / u128::from(duration_us);
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn ppm(part: u64, all: u64) -> Option<u64> {
    // Rounded up: a share above the limit is never shown as kept.
    (all > 0).then(|| (part * 1_000_000).div_ceil(all))
}

fn dropped(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let open = plan.profile.stages().iter().any(|s| matches!(s.shape, Shape::Open { .. }));
    let parts = seen.dropped.iter().filter(|(p, _)| looks_at(&plan.profile, objective, p));
    let (dropped, due) =
        parts.fold((0, 0), |(dropped, due), (_, part)| (dropped + part.0, due + part.1));
    if !open {
        // Journeys drop nothing: there is no schedule that they could fall behind.
        return exact(Some(0), 1, 1, objective);
    }
    let value = if objective.stat == Stat::Share { ppm(dropped, due) } else { Some(dropped) };
    exact(value, due, 1, objective)
}

fn cache_hits(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let selected = |phase: &str, kind: RequestKind, class: AnswerClass| {
        looks_at(&plan.profile, objective, phase)
            && is_kind(&objective.selector, kind)
            && kind.is_charged()
            && class == AnswerClass::Ok
    };
    let answered = seen.count(selected);
    let hits = seen.series.iter().filter(|((p, k, c), _)| selected(p, *k, *c));
    let hits: u64 = hits.map(|(_, total)| total.cache_hits).sum();
    let value = if objective.stat == Stat::Share { ppm(hits, answered) } else { Some(hits) };
    exact(value, answered, 1, objective)
}

fn resource(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let samples = seen.resources.iter().filter(|sample| {
        Some(sample.process) == objective.selector.process
            && looks_at(&plan.profile, objective, &sample.phase)
    });
    let figures: Vec<u64> = samples
        .map(|sample| match objective.metric {
            Metric::Cpu => sample.cpu_permille,
            Metric::Fds => sample.fds,
            Metric::Threads => sample.threads,
            _ => sample.rss_kib,
        })
        .collect();
    let n = figures.len() as u64;
    let value = match objective.stat {
        Stat::Min => figures.iter().min().copied(),
        Stat::Avg => (n > 0).then(|| figures.iter().sum::<u64>() / n.max(1)),
        _ => figures.iter().max().copied(),
    };
    exact(value, n, RESOURCE_SAMPLES, objective)
}

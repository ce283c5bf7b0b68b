//! Objectives against what was measured: a percentile is held or broken only beyond what chance explains.

use crate::{
    domain::{
        binomial,
        evidence::Resource,
        histogram::LatencyHistogram,
        kind::{AnswerClass, RequestKind},
        objective::{Metric, Objective, ObjectiveKind, Op, Selector, Stat},
        profile::{CacheHits, Profile, Shape},
        run::RunPlan,
        verdict::{Breach, ObjectiveResult, Status},
    },
    judge::{
        correctness::reproduce,
        seen::{Ended, Seen, Total},
    },
};

pub use crate::judge::figure::show;

/// Fewest samples of a process that a limit on it rests on.
const RESOURCE_SAMPLES: u64 = 3;
/// Shares are in parts per million.
const PPM: u64 = 1_000_000;
/// Rates are in thousandths per second, and durations in µs.
const PER_MS_IN_MILLI_PER_S: u64 = 1_000_000;
/// A tick comes about this much after its second.
const TICK_SLACK_MS: u64 = 300;
/// Objectives that hold for every profile which sets none of its own on the same thing, in all its parts.
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
            // One that looks at a single kind or stage leaves the rest to the built-in one.
            o.metric == objective.metric && o.selector == objective.selector
        };
        let covered = plan.profile.objectives().iter().any(same);
        (!covered).then(|| ((*name).to_owned(), objective))
    });
    own.chain(built_in)
        .chain(cache_share(&plan.profile))
        .map(|(name, objective)| result(plan, seen, &name, &objective))
        .collect()
}

/// The share of answers from the cache that the profile declares: judged like an objective, because a load that hits
/// a cache more or less often than it says is another load.
fn cache_share(profile: &Profile) -> Vec<(String, Objective)> {
    let asks = profile.mix().iter().any(|(kind, weight)| kind.is_charged() && *weight > 0)
        || profile.stages().iter().any(|stage| matches!(stage.shape, Shape::Closed { .. }));
    let CacheHits { min_permille, max_permille } = profile.raw().cache_hits;
    let most = (max_permille < 1_000).then_some(("<=", max_permille));
    let least = (min_permille > 0).then_some((">=", min_permille));
    let declared = [most, least].into_iter().flatten().filter(|_| asks);
    declared
        .filter_map(|(op, permille)| {
            let objective = format!("share cache_hits {op} {permille}permille").parse().ok()?;
            Some((format!("declared cache hits {op} {permille} permille"), objective))
        })
        .collect()
}

/// What was measured, and the limit, for people.
pub fn figures(result: &ObjectiveResult) -> String {
    let observed = result.observed.map_or("nothing".to_owned(), |v| show(v, &result.unit));
    let interval = result.interval.map_or(String::new(), |(low, high)| {
        format!(" (between {} and {})", show(low, &result.unit), show(high, &result.unit))
    });
    let limit = show(result.limit, &result.unit);
    format!("measured {observed}{interval} over {} samples; the limit is {limit}", result.n)
}

/// The breach that a broken objective is.
pub fn breach(plan: &RunPlan, result: &ObjectiveResult) -> Breach {
    Breach {
        objective: result.name.clone(),
        kind: result.kind,
        promise: format!("`{}`", result.expression),
        message: format!("{}.", figures(result)),
        times: 1,
        first_at_ms: None,
        request_id: None,
        trace_id: None,
        ordinals: Vec::new(),
        reproduce: reproduce(plan),
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
        Metric::Latency | Metric::ServiceTime | Metric::OwnTime | Metric::ScheduleLag => {
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
            let (off, span, n) = done.map_or((0, 0, 0), |done| {
                let off = done.sent_span_us.abs_diff(done.scheduled_span_us);
                (off, done.scheduled_span_us, done.started)
            });
            ratio(off, span, PPM, n, objective)
        }
        Metric::Rss | Metric::Cpu | Metric::Fds | Metric::Threads => {
            resource(plan, seen, objective)
        }
    }
}

/// Decided without chance: held or broken as it stands, void below `least` samples.
fn exact(value: Option<u64>, n: u64, least: u64, objective: &Objective) -> Measured {
    let value = value.filter(|_| n >= least);
    let status = value.map_or(Status::Void, |value| decided(objective.holds(value)));
    let wanted = value.is_none().then_some(least);
    Measured { value, interval: None, status, n, wanted }
}

/// `part · scale / whole` against the limit, by cross-multiplication: no rounding decides. The figure that is shown is
/// rounded to the side where the objective breaks, so that one that is broken never looks kept.
fn ratio(part: u64, whole: u64, scale: u64, n: u64, objective: &Objective) -> Measured {
    if whole == 0 || n == 0 {
        return Measured { value: None, interval: None, status: Status::Void, n, wanted: Some(1) };
    }
    let scaled = u128::from(part) * u128::from(scale);
    let limit = u128::from(objective.limit) * u128::from(whole);
    let (holds, shown) = match objective.op {
        Op::Le => (scaled <= limit, scaled.div_ceil(u128::from(whole))),
        Op::Lt => (scaled < limit, scaled.div_ceil(u128::from(whole))),
        Op::Ge => (scaled >= limit, scaled / u128::from(whole)),
        Op::Gt => (scaled > limit, scaled / u128::from(whole)),
        Op::Eq => (scaled == limit, scaled / u128::from(whole)),
    };
    let value = Some(u64::try_from(shown).unwrap_or(u64::MAX));
    Measured { value, interval: None, status: decided(holds), n, wanted: None }
}

fn decided(holds: bool) -> Status {
    if holds { Status::Held } else { Status::Broken }
}

fn percentile(histogram: &LatencyHistogram, hundredths: u32, objective: &Objective) -> Measured {
    let n = histogram.count();
    let ranks = binomial::ranks(n, hundredths);
    let value = histogram.percentile(u64::from(hundredths), 10_000);
    let at = |rank: Option<u64>| rank.and_then(|rank| histogram.at_rank(rank));
    let (low, high) = (at(ranks.lower), at(ranks.upper));
    let keeps = |bound: Option<u64>| bound.is_some_and(|bound| objective.holds(bound));
    let breaks = |bound: Option<u64>| bound.is_some_and(|bound| !objective.holds(bound));
    // Upper limits are kept where the upper end of the interval keeps them, and broken where even the lower end does
    // not; lower limits the other way round.
    let (held, broken) = match objective.op {
        Op::Le | Op::Lt => (keeps(high), breaks(low)),
        Op::Ge | Op::Gt => (keeps(low), breaks(high)),
        Op::Eq => (
            keeps(low) && keeps(high),
            low.is_some_and(|low| low > objective.limit)
                || high.is_some_and(|high| high < objective.limit),
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
        None => !kind.is_probe(),
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
    if metric == Metric::ServiceTime {
        &total.service
    } else if metric == Metric::OwnTime {
        &total.own
    } else {
        &total.latency
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
    if objective.stat == Stat::Share {
        return ratio(selected, all, PPM, all, objective);
    }
    if objective.stat == Stat::Rate {
        return achieved(plan, seen, objective);
    }
    exact(Some(selected), all, 1, objective)
}

/// What ended rightly while the stages lasted, whenever it was scheduled: a target that answers late has not achieved it.
/// The intervals between ticks that lie within the stages are counted, and divided by their own length.
fn achieved(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let within = |ended: &&Ended| {
        plan.profile.stages().iter().any(|stage| {
            let (start_ms, end_ms) =
                (stage.start_us / 1_000, (stage.start_us + stage.duration_us) / 1_000);
            looks_at(&plan.profile, objective, &stage.name)
                && ended.from_ms + TICK_SLACK_MS >= start_ms
                && ended.to_ms <= end_ms + TICK_SLACK_MS
        })
    };
    let (mut count, mut all, mut duration_ms) = (0, 0, 0);
    for ended in seen.ended.iter().filter(within) {
        duration_ms += ended.to_ms.saturating_sub(ended.from_ms);
        all += ended.counts.values().sum::<u64>();
        let selected = ended.counts.iter().filter(|((kind, class), _)| {
            is_kind(&objective.selector, *kind) && is_class(&objective.selector, *class)
        });
        count += selected.map(|(_, count)| count).sum::<u64>();
    }
    ratio(count, duration_ms, PER_MS_IN_MILLI_PER_S, all, objective)
}

fn dropped(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let mut stages = plan.profile.stages().iter();
    let open = stages.any(|stage| {
        looks_at(&plan.profile, objective, &stage.name) && matches!(stage.shape, Shape::Open { .. })
    });
    let parts = seen.dropped.iter().filter(|(p, _)| looks_at(&plan.profile, objective, p));
    let (dropped, due) =
        parts.fold((0, 0), |(dropped, due), (_, part)| (dropped + part.0, due + part.1));
    if !open {
        // Journeys drop nothing: there is no schedule that they could fall behind.
        return exact(Some(0), 1, 1, objective);
    }
    if objective.stat == Stat::Share {
        return ratio(dropped, due, PPM, due, objective);
    }
    exact(Some(dropped), due, 1, objective)
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
    if objective.stat == Stat::Share {
        return ratio(hits, answered, PPM, answered, objective);
    }
    exact(Some(hits), answered, 1, objective)
}

fn resource(plan: &RunPlan, seen: &Seen, objective: &Objective) -> Measured {
    let samples = seen.resources.iter().filter(|sample| {
        Some(sample.process) == objective.selector.process
            && looks_at(&plan.profile, objective, &sample.phase)
    });
    let figure = |sample: &Resource| {
        if objective.metric == Metric::Cpu {
            sample.cpu_permille
        } else if objective.metric == Metric::Fds {
            sample.fds
        } else if objective.metric == Metric::Threads {
            sample.threads
        } else {
            sample.rss_kib
        }
    };
    let figures: Vec<u64> = samples.map(figure).collect();
    let value = if objective.stat == Stat::Min {
        figures.iter().min().copied()
    } else if objective.stat == Stat::Avg {
        mean(&figures)
    } else {
        figures.iter().max().copied()
    };
    exact(value, figures.len() as u64, RESOURCE_SAMPLES, objective)
}

/// The mean of samples, in whole units; none of none.
pub fn mean(samples: &[u64]) -> Option<u64> {
    let sum: u128 = samples.iter().copied().map(u128::from).sum();
    sum.checked_div(samples.len() as u128).and_then(|mean| u64::try_from(mean).ok())
}

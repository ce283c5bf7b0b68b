//! The figures that every report shows, as cells: objectives and requests. Added up once, worded once.

use std::collections::BTreeMap;

use verdict::{
    domain::{
        histogram::LatencyHistogram,
        kind::{AnswerClass, RequestKind},
        objective::{Objective, ObjectiveKind, Op},
        run::RunPlan,
        verdict::{ObjectiveResult, Status, VerdictFile},
    },
    judge::{
        seen::{Seen, Total},
        timing::show,
    },
};

use crate::report::explain::plain;

/// What stands where there is no figure.
pub(super) const NONE: &str = "–";

/// An objective in words.
#[derive(Clone, Debug)]
pub(super) struct ObjectiveCells {
    pub(super) status: &'static str,
    pub(super) name: String,
    pub(super) expression: String,
    pub(super) observed: String,
    pub(super) interval: String,
    pub(super) limit: String,
    pub(super) n: String,
}

/// Every objective of the verdict, what was broken first.
pub(super) fn objectives(plan: &RunPlan, verdict: &VerdictFile) -> Vec<ObjectiveCells> {
    let mut results: Vec<&ObjectiveResult> = verdict.objectives.iter().collect();
    results.sort_by_key(|result| match result.status {
        Status::Broken => 0,
        Status::Void => 1,
        Status::Held => 2,
    });
    results.into_iter().map(|result| cells(plan, result)).collect()
}

/// What became of an objective, in a word; part of a run is not judged by its timing.
pub(super) fn status_word(plan: &RunPlan, result: &ObjectiveResult) -> &'static str {
    match result.status {
        Status::Held => "held",
        Status::Broken => "broken",
        Status::Void if is_not_judged(plan, result) => "not judged",
        Status::Void => "void",
    }
}

/// Whether a replay of part of a run leaves this objective aside.
pub(super) fn is_not_judged(plan: &RunPlan, result: &ObjectiveResult) -> bool {
    plan.only.is_some() && result.kind == ObjectiveKind::Timing && result.status == Status::Void
}

fn cells(plan: &RunPlan, result: &ObjectiveResult) -> ObjectiveCells {
    ObjectiveCells {
        status: status_word(plan, result),
        name: plain(&result.name),
        expression: plain(&result.expression),
        observed: observed(result),
        interval: interval(result).unwrap_or_else(|| NONE.to_owned()),
        limit: limit(result),
        n: result.n.to_string(),
    }
}

/// What was measured, for people.
pub(super) fn observed(result: &ObjectiveResult) -> String {
    result.observed.map_or_else(|| NONE.to_owned(), |value| show(value, &result.unit))
}

/// Between what the true figure lies, for people.
pub(super) fn interval(result: &ObjectiveResult) -> Option<String> {
    let (low, high) = result.interval?;
    Some(format!("{} … {}", show(low, &result.unit), show(high, &result.unit)))
}

/// The limit with its comparison, for people.
pub(super) fn limit(result: &ObjectiveResult) -> String {
    let sign = match result.expression.parse::<Objective>().map(|objective| objective.op) {
        Ok(Op::Le) => "≤ ",
        Ok(Op::Lt) => "< ",
        Ok(Op::Ge) => "≥ ",
        Ok(Op::Gt) => "> ",
        Ok(Op::Eq) => "= ",
        Err(_) => "",
    };
    format!("{sign}{}", show(result.limit, &result.unit))
}

/// Requests of one kind and class, over all phases.
pub(super) fn requests(seen: &Seen) -> BTreeMap<(RequestKind, AnswerClass), Total> {
    let mut rows: BTreeMap<(RequestKind, AnswerClass), Total> = BTreeMap::new();
    for ((_, kind, class), total) in &seen.series {
        let row = rows.entry((*kind, *class)).or_default();
        row.latency.add(&total.latency);
        row.service.add(&total.service);
        row.own.add(&total.own);
        row.cache_hits += total.cache_hits;
    }
    rows.retain(|_, total| total.latency.count() > 0);
    rows
}

/// Kind, class, count, p50, p95, p99 and longest of every row, for people.
pub(super) fn request_cells(seen: &Seen) -> Vec<[String; 7]> {
    let cells = |((kind, class), total): (&(RequestKind, AnswerClass), &Total)| {
        let latency = &total.latency;
        [
            kind.name().to_owned(),
            class.name().to_owned(),
            latency.count().to_string(),
            time(latency.percentile(50, 100)),
            time(latency.percentile(95, 100)),
            time(latency.percentile(99, 100)),
            time(latency.max()),
        ]
    };
    requests(seen).iter().map(cells).collect()
}

fn time(us: Option<u64>) -> String {
    us.map_or_else(|| NONE.to_owned(), |us| show(us, "us"))
}

/// The latency that objectives look at unless they say otherwise: answers that are right or rightly refused, of
/// everything but the probes.
pub(super) fn is_usual(kind: RequestKind, class: AnswerClass) -> bool {
    !class.is_error() && !matches!(kind, RequestKind::QuotaBurst | RequestKind::DependencyOut)
}

/// Percentile `milli_percent / 1000` of `histogram`, in µs, where the samples reach that far: at least one lies above.
pub(super) fn supported(histogram: &LatencyHistogram, milli_percent: u64) -> Option<u64> {
    let above =
        u128::from(histogram.count()) * u128::from(100_000_u64.saturating_sub(milli_percent));
    (above >= 100_000).then(|| histogram.percentile(milli_percent, 100_000))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_samples_beyond_it() {
        let mut histogram = LatencyHistogram::new();
        (1..=100).for_each(|us| histogram.record(us * 10));
        assert_eq!(supported(&histogram, 50_000), Some(500));
        assert_eq!(supported(&histogram, 99_000), Some(990));
        assert_eq!(supported(&histogram, 99_900), None);
        assert_eq!(supported(&LatencyHistogram::new(), 50_000), None);
    }

    #[test]
    fn a_limit_has_its_comparison() {
        let result = ObjectiveResult {
            name: "fast".into(),
            expression: "p95 latency{kind=query} <= 1500ms".into(),
            kind: ObjectiveKind::Timing,
            status: Status::Held,
            observed: Some(1_200),
            limit: 1_500_000,
            unit: "us".into(),
            interval: Some((900, 2_000_000)),
            n: 10,
        };
        assert_eq!(limit(&result), "≤ 1.50 s");
        assert_eq!(observed(&result), "1.20 ms");
        assert_eq!(interval(&result).unwrap(), "900 µs … 2.00 s");
    }
}

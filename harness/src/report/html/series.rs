//! What the page draws over time, thinned out where there is more than it can show; what was thinned is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use verdict::domain::{
    evidence::{Evidence, Resource, Tick},
    histogram::LatencyHistogram,
    kind::AnswerClass,
    objective::Process,
};

use crate::report::figures::is_usual;

/// Most points in time of a chart.
pub(super) const MAX_POINTS: u64 = 2_000;
/// A tick that ends this long after a full second is still that second's, in ms.
const TICK_JITTER_MS: u64 = 100;
/// Samples of different processes that are this close belong together, in ms.
const ROUND_MS: u64 = 200;

/// What happened in a second (or in several: see the notes).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Point {
    /// End of the interval, in seconds from the start of the load.
    t_s: u64,
    phase: String,
    offered: u64,
    started: u64,
    completed: u64,
    dropped: u64,
    errors: u64,
    p50_us: Option<u64>,
    p95_us: Option<u64>,
    p99_us: Option<u64>,
}

/// A sample of a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    /// Seconds from the start of the load, the same for all processes of a round.
    t_s: f64,
    process: &'static str,
    cpu_permille: u64,
    rss_kib: u64,
    fds: u64,
    threads: u64,
}

#[derive(Default)]
struct Bin {
    phase: String,
    counts: [u64; 5],
    usual: LatencyHistogram,
}

impl Bin {
    fn add(&mut self, tick: &Tick) {
        self.phase.clone_from(&tick.phase);
        let (mut completed, mut errors) = (0, 0);
        for series in tick.series.iter().filter(|series| series.class != AnswerClass::Dropped) {
            let count = series.latency.count();
            completed += count;
            if series.class.is_error() {
                errors += count;
            }
            if is_usual(series.kind, series.class) {
                self.usual.add(&series.latency);
            }
        }
        let more = [tick.offered, tick.started, completed, tick.dropped, errors];
        self.counts.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }

    fn point(self, t_s: u64) -> Point {
        let [offered, started, completed, dropped, errors] = self.counts;
        let percentile = |percent| self.usual.percentile(percent, 100);
        let [p50_us, p95_us, p99_us] = [50, 95, 99].map(percentile);
        let phase = self.phase;
        Point { t_s, phase, offered, started, completed, dropped, errors, p50_us, p95_us, p99_us }
    }
}

/// The load over time, and how many seconds a point stands for.
pub(super) fn points(evidence: &[Evidence]) -> (Vec<Point>, u64) {
    let second = |tick: &Tick| tick.at_ms.saturating_sub(TICK_JITTER_MS).div_ceil(1_000);
    let ticks = || evidence.iter().filter_map(tick);
    let length = ticks().map(second).max().unwrap_or(0) + 1;
    let width = length.div_ceil(MAX_POINTS);
    let mut bins: BTreeMap<u64, Bin> = BTreeMap::new();
    for tick in ticks() {
        bins.entry(second(tick) / width).or_default().add(tick);
    }
    (bins.into_iter().map(|(bin, sum)| sum.point(bin * width)).collect(), width)
}

fn tick(line: &Evidence) -> Option<&Tick> {
    if let Evidence::Tick(tick) = line { Some(tick) } else { None }
}

/// The processes over time, and how many rounds of samples a point stands for (then the mean of the processor use and the
/// most of all else).
pub(super) fn samples(resources: &[Resource]) -> (Vec<Sample>, u64) {
    let rounds = rounds(resources);
    let width = (rounds.len() as u64).div_ceil(MAX_POINTS).max(1);
    let size = usize::try_from(width).unwrap_or(usize::MAX);
    (rounds.chunks(size).flat_map(merged).collect(), width)
}

/// Samples that were taken together, in order of time.
fn rounds(resources: &[Resource]) -> Vec<Vec<&Resource>> {
    let mut sorted: Vec<&Resource> = resources.iter().collect();
    sorted.sort_by_key(|sample| sample.at_ms);
    let mut rounds: Vec<Vec<&Resource>> = Vec::new();
    for sample in sorted {
        let belongs = |round: &&mut Vec<&Resource>| {
            let is_near = round.first().is_some_and(|first| sample.at_ms - first.at_ms <= ROUND_MS);
            is_near && round.iter().all(|other| other.process != sample.process)
        };
        match rounds.last_mut().filter(belongs) {
            Some(round) => round.push(sample),
            None => rounds.push(vec![sample]),
        }
    }
    rounds
}

fn merged(rounds: &[Vec<&Resource>]) -> Vec<Sample> {
    let all = || rounds.iter().flatten();
    let at_ms = all().map(|sample| sample.at_ms).min().unwrap_or(0);
    let processes: BTreeSet<Process> = all().map(|sample| sample.process).collect();
    let of = |process: Process| {
        let own = || all().filter(move |sample| sample.process == process);
        let most = |figure: fn(&Resource) -> u64| own().map(|s| figure(s)).max().unwrap_or(0);
        let cpu: u64 = own().map(|sample| sample.cpu_permille).sum();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run, far below 2^52")]
        let t_s = at_ms as f64 / 1_000.0;
        Sample {
            t_s,
            process: process.name(),
            cpu_permille: cpu / (own().count() as u64).max(1),
            rss_kib: most(|sample| sample.rss_kib),
            fds: most(|sample| sample.fds),
            threads: most(|sample| sample.threads),
        }
    };
    processes.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten(at_ms: u64) -> Evidence {
        Evidence::Tick(Box::new(Tick {
            at_ms,
            phase: "steady".into(),
            offered: 10,
            started: 9,
            dropped: 1,
            in_flight: 0,
            lag: LatencyHistogram::new(),
            series: Vec::new(),
        }))
    }

    fn sample(at_ms: u64, process: Process, cpu_permille: u64) -> Resource {
        let phase = String::new();
        Resource { at_ms, phase, process, cpu_permille, rss_kib: at_ms, fds: 3, threads: 4 }
    }

    #[test]
    fn ticks_of_a_second_are_one_point() {
        let ticks = [500, 1_004, 1_503, 2_000, 2_300].map(ten);
        let (points, width) = points(&ticks);
        assert_eq!(width, 1);
        let seen: Vec<_> = points.iter().map(|p| (p.t_s, p.offered)).collect();
        assert_eq!(seen, [(1, 20), (2, 20), (3, 10)]);
        assert_eq!(points[0].p95_us, None);
    }

    #[test]
    fn a_long_run_is_thinned_and_nothing_is_lost() {
        let ticks: Vec<_> = (1..=5_000).map(|s| ten(s * 1_000)).collect();
        let (points, width) = points(&ticks);
        assert_eq!(width, 3);
        assert!(points.len() as u64 <= MAX_POINTS);
        assert_eq!(points.iter().map(|p| p.offered).sum::<u64>(), 50_000);
    }

    #[test]
    fn samples_taken_together_stand_together() {
        let samples_in = [
            sample(498, Process::Backend, 100),
            sample(501, Process::Worker, 50),
            sample(1_003, Process::Worker, 70),
            sample(999, Process::Backend, 300),
        ];
        let (out, width) = samples(&samples_in);
        assert_eq!(width, 1);
        let seen: Vec<_> =
            out.iter().map(|s| (s.t_s.to_string(), s.process, s.cpu_permille)).collect();
        let at = |t: &str| t.to_owned();
        assert_eq!(
            seen,
            [
                (at("0.498"), "backend", 100),
                (at("0.498"), "worker", 50),
                (at("0.999"), "backend", 300),
                (at("0.999"), "worker", 70)
            ]
        );
    }

    #[test]
    fn many_rounds_become_means_and_maxima() {
        let many: Vec<_> =
            (0..4_000).map(|i| sample(i * 500, Process::Stage, i % 2 * 100)).collect();
        let (out, width) = samples(&many);
        assert_eq!((out.len(), width), (2_000, 2));
        assert_eq!((out[0].cpu_permille, out[0].rss_kib), (50, 500));
    }
}

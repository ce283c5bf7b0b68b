//! What is shown while a load runs: on a terminal one line that moves, elsewhere a plain line every few seconds. It is
//! a view: nothing is decided here.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Tick;
use verdict::domain::histogram::LatencyHistogram;
use verdict::domain::run::RunPlan;
use verdict::domain::verdict::Status;
use verdict::judge::seen::Seen;
use verdict::judge::timing;
use verdict::judge::timing::show;

use crate::cli::output::note;

/// Ticks between two plain lines.
const PLAIN_EVERY: u64 = 5;

/// The view.
pub(super) struct Live {
    run: RunPlan,
    seen: Seen,
    bar: Option<ProgressBar>,
    ticks: u64,
    findings: u64,
    quiet: bool,
}

impl Live {
    pub(super) fn new(run: &RunPlan, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(run.profile.duration_us() / 1_000);
            let style =
                ProgressStyle::with_template("{bar:24.cyan/blue} {elapsed_precise}  {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { run: run.clone(), seen: Seen::default(), bar, ticks: 0, findings: 0, quiet }
    }

    pub(super) fn see(&mut self, evidence: &Evidence) {
        if self.quiet {
            return;
        }
        match evidence {
            Evidence::Tick(tick) => self.tick(tick),
            Evidence::Resource(sample) => self.seen.resources.push(sample.clone()),
            Evidence::Finding(finding) => {
                self.findings += 1;
                if self.findings <= 3 {
                    self.say(&format!(
                        "broken promise `{}`: {} of {}: expected {}, got {}",
                        finding.rule, finding.kind, finding.user, finding.expected, finding.seen
                    ));
                }
            }
            Evidence::BackendDied(died) => self.say(&format!("the backend ended: {}", died.how)),
            Evidence::CapabilityMissing(lost) => self.say(&lost.detail),
            Evidence::Hello(_)
            | Evidence::Conservation(_)
            | Evidence::Version(_)
            | Evidence::StageLost(_)
            | Evidence::Interrupted(_)
            | Evidence::Done(_)
            | Evidence::Closed(_)
            | Evidence::WorkerLost(_) => {}
        }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(line)),
            None => note(line),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn tick(&mut self, tick: &Tick) {
        self.ticks += 1;
        self.seen.tick(tick);
        // A line judges every objective so far: it is made only where it is shown.
        match &self.bar {
            Some(bar) => {
                bar.set_position(tick.at_ms);
                bar.set_message(self.line(tick));
            }
            None if self.ticks.is_multiple_of(PLAIN_EVERY) => note(&self.line(tick)),
            None => {}
        }
    }

    fn line(&self, tick: &Tick) -> String {
        let mut latency = LatencyHistogram::new();
        let (mut ended, mut errors) = (0, 0);
        for series in &tick.series {
            ended += series.latency.count();
            if series.class.is_error() {
                errors += series.latency.count();
            } else {
                latency.add(&series.latency);
            }
        }
        let at = |percent| {
            latency.percentile(percent, 100).map_or("–".to_owned(), |us| show(us, "us"))
        };
        let red = self.red();
        let red = if red.is_empty() { String::new() } else { format!("  RED: {}", red.join(", ")) };
        format!(
            "{:>5.1} s {:<10} offered {}/s done {}/s in flight {}  p50 {} p95 {} p99 {}  errors {errors} dropped {}{red}",
            Duration::from_millis(tick.at_ms).as_secs_f64(),
            tick.phase,
            tick.offered,
            ended,
            tick.in_flight,
            at(50),
            at(95),
            at(99),
            tick.dropped
        )
    }

    /// Objectives that look broken so far; rates need the whole of their phase.
    fn red(&self) -> Vec<String> {
        let results = timing::results(&self.run, &self.seen);
        let red = results
            .into_iter()
            .map(|(result, _)| result)
            .filter(|result| result.status == Status::Broken && result.unit != "milli_per_s");
        red.map(|result| result.name).collect()
    }
}

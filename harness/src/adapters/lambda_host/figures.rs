//! What a function's sandboxes did, counted.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use super::failure::FailureKind;
use super::sandbox::ColdStart;
use super::sandbox::Ran;

/// Cold starts beyond these are counted and not kept.
const KEPT: usize = 10_000;

/// A function's figures, as `GET /lambda` gives them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Sandboxes that there are, starting ones included.
    pub sandboxes: usize,
    /// Those that wait, stopped.
    pub idle: usize,
    /// Process ids.
    pub pids: Vec<u32>,
    /// Starts that came to a first `next`.
    pub cold_starts: ColdStarts,
    /// Invocations that ran to an end, good or bad.
    pub invocations: u64,
    /// Those that ended in a function error.
    pub errors: u64,
    /// Refused for want of a sandbox.
    pub throttles: u64,
    /// Killed at the function time-out.
    pub timeouts: u64,
    /// Processes that ended by themselves, busy or idle.
    pub crashes: u64,
    /// Processes killed for their memory.
    pub out_of_memory: u64,
    /// Processes that never asked for an invocation.
    pub failed_starts: u64,
    /// The most resident memory that a sandbox had, in KiB.
    pub rss_max_kib: u64,
}

/// Cold starts in microseconds: `start` is the guard's and the kernel's part, `init` the function's own.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ColdStarts {
    /// How many.
    pub count: u64,
    /// The median of `init`.
    pub init_p50_us: u64,
    /// The longest `init`.
    pub init_max_us: u64,
    /// The median of `start`.
    pub start_p50_us: u64,
    /// The longest `start`.
    pub start_max_us: u64,
}

/// Counts of one function.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) throttles: u64,
    cold: Vec<ColdStart>,
    cold_starts: u64,
    invocations: u64,
    errors: u64,
    timeouts: u64,
    crashes: u64,
    out_of_memory: u64,
    failed_starts: u64,
    rss_max_kib: u64,
}

impl Counts {
    pub(super) fn cold_start(&mut self, cold: ColdStart) {
        self.cold_starts += 1;
        if self.cold.len() < KEPT {
            self.cold.push(cold);
        }
    }

    pub(super) fn ran(&mut self, ran: Ran) {
        self.invocations += 1;
        self.rss_max_kib = self.rss_max_kib.max(ran.rss_kib);
        if let Some(kind) = ran.failed {
            self.failed(kind);
        }
    }

    pub(super) fn failed(&mut self, kind: FailureKind) {
        self.errors += 1;
        match kind {
            FailureKind::Reported | FailureKind::ResponseTooLarge => {}
            FailureKind::TimedOut => self.timeouts += 1,
            FailureKind::Crashed => self.crashes += 1,
            FailureKind::OutOfMemory => self.out_of_memory += 1,
            FailureKind::Init => self.failed_starts += 1,
        }
    }

    pub(super) fn figures(&self, sandboxes: usize, idle: usize, pids: Vec<u32>) -> Figures {
        let (init_p50_us, init_max_us) = median_and_most(self.cold.iter().map(|cold| cold.init));
        let (start_p50_us, start_max_us) = median_and_most(self.cold.iter().map(|cold| cold.start));
        Figures {
            sandboxes,
            idle,
            pids,
            cold_starts: ColdStarts {
                count: self.cold_starts,
                init_p50_us,
                init_max_us,
                start_p50_us,
                start_max_us,
            },
            invocations: self.invocations,
            errors: self.errors,
            throttles: self.throttles,
            timeouts: self.timeouts,
            crashes: self.crashes,
            out_of_memory: self.out_of_memory,
            failed_starts: self.failed_starts,
            rss_max_kib: self.rss_max_kib,
        }
    }
}

/// The median (the lower of two) and the most, in microseconds; zeros of nothing.
fn median_and_most(durations: impl Iterator<Item = Duration>) -> (u64, u64) {
    let mut us: Vec<u64> =
        durations.map(|d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX)).collect();
    us.sort_unstable();
    let median = us.get(us.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    (median, us.last().copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_the_values() {
        let ms =
            |values: &[u64]| median_and_most(values.iter().map(|ms| Duration::from_millis(*ms)));
        assert_eq!(ms(&[]), (0, 0));
        assert_eq!(ms(&[7]), (7_000, 7_000));
        assert_eq!(ms(&[9, 1, 5, 3]), (3_000, 9_000));
    }

    #[test]
    fn each_kind_of_failure_is_counted_once() {
        let mut counts = Counts::default();
        let ran = |failed| Ran { failed, warm: true, rss_kib: 5 };
        counts.ran(ran(None));
        for kind in [
            FailureKind::Reported,
            FailureKind::TimedOut,
            FailureKind::Crashed,
            FailureKind::OutOfMemory,
            FailureKind::ResponseTooLarge,
        ] {
            counts.ran(ran(Some(kind)));
        }
        counts.failed(FailureKind::Init);
        let figures = counts.figures(0, 0, Vec::new());
        assert_eq!((figures.invocations, figures.errors), (6, 6));
        assert_eq!((figures.timeouts, figures.crashes, figures.out_of_memory), (1, 1, 1));
        assert_eq!((figures.failed_starts, figures.rss_max_kib), (1, 5));
    }
}

//! Counts what ends, and says so in a tick a second. Memory does not grow with the length of a run: what was said is
//! forgotten, and findings beyond a bound are counted by their class alone.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Finding;
use verdict::domain::evidence::Series;
use verdict::domain::evidence::Tick;
use verdict::domain::evidence::Version;
use verdict::domain::histogram::LatencyHistogram;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::ledger::LedgerEntry;
use verdict::domain::rule::Rule;

use super::ledger::Ledger;

/// Findings of one rule that are written out; the rest is counted.
const FINDINGS_PER_RULE: u64 = 200;

/// One request that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) entry: LedgerEntry,
    pub(super) cache_hit: bool,
    pub(super) version: Option<String>,
    pub(super) findings: Vec<Finding>,
}

/// What a worker has seen and not yet said.
pub(super) struct Recorder {
    state: Mutex<State>,
}

struct State {
    series: BTreeMap<(String, RequestKind, AnswerClass), Series>,
    lag: LatencyHistogram,
    since_tick: Counts,
    total: Totals,
    findings: BTreeMap<Rule, u64>,
    versions: BTreeSet<String>,
    pending: Vec<Evidence>,
    ledger: Ledger,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    offered: u64,
    started: u64,
    dropped: u64,
}

/// Sums over the whole load.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) started: u64,
    pub(super) completed: u64,
    pub(super) dropped: u64,
    pub(super) unscheduled: u64,
    pub(super) first_due_us: Option<u64>,
    pub(super) last_due_us: u64,
    pub(super) first_sent_us: Option<u64>,
    pub(super) last_sent_us: u64,
}

impl Recorder {
    pub(super) fn new(ledger: Ledger) -> Self {
        let state = State {
            series: BTreeMap::new(),
            lag: LatencyHistogram::new(),
            since_tick: Counts::default(),
            total: Totals::default(),
            findings: BTreeMap::new(),
            versions: BTreeSet::new(),
            pending: Vec::new(),
            ledger,
        };
        Self { state: Mutex::new(state) }
    }

    /// An arrival was due.
    pub(super) fn offered(&self) {
        self.lock().since_tick.offered += 1;
    }

    /// A scheduled request is sent now.
    pub(super) fn started(&self, due_us: u64, now_us: u64) {
        let mut state = self.lock();
        state.since_tick.started += 1;
        state.lag.record(now_us.saturating_sub(due_us));
        let total = &mut state.total;
        total.started += 1;
        total.first_due_us.get_or_insert(due_us);
        total.last_due_us = due_us;
        total.first_sent_us.get_or_insert(now_us);
        total.last_sent_us = now_us;
    }

    /// A step of a journey is sent now.
    pub(super) fn started_unscheduled(&self) {
        let mut state = self.lock();
        state.since_tick.offered += 1;
        state.since_tick.started += 1;
        state.total.started += 1;
        state.total.unscheduled += 1;
    }

    /// There was no room for a due arrival.
    pub(super) fn dropped(&self) {
        let mut state = self.lock();
        state.since_tick.dropped += 1;
        state.total.dropped += 1;
    }

    /// A request ended.
    pub(super) fn ended(&self, ended: Ended) {
        let Ended { entry, cache_hit, version, findings } = ended;
        let mut state = self.lock();
        state.total.completed += 1;
        let key = (entry.phase.clone(), entry.kind, entry.class);
        let series = state.series.entry(key).or_insert_with(|| Series {
            phase: entry.phase.clone(),
            kind: entry.kind,
            class: entry.class,
            latency: LatencyHistogram::new(),
            service: LatencyHistogram::new(),
            own: LatencyHistogram::new(),
            cache_hits: 0,
            statuses: BTreeMap::new(),
        });
        series.latency.record(entry.done_us.saturating_sub(entry.due_us));
        series.service.record(entry.done_us.saturating_sub(entry.sent_us));
        if let Some(own_us) = entry.own_us {
            series.own.record(own_us);
        }
        series.cache_hits += u64::from(cache_hit);
        *series.statuses.entry(entry.status).or_default() += 1;
        if let Some(commit) = version
            && state.versions.insert(commit.clone())
        {
            let at_ms = entry.done_us / 1_000;
            state.pending.push(Evidence::Version(Version {
                commit,
                at_ms,
                ordinal: entry.ordinal,
            }));
        }
        for finding in findings {
            let seen = state.findings.entry(finding.rule).or_default();
            *seen += 1;
            if *seen <= FINDINGS_PER_RULE {
                state.pending.push(Evidence::Finding(finding));
            }
        }
        state.ledger.append(&entry);
    }

    /// Notes something beside the requests.
    pub(super) fn note(&self, evidence: Evidence) {
        self.lock().pending.push(evidence);
    }

    /// Says everything that was seen since the last tick.
    pub(super) fn tick(
        &self,
        at_ms: u64,
        phase: &str,
        in_flight: u64,
    ) -> Result<(), std::io::Error> {
        let (tick, pending) = {
            let mut state = self.lock();
            let counts = std::mem::take(&mut state.since_tick);
            let tick = Tick {
                at_ms,
                phase: phase.to_owned(),
                offered: counts.offered,
                started: counts.started,
                dropped: counts.dropped,
                in_flight,
                lag: std::mem::take(&mut state.lag),
                series: std::mem::take(&mut state.series).into_values().collect(),
            };
            state.ledger.flush();
            (tick, std::mem::take(&mut state.pending))
        };
        emit(&Evidence::Tick(Box::new(tick)))?;
        pending.iter().try_for_each(emit)
    }

    /// Sums so far.
    pub(super) fn totals(&self) -> Totals {
        self.lock().total
    }

    /// Ends the ledger; its digest.
    pub(super) fn close_ledger(&self) -> Result<String, std::io::Error> {
        self.lock().ledger.close()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while counting leaves counts that are still right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line of evidence on stdout.
pub(super) fn emit(evidence: &Evidence) -> Result<(), std::io::Error> {
    let mut line = serde_json::to_vec(evidence)?;
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

//! One scenario's evidence, put in order: requests, what hit them, when faults were on, when breakers were open.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    chaos::{
        FaultFacts, RawFault, ScenarioRun,
        evidence::{
            Began, BreakerChange, ChaosEvidence, Ended, Foretold, Hit, Mark, ProcessEvent,
            ProcessStep,
        },
    },
    evidence::Evidence,
    kind::AnswerClass,
    ledger::LedgerEntry,
};

/// A stretch of time, in µs from the begin of the load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// Its begin.
    pub from_us: u64,
    /// Its end.
    pub to_us: u64,
}

impl Span {
    /// Whether any of the request lies in it.
    pub fn touches(self, request: &LedgerEntry) -> bool {
        request.sent_us <= self.to_us && request.done_us >= self.from_us
    }

    /// Whether all of the request lies in it.
    pub fn holds(self, request: &LedgerEntry) -> bool {
        request.sent_us >= self.from_us && request.done_us <= self.to_us
    }
}

/// A fault with what it can do.
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    /// What the file says.
    pub raw: &'a RawFault,
    /// What the catalogue says.
    pub facts: &'a FaultFacts,
}

/// The evidence of one scenario.
#[derive(Debug)]
pub struct View<'a> {
    /// The scenario.
    pub run: &'a ScenarioRun,
    /// Its begin.
    pub began: Option<&'a Began>,
    /// Requests in the order in which they were due.
    pub requests: Vec<&'a LedgerEntry>,
    /// Hits by trace.
    pub hits: BTreeMap<&'a str, Vec<&'a Hit>>,
    /// All hits by fault.
    pub fired: BTreeMap<&'a str, Vec<&'a Hit>>,
    /// When each fault was put on.
    pub applied: BTreeMap<&'a str, &'a Mark>,
    /// When each fault was taken off.
    pub reverted: BTreeMap<&'a str, &'a Mark>,
    /// Request, fault, operation and call → what the fault was to do to it.
    pub foretold: BTreeMap<(u32, &'a str, &'a str, u32), &'a Foretold>,
    /// What was done to the backend.
    pub processes: Vec<&'a ProcessEvent>,
    /// Dependency → when its breaker let nothing, or one call at a time, through.
    pub open: BTreeMap<&'a str, Vec<Span>>,
    /// What the load run saw.
    pub load: Vec<&'a Evidence>,
    /// Its end.
    pub ended: Option<&'a Ended>,
    /// What the stage could not do.
    pub missing: Vec<&'a str>,
    /// What went wrong with harness or stage.
    pub lost: Vec<&'a str>,
    /// Retries that hits called for: when, of which service, how many.
    pub retries: Vec<(u64, &'a str, usize)>,
}

impl<'a> View<'a> {
    /// What the evidence says about `run`.
    pub fn of(run: &'a ScenarioRun, evidence: &'a [ChaosEvidence]) -> Self {
        let mut view = Self {
            run,
            began: None,
            requests: Vec::new(),
            hits: BTreeMap::new(),
            fired: BTreeMap::new(),
            applied: BTreeMap::new(),
            reverted: BTreeMap::new(),
            foretold: BTreeMap::new(),
            processes: Vec::new(),
            open: BTreeMap::new(),
            load: Vec::new(),
            ended: None,
            missing: Vec::new(),
            lost: Vec::new(),
            retries: Vec::new(),
        };
        let mut breakers: Vec<&BreakerChange> = Vec::new();
        for line in evidence {
            view.take(line, &mut breakers);
        }
        view.requests.sort_by_key(|request| (request.due_us, request.ordinal));
        view.open = open(breakers);
        view.retries = view.retries();
        view
    }

    fn take(&mut self, line: &'a ChaosEvidence, breakers: &mut Vec<&'a BreakerChange>) {
        let own = |scenario: &str| scenario == self.run.name;
        match line {
            ChaosEvidence::Began(line) if own(&line.scenario) => self.began = Some(line),
            ChaosEvidence::Foretold(line) if own(&line.scenario) => {
                let key = (line.ordinal, line.fault.as_str(), line.operation.as_str(), line.call);
                self.foretold.insert(key, line);
            }
            ChaosEvidence::Applied(line) if own(&line.scenario) => {
                self.applied.insert(&line.fault, line);
            }
            ChaosEvidence::Reverted(line) if own(&line.scenario) => {
                self.reverted.insert(&line.fault, line);
            }
            ChaosEvidence::Process(line) if own(&line.scenario) => self.processes.push(line),
            ChaosEvidence::Request(line) if own(&line.scenario) => self.requests.push(&line.entry),
            ChaosEvidence::Hit(line) if own(&line.scenario) => {
                self.fired.entry(&line.fault).or_default().push(line);
                if let Some(trace) = &line.trace_id {
                    self.hits.entry(trace).or_default().push(line);
                }
            }
            ChaosEvidence::Breaker(line) if own(&line.scenario) => breakers.push(line),
            ChaosEvidence::Load(line) if own(&line.scenario) => self.load.push(&line.line),
            ChaosEvidence::Ended(line) if own(&line.scenario) => self.ended = Some(line),
            ChaosEvidence::CapabilityMissing(line) if own(&line.scenario) => {
                self.missing.push(&line.detail);
            }
            ChaosEvidence::Lost(line) if own(&line.scenario) => self.lost.push(&line.detail),
            // Another scenario's, or the run's own.
            ChaosEvidence::Hello(_)
            | ChaosEvidence::Began(_)
            | ChaosEvidence::Foretold(_)
            | ChaosEvidence::Applied(_)
            | ChaosEvidence::Reverted(_)
            | ChaosEvidence::Process(_)
            | ChaosEvidence::Request(_)
            | ChaosEvidence::Hit(_)
            | ChaosEvidence::Breaker(_)
            | ChaosEvidence::Load(_)
            | ChaosEvidence::Ended(_)
            | ChaosEvidence::CapabilityMissing(_)
            | ChaosEvidence::Lost(_)
            | ChaosEvidence::Interrupted(_)
            | ChaosEvidence::Closed(_) => {}
        }
    }

    /// Each hit that was not the last attempt of its call was followed by a retry.
    fn retries(&self) -> Vec<(u64, &'a str, usize)> {
        let mut last: BTreeMap<(&str, &str, &str, u32), (&'a Hit, usize)> = BTreeMap::new();
        for hit in self.fired.values().flatten().copied() {
            let trace = hit.trace_id.as_deref().unwrap_or_default();
            let key = (hit.fault.as_str(), trace, hit.operation.as_str(), hit.call);
            let known = last.entry(key).or_insert((hit, 0));
            known.1 = known.1.max(hit.attempt as usize);
            if hit.at_us < known.0.at_us {
                known.0 = hit;
            }
        }
        let most = |fault: &str| {
            let known = self.faults().find(|known| known.raw.name == fault);
            known.map_or(1, |known| known.facts.attempts.max(1) as usize)
        };
        let of = |(key, (hit, attempts)): ((&str, &str, &str, u32), (&'a Hit, usize))| {
            let service = hit.operation.split(':').next().unwrap_or_default();
            (hit.at_us, service, attempts.min(most(key.0).saturating_sub(1)))
        };
        last.into_iter().map(of).collect()
    }

    /// Its faults.
    pub fn faults(&self) -> impl Iterator<Item = Fault<'a>> {
        let run = self.run;
        run.scenario.faults.iter().zip(&run.faults).map(|(raw, facts)| Fault { raw, facts })
    }

    /// From the moment when the fault may have been in force to the one when it was gone for certain.
    pub fn perhaps_on(&self, fault: &str) -> Option<Span> {
        let from_us = self.applied.get(fault)?.asked_us;
        let to_us = self.reverted.get(fault).map_or(u64::MAX, |mark| mark.done_us);
        Some(Span { from_us, to_us })
    }

    /// From the moment when the fault was in force for certain to the one when it may have been gone.
    pub fn surely_on(&self, fault: &str) -> Option<Span> {
        let from_us = self.applied.get(fault)?.done_us;
        let to_us = self.reverted.get(fault)?.asked_us;
        Some(Span { from_us, to_us })
    }

    /// When the backend was gone or stood still because of `fault`, with `slack_us` on either side.
    pub fn down(&self, fault: &str, slack_us: u64) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut since: Option<u64> = None;
        for event in self.processes.iter().filter(|event| event.fault == fault) {
            match event.what {
                ProcessStep::Killed | ProcessStep::Stopped => since = Some(event.at_us),
                ProcessStep::Evicted => spans.push((event.at_us, event.at_us)),
                ProcessStep::Restarted | ProcessStep::Continued => {
                    spans.extend(since.take().map(|from| (from, event.at_us)));
                }
            }
        }
        spans.extend(since.map(|from| (from, u64::MAX)));
        let wider = |(from, to): (u64, u64)| Span {
            from_us: from.saturating_sub(slack_us),
            to_us: to.saturating_add(slack_us),
        };
        spans.into_iter().map(wider).collect()
    }

    /// Hits of one request.
    pub fn hits_of(&self, request: &LedgerEntry) -> &[&'a Hit] {
        self.hits.get(request.trace_id.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The dependencies whose breaker was not closed at some time of the request.
    pub fn breakers_open(&self, request: &LedgerEntry) -> BTreeSet<&'a str> {
        let open = |spans: &Vec<Span>| spans.iter().any(|span| span.touches(request));
        self.open.iter().filter(|(_, spans)| open(spans)).map(|(name, _)| *name).collect()
    }

    /// When the last fault ended: the last hit, the end of a fault on the wire, the return of the backend.
    pub fn last_fault_us(&self) -> Option<u64> {
        let mut last = self.fired.values().flatten().map(|hit| hit.at_us).max();
        for fault in self.faults() {
            if fault.raw.on.is_none()
                && let Some(mark) = self.reverted.get(fault.raw.name.as_str())
            {
                last = last.max(Some(mark.asked_us));
            }
            let begun = self.processes.iter().filter(|e| e.fault == fault.raw.name);
            last = last.max(begun.map(|event| event.at_us).max());
        }
        last
    }
}

/// A request that ended as if nothing were wrong.
pub fn as_usual(request: &LedgerEntry) -> bool {
    matches!(request.class, AnswerClass::Ok | AnswerClass::ExpectedReject)
}

fn open(mut changes: Vec<&BreakerChange>) -> BTreeMap<&str, Vec<Span>> {
    changes.sort_by_key(|change| change.at_us);
    let mut since: BTreeMap<&str, u64> = BTreeMap::new();
    let mut open: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for change in changes {
        let name = change.dependency.as_str();
        if change.state == "closed" {
            if let Some(from_us) = since.remove(name) {
                open.entry(name).or_default().push(Span { from_us, to_us: change.at_us });
            }
        } else {
            since.entry(name).or_insert(change.at_us);
        }
    }
    for (name, from_us) in since {
        open.entry(name).or_default().push(Span { from_us, to_us: u64::MAX });
    }
    open
}

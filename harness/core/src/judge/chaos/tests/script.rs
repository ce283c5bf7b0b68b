//! A scenario that is written down request by request.

use super::super::*;
use crate::domain::{
    chaos::{
        FaultFacts, RawChaosLoad, RawExpect, RawFault, SCENARIO_SCHEMA, ScenarioRun, Tier,
        evidence::{Began, BreakerChange, Ended, Hello, Hit, LoadLine, Mark, RequestLine},
    },
    evidence::{Closed, Evidence},
    kind::{AnswerClass, RequestKind},
    ledger::LedgerEntry,
    run::Machine,
    stage::{Runtime, Services},
};

/// Requests are due this far apart.
pub(super) const GAP_US: u64 = 50_000;
/// Phases: two seconds before, two with the fault, ten after.
pub(super) const STEADY_MS: u64 = 2_000;
pub(super) const FAULT_MS: u64 = 2_000;
pub(super) const RECOVERY_MS: u64 = 10_000;

/// A scenario under construction.
pub(super) struct Script {
    pub(super) fault: RawFault,
    pub(super) facts: FaultFacts,
    pub(super) expect: RawExpect,
    pub(super) lines: Vec<ChaosEvidence>,
    pub(super) requests: Vec<LedgerEntry>,
    pub(super) hits: Vec<Hit>,
    pub(super) load: Vec<Evidence>,
    pub(super) burst_over: Option<u32>,
}

pub(super) fn script() -> Script {
    let fault = RawFault {
        name: "throttle".to_owned(),
        on: Some("bedrock-runtime:Converse".to_owned()),
        verb: Some("error ThrottlingException".to_owned()),
        at_least: 1,
        affects: vec!["query".to_owned()],
        answers: vec!["429 model_throttled".to_owned()],
        ..RawFault::default()
    };
    let facts = FaultFacts {
        name: "throttle".to_owned(),
        operations: vec!["bedrock-runtime:Converse".to_owned()],
        attempts: 3,
        fails: true,
        keyed: true,
    };
    let requests = (0..(STEADY_MS + FAULT_MS + RECOVERY_MS) * 1_000 / GAP_US)
        .map(|n| entry(u32::try_from(n).unwrap(), n * GAP_US))
        .collect();
    let expect =
        RawExpect { recovery_within_ms: 5_000, answer_within_ms: 28_000, ..RawExpect::default() };
    Script {
        fault,
        facts,
        expect,
        lines: Vec::new(),
        requests,
        hits: Vec::new(),
        load: Vec::new(),
        burst_over: None,
    }
}

pub(super) fn entry(ordinal: u32, due_us: u64) -> LedgerEntry {
    let kind = if ordinal % 4 == 3 { RequestKind::ListManuals } else { RequestKind::Query };
    LedgerEntry {
        ordinal,
        user: format!("load-{}", ordinal % 5),
        kind,
        phase: String::new(),
        due_us,
        sent_us: due_us + 200,
        done_us: due_us + 20_000,
        status: 200,
        class: AnswerClass::Ok,
        code: None,
        own_us: None,
        request_id: Some(format!("r-{ordinal}")),
        trace_id: format!("{ordinal:032x}"),
        manual_id: None,
        fault: None,
    }
}

impl Script {
    /// Every query of the fault's phase, by ordinal.
    pub(super) fn queries_under_fault(&self) -> Vec<u32> {
        let phase = STEADY_MS * 1_000 + GAP_US..(STEADY_MS + FAULT_MS) * 1_000 - GAP_US;
        let of_phase = |r: &&LedgerEntry| phase.contains(&r.due_us) && r.kind == RequestKind::Query;
        self.requests.iter().filter(of_phase).map(|r| r.ordinal).collect()
    }

    pub(super) fn request(&mut self, ordinal: u32) -> &mut LedgerEntry {
        self.requests.iter_mut().find(|r| r.ordinal == ordinal).unwrap()
    }

    /// The first `attempts` attempts of the request's call are hit.
    pub(super) fn hit(&mut self, ordinal: u32, attempts: u32) -> &mut Self {
        let (trace, at_us) = {
            let request = self.request(ordinal);
            (request.trace_id.clone(), request.sent_us)
        };
        for attempt in 1..=attempts {
            self.hits.push(Hit {
                scenario: "s".to_owned(),
                fault: "throttle".to_owned(),
                at_us: at_us + u64::from(attempt) * 1_000,
                operation: "bedrock-runtime:Converse".to_owned(),
                trace_id: Some(trace.clone()),
                call: 1,
                attempt,
                effect: false,
                fate: "answered".to_owned(),
            });
        }
        self
    }

    pub(super) fn refuse(&mut self, ordinal: u32, status: u16, code: &str) -> &mut Self {
        let request = self.request(ordinal);
        (request.status, request.class) = (status, AnswerClass::HttpError);
        request.code = Some(code.to_owned());
        self
    }

    /// Every query under the fault is hit three times and refused as it must be.
    pub(super) fn all_throttled(&mut self) -> &mut Self {
        for ordinal in self.queries_under_fault() {
            self.hit(ordinal, 3).refuse(ordinal, 429, "model_throttled");
        }
        self
    }

    /// What is due in this stretch is refused, and no fault explains it.
    pub(super) fn down(&mut self, from_us: u64, to_us: u64, status: u16, code: &str) -> &mut Self {
        let due: Vec<u32> = self
            .requests
            .iter()
            .filter(|r| (from_us..to_us).contains(&r.due_us) && r.kind == RequestKind::Query)
            .map(|r| r.ordinal)
            .collect();
        for ordinal in due {
            self.refuse(ordinal, status, code);
        }
        self
    }

    pub(super) fn breaker(&mut self, state: &str, at_us: u64) -> &mut Self {
        self.lines.push(ChaosEvidence::Breaker(BreakerChange {
            scenario: "s".to_owned(),
            dependency: "model".to_owned(),
            state: state.to_owned(),
            at_us,
        }));
        self
    }

    pub(super) fn run(&self) -> ScenarioRun {
        ScenarioRun {
            name: "s".to_owned(),
            scenario: RawScenario {
                schema: SCENARIO_SCHEMA.to_owned(),
                title: "t".to_owned(),
                tiers: vec![Tier::Smoke],
                stage: crate::domain::chaos::RawChaosStage::default(),
                load: RawChaosLoad {
                    users: 5,
                    manuals: vec!["router".to_owned()],
                    rate_per_s: 20.0,
                    mix: [("query".to_owned(), 3), ("list_manuals".to_owned(), 1)].into(),
                    steady_ms: STEADY_MS,
                    fault_ms: FAULT_MS,
                    recovery_ms: RECOVERY_MS,
                    burst_over: self.burst_over,
                },
                faults: vec![self.fault.clone()],
                expect: self.expect.clone(),
            },
            faults: vec![self.facts.clone()],
            seed: 1,
        }
    }

    pub(super) fn evidence(&self) -> Vec<ChaosEvidence> {
        let scenario = || "s".to_owned();
        let mark = |us: u64| Mark {
            scenario: scenario(),
            fault: self.fault.name.clone(),
            asked_us: us,
            done_us: us + 2_000,
        };
        let mut lines = vec![
            ChaosEvidence::Hello(Hello { schema: CHAOS_EVIDENCE_SCHEMA.to_owned() }),
            ChaosEvidence::Began(Began {
                scenario: scenario(),
                sut_commit: "abc".to_owned(),
                arrivals: self.requests.len() as u64,
                schedule_sha256: String::new(),
                quota: 1_000,
            }),
        ];
        lines.extend(self.lines.clone());
        lines.extend(self.requests.iter().map(|entry| {
            ChaosEvidence::Request(RequestLine { scenario: scenario(), entry: entry.clone() })
        }));
        lines.push(ChaosEvidence::Applied(mark(STEADY_MS * 1_000)));
        lines.push(ChaosEvidence::Reverted(mark((STEADY_MS + FAULT_MS) * 1_000)));
        lines.extend(self.hits.iter().cloned().map(ChaosEvidence::Hit));
        lines.extend(self.load.iter().map(|line| {
            ChaosEvidence::Load(LoadLine { scenario: scenario(), line: Box::new(line.clone()) })
        }));
        lines.push(ChaosEvidence::Ended(Ended {
            scenario: scenario(),
            requests: self.requests.len() as u64,
            hits: self.hits.len() as u64,
            left_on: Vec::new(),
        }));
        closed(lines)
    }

    pub(super) fn verdict(&self) -> VerdictFile {
        judge_chaos(&plan(vec![self.run()]), &self.evidence()).unwrap()
    }

    /// Codes of what broke.
    pub(super) fn broken(&self) -> Vec<String> {
        let verdict = self.verdict();
        assert!(matches!(verdict.judgement, Verdict::Fail { .. }), "{:#?}", verdict.judgement);
        verdict.judgement.breaches().iter().map(|b| b.objective.clone()).collect()
    }
}

pub(super) fn closed(mut lines: Vec<ChaosEvidence>) -> Vec<ChaosEvidence> {
    let count = lines.len() as u64;
    lines.push(ChaosEvidence::Closed(Closed { lines: count }));
    lines
}

pub(super) fn plan(scenarios: Vec<ScenarioRun>) -> ChaosPlan {
    ChaosPlan {
        schema: crate::domain::chaos::CHAOS_RUN_SCHEMA.to_owned(),
        run_id: "r".to_owned(),
        suite: "chaos".to_owned(),
        tier: Some(Tier::Smoke),
        seed: 7,
        faults_off: false,
        scenarios,
        skipped: Vec::new(),
        scenarios_sha256: String::new(),
        harness_commit: "abc".to_owned(),
        sut_commit: "abc".to_owned(),
        expect_commit: None,
        sut_defects: Vec::new(),
        stage: "embedded".to_owned(),
        services: Services::Emulated,
        runtime: Runtime::Server,
        behind_edge: false,
        bundle_sha256: None,
        stage_arguments: String::new(),
        machine: Machine { cores: 2, memory_mib: 1, cpu: String::new(), os: String::new() },
        tools: BTreeMap::new(),
        started_at: "2026-11-23T00:00:00Z".to_owned(),
    }
}

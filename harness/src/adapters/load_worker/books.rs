//! What is written down about a request that ended: its line in the ledger, its findings, and goose's own copy.

use std::time::Duration;

use manuel_client::Exchange;
use manuel_client::Traceparent;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Finding;
use verdict::domain::evidence::Lost;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::ledger::LedgerEntry;

use super::assess::Assessment;
use super::assess::Broken;
use super::engine::Engine;
use super::recorder::Ended;
use super::seat::Seat;
use super::shot::Outcome;
use super::shot::Shot;

impl Engine {
    pub(super) fn record(
        &self,
        (shot, seat, trace): (&Shot<'_>, &Seat, Traceparent),
        (sent_us, done_us): (u64, u64),
        exchange: Option<&Exchange>,
        assessment: Assessment,
    ) -> Outcome {
        let class = assessment.class.unwrap_or(AnswerClass::Transport);
        let request_id = exchange.and_then(Exchange::request_id).map(str::to_owned);
        let trace_id = trace.trace_id();
        let finding = |broken: Broken| Finding {
            rule: broken.rule,
            at_ms: done_us / 1_000,
            ordinal: shot.ordinal,
            kind: shot.kind,
            user: seat.user.name.clone(),
            expected: broken.expected,
            seen: broken.seen,
            status: assessment.status,
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
        };
        let findings = assessment.broken.into_iter().map(finding).collect();
        let timing = exchange.and_then(|exchange| exchange.server_timing().ok());
        let deleted = (shot.kind == RequestKind::Delete).then(|| shot.manual.clone()).flatten();
        let entry = LedgerEntry {
            ordinal: shot.ordinal,
            user: seat.user.name.clone(),
            kind: shot.kind,
            phase: shot.phase.to_owned(),
            due_us: shot.due_us,
            sent_us,
            done_us,
            status: assessment.status,
            class,
            code: assessment.code,
            own_us: timing.map(|timing| timing.own_us),
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
            manual_id: assessment.manual_id.clone().or(deleted),
            fault: assessment.fault,
        };
        self.recorder().ended(Ended {
            entry,
            cache_hit: assessment.cache_hit,
            version: exchange.and_then(Exchange::version).map(str::to_owned),
            findings,
        });
        Outcome {
            kind: shot.kind,
            class,
            latency: Duration::from_micros(done_us.saturating_sub(shot.due_us)),
            status: assessment.status,
            manual_id: assessment.manual_id,
        }
    }

    /// A request that could not even be made: it never left, and is counted as what it is.
    pub(super) fn unprepared(
        &self,
        shot: &Shot<'_>,
        seat: &Seat,
        trace: Traceparent,
        error: &manuel_client::PrepareError,
    ) -> Outcome {
        let now_us = self.clock.now_us();
        let assessment = Assessment {
            class: Some(AnswerClass::Transport),
            fault: Some(error.to_string()),
            ..Assessment::default()
        };
        self.record((shot, seat, trace), (now_us, now_us), None, assessment)
    }

    /// Books a sign-in, which goes to Cognito and not to the backend.
    pub(super) fn record_sign_in(
        &self,
        seat: usize,
        (ordinal, phase): (u32, &str),
        due_us: u64,
        (status, class): (u16, AnswerClass),
    ) -> Outcome {
        let done_us = self.clock.now_us();
        let trace = Traceparent::derive(self.plan.run.seed, seat as u64, ordinal.into());
        let entry = LedgerEntry {
            ordinal,
            user: self.seats.get(seat).map_or_else(String::new, |seat| seat.user.name.clone()),
            kind: RequestKind::SignIn,
            phase: phase.to_owned(),
            due_us,
            sent_us: due_us,
            done_us,
            status,
            class,
            code: None,
            own_us: None,
            request_id: None,
            trace_id: trace.trace_id(),
            manual_id: None,
            fault: None,
        };
        self.recorder().ended(Ended {
            entry,
            cache_hit: false,
            version: None,
            findings: Vec::new(),
        });
        Outcome {
            kind: RequestKind::SignIn,
            class,
            latency: Duration::from_micros(done_us.saturating_sub(due_us)),
            status,
            manual_id: None,
        }
    }

    /// Says, once for each outage, that it was not what its questions take for granted.
    pub(super) fn outage_missing(&self, index: usize, what: &str) {
        if !self.outages.tell(index) {
            return;
        }
        let outages = &self.plan.run.profile.raw().probes.outages;
        let service = outages.get(index).map_or("", |outage| &outage.service);
        let detail = format!("the outage of {service} for one user {what}");
        self.recorder().note(Evidence::CapabilityMissing(Lost { detail }));
    }

    /// Says once that journeys cannot sign in: that is Cognito's, and no fault of the backend.
    pub(super) fn sign_in_missing(&self, what: &str) {
        if self.sign_in_told.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let detail = format!("a user on a journey could not sign in: {what}");
        self.recorder().note(Evidence::CapabilityMissing(Lost { detail }));
    }
}

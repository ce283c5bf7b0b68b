//! What every virtual user shares: the plan, the seats, the recorder, and how one request is sent and recorded.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use manuel_client::Encoded;
use manuel_client::Exchange;
use manuel_client::Failure;
use manuel_client::Request;
use manuel_client::Signer;
use manuel_client::Traceparent;
use manuel_client::contract::Contract;
use tokio_util::sync::CancellationToken;
use verdict::domain::evidence::Done;
use verdict::domain::evidence::EVIDENCE_SCHEMA;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Finding;
use verdict::domain::evidence::Hello;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::ledger::LedgerEntry;
use verdict::domain::question::Question;
use verdict::plan::load::Arrival;
use verdict::plan::load::Ask;
use verdict::plan::load::LoadPlan;
use verdict::plan::load::plan;

use super::WorkerError;
use super::ask::Encodings;
use super::ask::prepare;
use super::assess::Assessment;
use super::assess::Expected;
use super::assess::assess;
use super::clock::LoadClock;
use super::equip::contract;
use super::equip::prepare_failed;
use super::equip::seats;
use super::equip::signer;
use super::ledger::Ledger;
use super::plan::WorkerPlan;
use super::recorder::Ended;
use super::recorder::Recorder;
use super::seat::Seat;

/// Between the worker's hello and the first scheduled moment.
const LEAD: Duration = Duration::from_millis(200);

/// The worker's state, shared by its virtual users.
pub(super) struct Engine {
    pub(super) plan: WorkerPlan,
    pub(super) load: LoadPlan,
    pub(super) seats: Vec<Seat>,
    pub(super) stop: CancellationToken,
    pub(super) clock: LoadClock,
    recorder: Recorder,
    encodings: Encodings,
    contract: Contract,
    signer: Signer,
    everybodys_ids: BTreeSet<String>,
    /// Upload's ordinal → id of the manual.
    uploaded: Mutex<BTreeMap<u32, String>>,
}

/// How one request ended, for goose's own books.
pub(super) struct Outcome {
    pub(super) kind: RequestKind,
    pub(super) class: AnswerClass,
    pub(super) latency: Duration,
    pub(super) status: u16,
    pub(super) manual_id: Option<String>,
}

/// One request to send.
pub(super) struct Shot<'a> {
    pub(super) ordinal: u32,
    pub(super) kind: RequestKind,
    pub(super) seat: usize,
    pub(super) phase: &'a str,
    pub(super) due_us: u64,
    pub(super) question: Option<u32>,
    pub(super) manual: Option<String>,
    pub(super) outage: Option<usize>,
}

impl Engine {
    pub(super) fn new(
        worker_plan: WorkerPlan,
        stop: CancellationToken,
    ) -> Result<Self, WorkerError> {
        let run = &worker_plan.run;
        let mut load = plan(&run.profile, run.seed, &run.limits, &worker_plan.questions)
            .map_err(WorkerError::Schedule)?;
        if load.sha256 != run.schedule_sha256 {
            return Err(WorkerError::Digest {
                here: load.sha256,
                there: run.schedule_sha256.clone(),
            });
        }
        if let Some(only) = &run.only {
            let only: BTreeSet<u32> = only.iter().copied().collect();
            load.arrivals.retain(|arrival| only.contains(&arrival.ordinal));
        }
        let seats = seats(&worker_plan)?;
        let everybodys_ids =
            seats.iter().flat_map(|seat| seat.user.manual_ids.values().cloned()).collect();
        let ledger = Ledger::create(&worker_plan.ledger).map_err(WorkerError::Ledger)?;
        Ok(Self {
            encodings: Encodings::new(&worker_plan.questions).map_err(prepare_failed("bodies"))?,
            contract: contract(&worker_plan)?,
            signer: signer(&worker_plan)?,
            load,
            seats,
            stop,
            clock: LoadClock::starting_in(LEAD),
            recorder: Recorder::new(ledger),
            everybodys_ids,
            uploaded: Mutex::default(),
            plan: worker_plan,
        })
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn hello(&self) -> Evidence {
        Evidence::Hello(Hello {
            schema: EVIDENCE_SCHEMA.to_owned(),
            pid: std::process::id(),
            schedule_sha256: self.load.sha256.clone(),
            arrivals: self.load.arrivals.len() as u64,
        })
    }

    /// Ends the books.
    pub(super) fn finish(&self) -> Result<Done, std::io::Error> {
        let totals = self.recorder.totals();
        let span =
            |first: Option<u64>, last: u64| first.map_or(0, |first| last.saturating_sub(first));
        Ok(Done {
            planned: self.load.arrivals.len() as u64,
            started: totals.started,
            completed: totals.completed,
            dropped: totals.dropped,
            scheduled_span_us: span(totals.first_due_us, totals.last_due_us),
            sent_span_us: span(totals.first_sent_us, totals.last_sent_us),
            unscheduled: totals.unscheduled,
            ledger_sha256: self.recorder.close_ledger()?,
        })
    }

    /// Sends what is due at `arrival`.
    pub(super) async fn arrive(&self, arrival: &Arrival) -> Outcome {
        let phase = self.plan.run.profile.stages().get(arrival.stage).map_or("", |s| &s.name);
        let (question, outage, manual) = match arrival.ask {
            Ask::Question(q) => (Some(q), None, None),
            Ask::DuringOutage(q, outage) => (Some(q), Some(outage), None),
            // An upload that failed leaves an id that was never given: deleting it is 204 as well.
            Ask::DeleteOf(of) => {
                let id = self.uploads().get(&of).cloned();
                (None, None, Some(id.unwrap_or_else(|| format!("never-uploaded-{of}"))))
            }
            Ask::Upload | Ask::Nothing => (None, None, None),
        };
        let shot = Shot {
            ordinal: arrival.ordinal,
            kind: arrival.kind,
            seat: arrival.user as usize,
            phase,
            due_us: arrival.due_us,
            question,
            manual,
            outage,
        };
        self.shoot(shot).await
    }

    /// Sends one request, assesses and records it.
    pub(super) async fn shoot(&self, shot: Shot<'_>) -> Outcome {
        let run = &self.plan.run;
        let trace = Traceparent::derive(run.seed, shot.seat as u64, shot.ordinal.into());
        let Some(seat) = self.seats.get(shot.seat) else { return Self::unsent(&shot) };
        let is_upload = shot.kind == RequestKind::Upload;
        if is_upload {
            seat.upload_begins();
        }
        let sent_us = self.clock.now_us();
        let (request, answer) = match self.send(seat, &shot, trace).await {
            Ok(sent) => sent,
            Err(error) => return self.unprepared(&shot, seat, trace, &error),
        };
        let done_us = self.clock.now_us();
        let question = shot.question.and_then(|q| self.question(q));
        let outage = shot.outage.and_then(|o| run.profile.raw().probes.outages.get(o));
        let is_anyones = |id: &str| self.everybodys_ids.contains(id);
        let expected = Expected {
            kind: shot.kind,
            seat,
            question,
            outage,
            exact: run.exact_answers,
            is_anyones: &is_anyones,
        };
        let assessment = assess(&expected, &self.contract, &request, &answer);
        if is_upload {
            let refused = answer.as_ref().is_ok_and(|exchange| !exchange.is_success());
            seat.upload_ended(assessment.manual_id.as_deref(), refused);
            if let Some(id) = &assessment.manual_id {
                self.uploads().insert(shot.ordinal, id.clone());
            }
        }
        self.record((&shot, seat, trace), (sent_us, done_us), answer.as_ref().ok(), assessment)
    }

    async fn send(
        &self,
        seat: &Seat,
        shot: &Shot<'_>,
        trace: Traceparent,
    ) -> Result<(Request, Result<Exchange, Failure>), manuel_client::PrepareError> {
        let (request, encoded): (Request, Encoded) = self.encodings.request(
            shot.kind,
            shot.question,
            shot.manual.as_deref(),
            shot.ordinal,
        )?;
        let prepared =
            prepare(seat, &self.signer, (shot.kind, &encoded), trace, LoadClock::unix_s())?;
        let answer = seat.client.send(&prepared, &self.clock).await;
        Ok((request, answer))
    }

    fn record(
        &self,
        (shot, seat, trace): (&Shot<'_>, &Seat, Traceparent),
        (sent_us, done_us): (u64, u64),
        exchange: Option<&Exchange>,
        assessment: Assessment,
    ) -> Outcome {
        let class = assessment.class.unwrap_or(AnswerClass::Transport);
        let request_id = exchange.and_then(Exchange::request_id).map(str::to_owned);
        let trace_id = trace.trace_id();
        let finding = |broken: super::assess::Broken| Finding {
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
            own_us: timing.map(|timing| timing.own_us),
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
            manual_id: assessment.manual_id.clone().or(deleted),
            fault: assessment.fault,
        };
        self.recorder.ended(Ended {
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
    fn unprepared(
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

    fn unsent(shot: &Shot<'_>) -> Outcome {
        Outcome {
            kind: shot.kind,
            class: AnswerClass::Transport,
            latency: Duration::ZERO,
            status: 0,
            manual_id: None,
        }
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
            own_us: None,
            request_id: None,
            trace_id: trace.trace_id(),
            manual_id: None,
            fault: None,
        };
        self.recorder.ended(Ended { entry, cache_hit: false, version: None, findings: Vec::new() });
        Outcome {
            kind: RequestKind::SignIn,
            class,
            latency: Duration::from_micros(done_us.saturating_sub(due_us)),
            status,
            manual_id: None,
        }
    }

    fn question(&self, index: u32) -> Option<&Question> {
        self.plan.questions.questions.get(usize::try_from(index).ok()?)
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, String>> {
        self.uploaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What every virtual user shares: the plan, the seats, the recorder, and how one request is sent and recorded.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use manuel_client::Signer;
use manuel_client::SigningTime;
use manuel_client::Traceparent;
use manuel_client::contract::Contract;
use tokio_util::sync::CancellationToken;
use verdict::domain::evidence::Done;
use verdict::domain::evidence::EVIDENCE_SCHEMA;
use verdict::domain::evidence::Evidence;
use verdict::domain::evidence::Hello;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::question::Question;
use verdict::domain::stage::Capability;
use verdict::plan::load::Arrival;
use verdict::plan::load::Ask;
use verdict::plan::load::LoadPlan;
use verdict::plan::load::plan;

use super::WorkerError;
use super::ask::Encodings;
use super::ask::Sender;
use super::ask::prepare;
use super::assess::Assessment;
use super::assess::Charged;
use super::assess::DAY_S;
use super::assess::Expected;
use super::assess::assess;
use super::clock::LoadClock;
use super::equip::contract;
use super::equip::prepare_failed;
use super::equip::seats;
use super::equip::signer;
use super::kept::keep;
use super::known::Known;
use super::ledger::Ledger;
use super::plan::WorkerPlan;
use super::recorder::Recorder;
use super::seat::Seat;
use super::shot::Earlier;
use super::shot::Outcome;
use super::shot::Sent;
use super::shot::Shot;
use super::uploads::Stored;
use super::uploads::Uploads;
use crate::adapters::embedded_stage::clock::signing_time;
use crate::adapters::outage::Outages;

/// Between the worker's hello and the first scheduled moment.
const LEAD: Duration = Duration::from_millis(200);
/// What refers to an upload waits this long for its answer, in µs.
const UPLOAD_WITHIN_US: u64 = 2_000_000;

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
    known: Known,
    pub(super) uploads: Uploads,
    pub(super) outages: Outages,
    pub(super) sign_in_told: AtomicBool,
    /// How far the stage's clock is ahead of the machine's, in seconds.
    offset_s: i64,
    /// The stage's day when the load began: counters of another day are another day's.
    first_day: u64,
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
            keep(&mut load.arrivals, only);
        }
        let seats = seats(&worker_plan)?;
        let known = Known::default();
        for (index, seat) in seats.iter().enumerate() {
            seat.user.manual_ids.values().for_each(|id| known.learn(id, index));
        }
        let clock_file = worker_plan.stage.admin.clock_file.as_deref();
        let now = signing_time(clock_file.map(Path::new));
        let ledger = Ledger::create(&worker_plan.ledger).map_err(WorkerError::Ledger)?;
        Ok(Self {
            encodings: Encodings::new(&run.run_id, &worker_plan.questions)
                .map_err(prepare_failed("bodies"))?,
            contract: contract(&worker_plan)?,
            signer: signer(&worker_plan)?,
            uploads: Uploads::of(&load.arrivals),
            load,
            seats,
            stop,
            clock: LoadClock::starting_in(LEAD),
            recorder: Recorder::new(ledger),
            known,
            outages: Outages::default(),
            sign_in_told: AtomicBool::new(false),
            offset_s: now.offset_s,
            first_day: now.second() / DAY_S,
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
            begins_unix_us: self.clock.begins_unix_us(),
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
        let mut shot = Shot {
            ordinal: arrival.ordinal,
            kind: arrival.kind,
            seat: arrival.user as usize,
            phase,
            due_us: arrival.due_us,
            question: None,
            manual: None,
            outage: None,
            earlier: None,
        };
        match arrival.ask {
            Ask::Question(q) => shot.question = Some(q),
            Ask::DuringOutage(q, outage) => {
                (shot.question, shot.outage) = (Some(q), Some(outage));
            }
            Ask::DeleteOf(of) => shot.manual = self.stored(of).await.map(|stored| stored.id),
            Ask::AgainOf(of) | Ask::ReplayOf(of) => {
                shot.earlier = Some(Earlier { ordinal: of, stored: self.stored(of).await });
            }
            Ask::Nothing if arrival.kind == RequestKind::ForeignManual => {
                shot.manual = self.foreign(shot.seat, arrival.ordinal);
            }
            Ask::Upload | Ask::Nothing => {}
        }
        self.shoot(shot).await
    }

    async fn stored(&self, ordinal: u32) -> Option<Stored> {
        let until = self.clock.at(self.clock.now_us() + UPLOAD_WITHIN_US);
        self.uploads.outcome(ordinal, until).await
    }

    /// A fixture manual of the next user who has one.
    fn foreign(&self, seat: usize, ordinal: u32) -> Option<String> {
        let owner = self.other(seat)?;
        let ids: Vec<&String> = owner.user.manual_ids.values().collect();
        ids.get(ordinal as usize / 2 % ids.len().max(1)).map(|id| (*id).clone())
    }

    fn other(&self, seat: usize) -> Option<&Seat> {
        let sub = &self.seats.get(seat)?.user.sub;
        let mut others = self.seats.iter().cycle().skip(seat + 1).take(self.seats.len());
        others.find(|other| other.user.sub != *sub && !other.user.manual_ids.is_empty())
    }

    /// Sends one request, assesses and records it.
    pub(super) async fn shoot(&self, shot: Shot<'_>) -> Outcome {
        let run = &self.plan.run;
        let trace = Traceparent::derive(run.seed, shot.seat as u64, shot.ordinal.into());
        let Some(seat) = self.seats.get(shot.seat) else { return Self::unsent(&shot) };
        let answered = seat.answered();
        Self::begin(seat, &shot);
        let sent_us = self.clock.now_us();
        let sent = match self.send(seat, &shot, trace).await {
            Ok(sent) => sent,
            Err(error) => {
                self.end(seat, &shot, (None, None), true);
                return self.unprepared(&shot, seat, trace, &error);
            }
        };
        let done_us = self.clock.now_us();
        let stage_s = self.time().second();
        let outage = self.outage(&shot, &sent).await;
        let own = u64::from(shot.kind.is_charged());
        let expected = Expected {
            kind: shot.kind,
            seat,
            seat_index: shot.seat,
            question: shot.question.and_then(|q| self.question(q)),
            outage: outage.and_then(|o| run.profile.raw().probes.outages.get(o)),
            exact: run.exact_answers,
            known: &self.known,
            sent_us,
            charged: self.charged((answered + own, seat.asked()), stage_s),
            stage_s,
            unknown_id: shot.manual.is_none(),
            again: shot.earlier.as_ref().and_then(|e| e.stored.as_ref()).map(|s| s.id.as_str()),
        };
        let assessment = assess(&expected, &self.contract, &sent.request, &sent.answer);
        let refused = sent.answer.as_ref().is_ok_and(|exchange| !exchange.is_success());
        self.end(seat, &shot, (Some(&sent), Some(&assessment)), refused);
        let exchange = sent.answer.as_ref().ok();
        self.record((&shot, seat, trace), (sent_us, done_us), exchange, assessment)
    }

    /// What a seat knows from the moment that something is sent.
    fn begin(seat: &Seat, shot: &Shot<'_>) {
        if is_upload(shot.kind) {
            seat.upload_begins();
        } else if shot.kind.is_charged() {
            seat.question_begins();
        } else if let (RequestKind::Delete, Some(id)) = (shot.kind, &shot.manual) {
            seat.deletion_begins(id);
        }
    }

    /// What a seat knows once it has ended.
    fn end(
        &self,
        seat: &Seat,
        shot: &Shot<'_>,
        (sent, assessment): (Option<&Sent>, Option<&Assessment>),
        refused: bool,
    ) {
        let now_us = self.clock.now_us();
        let succeeded = assessment.is_some_and(|a| (200..300).contains(&a.status));
        if is_upload(shot.kind) {
            let id = assessment.and_then(|assessment| assessment.manual_id.as_deref());
            let name = sent.and_then(Sent::filename);
            let stored = id.zip(name);
            seat.upload_ended(stored, refused, now_us);
            if let Some((id, _)) = stored {
                self.known.learn(id, shot.seat);
            }
            let signature = sent.and_then(|sent| sent.signature.clone());
            self.uploads.ended(shot.ordinal, id.map(|id| Stored { id: id.to_owned(), signature }));
        } else if let (RequestKind::Delete, true, Some(id)) = (shot.kind, succeeded, &shot.manual) {
            seat.deleted(id, now_us);
        } else if shot.kind.is_charged() && succeeded {
            seat.question_answered();
        }
    }

    async fn send(
        &self,
        seat: &Seat,
        shot: &Shot<'_>,
        trace: Traceparent,
    ) -> Result<Sent, manuel_client::PrepareError> {
        let repeated = self.uploads.is_repeated(shot.ordinal);
        let (request, encoded) = self.encodings.request(shot, repeated)?;
        let other = self.other(shot.seat).map_or("", |other| other.user.sub.as_str());
        let sender = Sender { seat, signer: &self.signer, time: self.time(), other };
        let prepared = prepare(&sender, shot, &encoded, trace)?;
        let answer = seat.client.send(&prepared, &self.clock).await;
        Ok(Sent { request, answer, signature: prepared.signature().cloned() })
    }

    fn time(&self) -> SigningTime {
        SigningTime { now_s: LoadClock::unix_s(), offset_s: self.offset_s }
    }

    /// What the counters of a user may say, where the user was made for this run and the day is still the same.
    fn charged(&self, (least, most): (u64, u64), stage_s: u64) -> Option<Charged> {
        let fresh = self.plan.stage.capabilities.has(Capability::ProvisionUsers);
        let limits = &self.plan.run.limits;
        (fresh && stage_s / DAY_S == self.first_day).then_some(Charged {
            least,
            most,
            daily_limit: limits.daily_quota,
            monthly_limit: limits.monthly_quota,
        })
    }

    /// The outage that a question was asked in. One that has refused nothing yet explains no answer, and accuses nobody.
    async fn outage(&self, shot: &Shot<'_>, sent: &Sent) -> Option<usize> {
        let index = shot.outage?;
        let outage = self.plan.run.profile.raw().probes.outages.get(index)?;
        let unexpected = sent
            .answer
            .as_ref()
            .is_ok_and(|exchange| !outage.expect_status.contains(&exchange.status));
        if !unexpected {
            return Some(index);
        }
        let hits = match self.outages.held(index) {
            Some(held) => held.hits().await.ok().flatten(),
            None => None,
        };
        if hits.is_some_and(|hits| hits > 0) {
            return Some(index);
        }
        self.outage_missing(index, "refused no call, and its questions were answered");
        None
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

    fn question(&self, index: u32) -> Option<&Question> {
        self.plan.questions.questions.get(usize::try_from(index).ok()?)
    }
}

/// Whether an answer may bring a manual, by right or not.
fn is_upload(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::Upload | RequestKind::UploadAgain | RequestKind::UnsignedUpload)
}

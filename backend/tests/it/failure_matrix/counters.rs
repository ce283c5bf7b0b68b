//! Each error of the table of counters, at each step of a question: what the client is told, how often was tried, and
//! what the counters say in the end. The failing step goes to the real adapter; the others, and what the failing one did
//! all the same, to the counters in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend::domain::failure::FailureKind;
use backend::domain::quota::{Charge, QuotaLimits, Reservation, UsageSnapshot};
use backend::domain::user::UserId;
use backend::memory::Trouble;
use backend::memory::quota::MemoryQuota;
use backend::ports::{PortErrorKind, PortFuture, QuotaStore, Reserved, Settled};
use backend::state::Ports;
use futures::future::join_all;
use serde_json::{Value, json};
use time::OffsetDateTime;
use wiremock::{MockServer, ResponseTemplate};

use super::{Real, always, assert_free, assert_told, bodies, built, calls, real_ports};
use crate::adapters::{canceled, refused};
use crate::world::{ANNA, World};

const OUT: &str = "store_unavailable";
const BUSY: &str = "store_throttled";
const CANCELED: &str = "TransactionCanceledException";

/// What the service answers, the calls that one step then makes of it, and what the client is told.
struct Case {
    name: &'static str,
    answer: ResponseTemplate,
    calls: usize,
    told: (u16, &'static str),
}

fn case(
    status: u16,
    name: &'static str,
    more: &Value,
    calls: usize,
    told: (u16, &'static str),
) -> Case {
    Case { name, answer: refused(status, name, more), calls, told }
}

/// Every error of the tables; a conflict is met three times more, by ourselves.
fn cases() -> Vec<Case> {
    let none = json!({});
    let reasons = |code: &str| {
        let codes = ["None", "None", code];
        json!({ "CancellationReasons": codes.map(|code| json!({ "Code": code })) })
    };
    vec![
        case(400, "ProvisionedThroughputExceededException", &none, 3, (429, BUSY)),
        case(400, "ThrottlingException", &none, 3, (429, BUSY)),
        case(400, "RequestLimitExceeded", &none, 3, (429, BUSY)),
        case(400, "LimitExceededException", &none, 3, (429, BUSY)),
        case(400, "TransactionInProgressException", &none, 3, (503, OUT)),
        case(500, "InternalServerError", &none, 3, (503, OUT)),
        case(503, "ServiceUnavailable", &none, 3, (503, OUT)),
        case(400, CANCELED, &reasons("ThrottlingError"), 1, (429, BUSY)),
        case(400, CANCELED, &reasons("ProvisionedThroughputExceeded"), 1, (429, BUSY)),
        case(400, CANCELED, &reasons("ValidationError"), 1, (503, OUT)),
        case(400, CANCELED, &reasons("TransactionConflict"), 4, (503, OUT)),
        case(400, "TransactionConflictException", &none, 4, (503, OUT)),
        case(400, "IdempotentParameterMismatchException", &none, 1, (503, OUT)),
        case(400, "ResourceNotFoundException", &none, 1, (503, OUT)),
        case(400, "AccessDeniedException", &none, 1, (503, OUT)),
        case(400, "ValidationException", &none, 1, (503, OUT)),
        Case {
            name: "no JSON",
            answer: ResponseTemplate::new(200).set_body_string("{\"a\":"),
            calls: 1,
            told: (503, OUT),
        },
    ]
}

/// Of those, the ones that say nothing of the effect where there was one: a refusal says that there was none.
fn cases_after(applied: bool) -> impl Iterator<Item = Case> {
    let unclear = ["InternalServerError", "ServiceUnavailable", "no JSON"];
    cases().into_iter().filter(move |case| !applied || unclear.contains(&case.name))
}

/// A step of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Reserve,
    Read,
    Keep,
    GiveBack,
    TakeBack,
}

/// Counters of which some steps fail, as a table that is out fails them.
#[derive(Debug)]
struct Shaky {
    real: Arc<dyn QuotaStore>,
    memory: Arc<MemoryQuota>,
    steps: &'static [Step],
    /// Failing steps that have their effect all the same: only their replies are lost.
    applied: &'static [Step],
    out: AtomicBool,
}

impl Shaky {
    async fn step<T>(
        &self,
        step: Step,
        real: PortFuture<'_, T>,
        memory: PortFuture<'_, T>,
    ) -> Result<T, backend::ports::PortError> {
        if !(self.out.load(Ordering::SeqCst) && self.steps.contains(&step)) {
            return memory.await;
        }
        if self.applied.contains(&step) {
            memory.await?;
        }
        real.await
    }
}

impl QuotaStore for Shaky {
    fn reserve<'a>(&'a self, held: &'a Reservation, most: QuotaLimits) -> PortFuture<'a, Reserved> {
        let both = (self.real.reserve(held, most), self.memory.reserve(held, most));
        Box::pin(self.step(Step::Reserve, both.0, both.1))
    }

    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        let both = (self.real.keep(held, charge), self.memory.keep(held, charge));
        Box::pin(self.step(Step::Keep, both.0, both.1))
    }

    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled> {
        let both = (self.real.give_back(held), self.memory.give_back(held));
        Box::pin(self.step(Step::GiveBack, both.0, both.1))
    }

    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        let both = (self.real.take_back(held, charge), self.memory.take_back(held, charge));
        Box::pin(self.step(Step::TakeBack, both.0, both.1))
    }

    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot> {
        let both = (self.real.read(user, first_day, now), self.memory.read(user, first_day, now));
        Box::pin(self.step(Step::Read, both.0, both.1))
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        self.memory.probe()
    }
}

/// A world whose counters fail in these steps, until they are told not to.
async fn shaky(
    server: &MockServer,
    steps: &'static [Step],
    applied: &'static [Step],
) -> (World, Arc<Shaky>) {
    let real = real_ports(&server.uri()).await.quota;
    let mut made = None;
    let world = built(&[], |ports| {
        let memory = Arc::clone(&ports.quota);
        let shaky = Shaky { real, memory, steps, applied, out: AtomicBool::new(true) };
        let quota = made.insert(Arc::new(shaky)).clone();
        Ports { quota, ..ports.ports() }
    });
    (world, made.unwrap())
}

#[tokio::test]
async fn a_table_that_is_out_is_told_and_tried_as_often_as_it_may_be() {
    let checks = cases().into_iter().map(|case| async move {
        let server = always(case.answer.clone()).await;
        let world = super::world(Real::Counters, &server.uri()).await;
        let answer = world.ask(ANNA, "How?").await;
        assert_told(&answer, case.told.0, case.told.1, case.name);
        world.settle().await;
        // The reservation; then it is given back, for nobody knows whether it was made.
        let mut tokens: BTreeMap<String, usize> = BTreeMap::new();
        for body in bodies(&server).await {
            *tokens.entry(body["ClientRequestToken"].as_str().unwrap().to_owned()).or_default() +=
                1;
        }
        let tries: Vec<usize> = tokens.into_values().collect();
        assert_eq!(tries, [case.calls, case.calls], "{}", case.name);
        assert!(calls(&server).await.iter().all(|call| call == "TransactWriteItems"));
        let told = world.ports.failures.sent();
        assert_eq!(told.len(), 1, "{}: {told:?}", case.name);
        assert_eq!(told[0].kind, FailureKind::ReservationLeft);
        assert_eq!(told[0].request_id, answer.header("x-request-id"));
    });
    join_all(checks).await;
}

#[tokio::test]
async fn whichever_step_fails_and_whatever_it_did_nothing_stays_charged() {
    let steps: [(&'static [Step], &str); 3] = [
        (&[Step::Reserve], "TransactWriteItems"),
        (&[Step::Read], "Query"),
        (&[Step::Keep], "TransactWriteItems"),
    ];
    let steps = steps.into_iter().flat_map(|step| [(step, false), (step, true)]);
    let checks = steps.flat_map(|((steps, operation), applied)| {
        cases_after(applied).map(move |case| async move {
            let what = format!("{steps:?} applied {applied} {}", case.name);
            let server = always(case.answer.clone()).await;
            let (world, _shaky) = shaky(&server, steps, if applied { steps } else { &[] }).await;
            let answer = world.ask(ANNA, "How?").await;
            let mut tries = case.calls;
            let mut told = case.told;
            if steps == [Step::Read] {
                // A read is not made again for a conflict: no read meets one. Of a cancellation it knows nothing.
                tries = if tries == 4 { 1 } else { tries };
                told = if case.name == CANCELED { (503, OUT) } else { told };
            }
            assert_told(&answer, told.0, told.1, &what);
            assert_free(&world, &what).await;
            assert_eq!(calls(&server).await, vec![operation; tries], "{what}");
            assert!(world.ports.failures.sent().is_empty(), "{what}");
        })
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_reservation_that_cannot_be_given_back_is_reported_and_expires() {
    let checks = [false, true].into_iter().flat_map(|applied| {
        cases_after(applied).map(move |case| async move {
            let what = format!("applied {applied} {}", case.name);
            let server = always(case.answer.clone()).await;
            let steps = &[Step::GiveBack];
            let (world, shaky) = shaky(&server, steps, if applied { steps } else { &[] }).await;
            world.ports.model.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
            let answer = world.ask(ANNA, "How?").await;
            assert_told(&answer, 503, "model_unavailable", &what);
            world.settle().await;
            let told = world.ports.failures.sent();
            assert_eq!(told.len(), 1, "{what}: {told:?}");
            assert_eq!(told[0].kind, FailureKind::ReservationLeft, "{what}");
            // Before the answer and after it.
            assert_eq!(calls(&server).await.len(), 2 * case.calls, "{what}");
            let left = usize::from(!applied);
            assert_eq!(world.figures(ANNA).3, left, "{what}");

            shaky.out.store(false, Ordering::SeqCst);
            let used = |answer: &Value| answer["daily_used"].as_u64().unwrap();
            let usage = world.get(ANNA, "/api/user/usage").await.json();
            assert_eq!(used(&usage), u64::try_from(left).unwrap(), "{what}: not expired yet");
            world.move_clock(120);
            let usage = world.get(ANNA, "/api/user/usage").await.json();
            assert_eq!((used(&usage), &usage["monthly_used"]), (0, &json!(0)), "{what}");
            assert_free(&world, &what).await;
        })
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_call_that_stays_charged_is_reported_as_that() {
    let steps: [(&'static [Step], _, &[FailureKind]); 3] = [
        // Booked, and the one thing that could undo it failed, too: no expiry heals that.
        (&[Step::Keep], (1, 1, 1, 0), &[FailureKind::ChargeLeft]),
        // Taken back, but nobody can know.
        (&[Step::Keep, Step::TakeBack], (0, 0, 0, 0), &[FailureKind::ChargeLeft]),
        // Never booked: giving it back was enough.
        (&[], (0, 0, 0, 0), &[]),
    ];
    for (applied, figures, reported) in steps {
        let server = always(canceled(&["None", "None", "ValidationError"])).await;
        let (world, _shaky) = shaky(&server, &[Step::Keep, Step::TakeBack], applied).await;
        assert_told(&world.ask(ANNA, "How?").await, 503, OUT, "keep");
        world.settle().await;
        assert_eq!(world.figures(ANNA), figures, "{applied:?}");
        let sent = world.ports.failures.sent();
        let kinds: Vec<FailureKind> = sent.iter().map(|failure| failure.kind).collect();
        assert_eq!(kinds, reported, "{applied:?}");
    }
}

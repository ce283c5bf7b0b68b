//! The closed engine: a goose user on a journey (sign in, upload, ask, ask again, list, delete), pausing between steps,
//! again and again until its stage of the profile is over.

use std::sync::Arc;
use std::time::Duration;

use goose::goose::GooseUser;
use goose::goose::TransactionResult;
use manuel_client::Secret;
use manuel_client::SignIn;
use manuel_client::connection::Bounds;
use verdict::domain::kind::AnswerClass;
use verdict::domain::kind::RequestKind;
use verdict::domain::profile::Stage;
use verdict::plan::draw::Stream;
use verdict::plan::draw::below;

use super::engine::Engine;
use super::pacer::book;
use super::shot::Outcome;
use super::shot::Shot;

/// Ordinals of steps begin here: no schedule reaches it.
pub(super) const UNSCHEDULED: u32 = 1 << 31;
/// Sign-in is one call to Cognito.
const SIGN_IN: Bounds =
    Bounds { timeout: Duration::from_secs(8), connect_timeout: Duration::from_secs(2) };

/// Bits of an ordinal that number a seat's steps; those above name the seat.
const STEP_BITS: u32 = 12;

/// The ordinal of a seat's step: the same in every run. After 4096 steps it begins again.
pub(super) fn ordinal(seat: usize, step: u32) -> u32 {
    let seat = u32::try_from(seat).unwrap_or(0) << STEP_BITS;
    UNSCHEDULED | (seat & !UNSCHEDULED) | (step & ((1 << STEP_BITS) - 1))
}

/// The seat that an ordinal names; none for an arrival of the schedule.
pub(super) fn seat_of(ordinal: u32) -> Option<usize> {
    let of_step = ordinal & UNSCHEDULED != 0;
    let seat = usize::try_from((ordinal & !UNSCHEDULED) >> STEP_BITS);
    seat.ok().filter(|_| of_step)
}

/// Numbers the steps of one seat.
#[derive(Debug)]
struct Steps {
    seat: usize,
    taken: u32,
}

impl Steps {
    fn next(&mut self) -> u32 {
        let ordinal = ordinal(self.seat, self.taken);
        self.taken = self.taken.wrapping_add(1);
        ordinal
    }
}

/// One user's journeys in `stage`, from the seat `seat`.
pub(super) async fn travel(
    user: &mut GooseUser,
    engine: &Arc<Engine>,
    stage: &Stage,
    (seat, think): (usize, Duration),
) -> TransactionResult {
    let mut steps = Steps { seat, taken: 0 };
    let end_us = stage.start_us + stage.duration_us;
    let own = engine.plan.questions.answered_by(&engine.plan.run.profile.raw().manuals);
    let over = || engine.stop.is_cancelled() || engine.clock.now_us() >= end_us;
    tokio::select! {
        () = engine.stop.cancelled() => return Ok(()),
        () = tokio::time::sleep_until(engine.clock.at(stage.start_us)) => {}
    }
    while !over() {
        let mut uploaded = None;
        let draw = below(
            engine.plan.run.seed,
            Stream::Question,
            u64::from(ordinal(seat, steps.taken)),
            own.len() as u64,
        );
        let question = usize::try_from(draw).ok().and_then(|i| own.get(i)).copied();
        for kind in [
            RequestKind::SignIn,
            RequestKind::Upload,
            RequestKind::Query,
            RequestKind::Query,
            RequestKind::ListManuals,
            RequestKind::Delete,
        ] {
            if kind == RequestKind::Delete && uploaded.is_none() {
                continue;
            }
            let step = Step { kind, seat, phase: &stage.name, question, manual: uploaded.clone() };
            let outcome = take(engine, steps.next(), step).await;
            book(user, &outcome).await?;
            uploaded = outcome.manual_id.or(uploaded).filter(|_| kind != RequestKind::Delete);
            tokio::select! {
                () = engine.stop.cancelled() => break,
                () = tokio::time::sleep_until(engine.clock.at(engine.clock.now_us()) + think) => {}
            }
        }
    }
    Ok(())
}

struct Step<'a> {
    kind: RequestKind,
    seat: usize,
    phase: &'a str,
    question: Option<u32>,
    manual: Option<String>,
}

async fn take(engine: &Arc<Engine>, ordinal: u32, step: Step<'_>) -> Outcome {
    engine.recorder().started_unscheduled();
    let due_us = engine.clock.now_us();
    if step.kind == RequestKind::SignIn {
        return sign_in(engine, &step, ordinal, due_us).await;
    }
    let question = (step.kind == RequestKind::Query).then_some(step.question).flatten();
    let shot = Shot {
        ordinal,
        kind: step.kind,
        seat: step.seat,
        phase: step.phase,
        due_us,
        question,
        manual: step.manual,
        outage: None,
        earlier: None,
    };
    engine.shoot(shot).await
}

/// Signs in as a person would; the seat keeps the token that it already has, which is as good. A sign-in that fails is
/// Cognito's: it is said, and held against nobody else.
async fn sign_in(engine: &Arc<Engine>, step: &Step<'_>, ordinal: u32, due_us: u64) -> Outcome {
    let (status, class) = match signed_in(engine, step.seat).await {
        Ok(()) => (200, AnswerClass::Ok),
        Err((status, what)) => {
            engine.sign_in_missing(&what);
            (status, AnswerClass::Transport)
        }
    };
    engine.record_sign_in(step.seat, (ordinal, step.phase), due_us, (status, class))
}

async fn signed_in(engine: &Arc<Engine>, seat: usize) -> Result<(), (u16, String)> {
    let Some(seat) = engine.seats.get(seat) else { return Err((0, "it has no seat".to_owned())) };
    let cognito = &engine.plan.stage.cognito;
    let client = SignIn::new(&cognito.endpoint, &cognito.client_id, seat.address, SIGN_IN)
        .map_err(|error| (0, error.to_string()))?;
    let password = Secret::new(seat.user.password.clone());
    match client.password(&seat.user.username, &password).await {
        Ok(session) if session.sub == seat.user.sub => Ok(()),
        Ok(_another) => Err((200, "Cognito signed somebody else in".to_owned())),
        Err(error) => {
            let what = error.to_string();
            let status = if let manuel_client::SignInError::Refused { status, .. } = error {
                status
            } else {
                0
            };
            Err((status, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinal_names_its_seat_and_no_arrival() {
        let mut steps = Steps { seat: 31, taken: 0 };
        let taken: Vec<u32> = (0..3).map(|_| steps.next()).collect();
        assert_eq!(taken, [0x8001_f000, 0x8001_f001, 0x8001_f002]);
        assert!(taken.iter().all(|ordinal| seat_of(*ordinal) == Some(31)));
        assert_eq!(seat_of(31 << STEP_BITS), None);
    }
}

//! The closed engine: a goose user on a journey (sign in, upload, ask, ask again, list, delete), pausing between steps,
//! again and again until its stage of the profile is over.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
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
use super::engine::Outcome;
use super::engine::Shot;
use super::pacer::book;

/// Ordinals of steps begin here: no schedule reaches it.
pub(super) const UNSCHEDULED: u32 = 1 << 31;
/// Sign-in is one call to Cognito.
const SIGN_IN: Bounds =
    Bounds { timeout: Duration::from_secs(8), connect_timeout: Duration::from_secs(2) };

/// Numbers the steps of all journeys.
#[derive(Debug, Default)]
pub(super) struct Steps(AtomicU32);

impl Steps {
    fn next(&self) -> u32 {
        UNSCHEDULED | self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// One user's journeys in `stage`, from the seat `seat`.
pub(super) async fn travel(
    user: &mut GooseUser,
    engine: &Arc<Engine>,
    stage: &Stage,
    (seat, think): (usize, Duration),
    steps: &Steps,
) -> TransactionResult {
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
            u64::from(steps.next()),
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
            let outcome = take(engine, steps, step).await;
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

async fn take(engine: &Arc<Engine>, steps: &Steps, step: Step<'_>) -> Outcome {
    engine.recorder().started_unscheduled();
    let due_us = engine.clock.now_us();
    if step.kind == RequestKind::SignIn {
        return sign_in(engine, &step, steps.next(), due_us).await;
    }
    let question = (step.kind == RequestKind::Query).then_some(step.question).flatten();
    let shot = Shot {
        ordinal: steps.next(),
        kind: step.kind,
        seat: step.seat,
        phase: step.phase,
        due_us,
        question,
        manual: step.manual,
        outage: None,
    };
    engine.shoot(shot).await
}

/// Signs in as a person would; the seat keeps the token that it already has, which is as good.
async fn sign_in(engine: &Arc<Engine>, step: &Step<'_>, ordinal: u32, due_us: u64) -> Outcome {
    let (status, class) = match engine.seats.get(step.seat) {
        Some(seat) => {
            let cognito = &engine.plan.stage.cognito;
            let client = SignIn::new(&cognito.endpoint, &cognito.client_id, seat.address, SIGN_IN);
            let password = Secret::new(seat.user.password.clone());
            match client {
                Ok(client) => match client.password(&seat.user.username, &password).await {
                    Ok(session) if session.sub == seat.user.sub => (200, AnswerClass::Ok),
                    Ok(_another) => (200, AnswerClass::WrongAnswer),
                    Err(manuel_client::SignInError::Refused { status, .. }) => {
                        (status, AnswerClass::HttpError)
                    }
                    Err(_unanswered) => (0, AnswerClass::Transport),
                },
                Err(_no_client) => (0, AnswerClass::Transport),
            }
        }
        None => (0, AnswerClass::Transport),
    };
    engine.record_sign_in(step.seat, (ordinal, step.phase), due_us, (status, class))
}

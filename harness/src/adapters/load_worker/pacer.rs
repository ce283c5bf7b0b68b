//! The open engine: fires the materialised schedule inside one goose user and records the results back into goose.
//!
//! goose's own throttle is a cap over closed-model users and 10 to 19 % off; a pacer on the schedule is exact. An
//! arrival that finds no room in flight is dropped and counted, never delayed: the target's slowness must not slow the
//! load down.

use std::sync::Arc;
use std::time::Duration;

use goose::goose::GooseUser;
use goose::goose::TransactionResult;
use tokio::task::JoinSet;
use verdict::plan::load::Arrival;
use verdict::plan::load::Ask;

use super::engine::Engine;
use super::shot::Outcome;
use crate::adapters::outage;

/// An outage begins this long before its first question.
const OUTAGE_LEAD_US: u64 = 1_500_000;
/// Its last question may take as long as the SDK's retries do.
const OUTAGE_TAIL_US: u64 = 3_000_000;
/// Its lease is prolonged this often.
const OUTAGE_RENEWAL: Duration = Duration::from_secs(5);
/// After a stop, answers are awaited this long.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Sends the arrivals with these indexes of the plan, each when it is due.
pub(super) async fn pace(
    user: &mut GooseUser,
    engine: &Arc<Engine>,
    arrivals: std::ops::Range<usize>,
) -> TransactionResult {
    let mut in_flight: JoinSet<Outcome> = JoinSet::new();
    let mut outages = JoinSet::new();
    begin_outages(engine, arrivals.clone(), &mut outages);
    let room = engine.plan.run.profile.raw().max_in_flight as usize;
    let mut next = arrivals.start;
    while next < arrivals.end && !engine.stop.is_cancelled() {
        let Some(arrival) = engine.load.arrivals.get(next) else { break };
        tokio::select! {
            biased;
            () = engine.stop.cancelled() => break,
            () = tokio::time::sleep_until(engine.clock.at(arrival.due_us)) => {
                next = fire(engine, next, arrivals.end, room, &mut in_flight);
            }
            Some(Ok(outcome)) = in_flight.join_next(), if !in_flight.is_empty() => {
                book(user, &outcome).await?;
            }
        }
    }
    drain(user, engine, &mut in_flight).await?;
    while outages.join_next().await.is_some() {}
    Ok(())
}

/// Sends all that is due by now; returns the next index.
fn fire(
    engine: &Arc<Engine>,
    from: usize,
    end: usize,
    room: usize,
    in_flight: &mut JoinSet<Outcome>,
) -> usize {
    let now_us = engine.clock.now_us();
    let mut next = from;
    while let Some(arrival) =
        engine.load.arrivals.get(next).filter(|a| next < end && a.due_us <= now_us)
    {
        engine.recorder().offered();
        if in_flight.len() >= room || !can_be_asked(engine, arrival) {
            engine.recorder().dropped();
            engine.uploads.ended(arrival.ordinal, None);
        } else {
            engine.recorder().started(arrival.due_us, engine.clock.now_us());
            let (engine, index) = (Arc::clone(engine), next);
            in_flight.spawn(async move {
                // The index was just looked up; the plan never changes.
                match engine.load.arrivals.get(index) {
                    Some(arrival) => engine.arrive(arrival).await,
                    None => unreachable!("an arrival of this plan"),
                }
            });
        }
        next += 1;
    }
    next
}

/// Whether what an arrival takes for granted holds: a question during an outage needs the outage.
fn can_be_asked(engine: &Engine, arrival: &Arrival) -> bool {
    let Ask::DuringOutage(_, index) = arrival.ask else { return true };
    if engine.outages.held(index).is_some() {
        return true;
    }
    engine.outage_missing(index, "was not in force in time, and its questions were not sent");
    false
}

/// Waits for what is in flight: to its own time-out, or briefly once the run is stopped.
async fn drain(
    user: &mut GooseUser,
    engine: &Arc<Engine>,
    in_flight: &mut JoinSet<Outcome>,
) -> TransactionResult {
    let longest = Duration::from_millis(engine.plan.run.profile.raw().timeout_ms) + STOP_GRACE;
    let deadline = engine.clock.at(engine.clock.now_us()) + longest;
    let mut stopped = None;
    while !in_flight.is_empty() {
        let until = stopped.unwrap_or(deadline);
        tokio::select! {
            ended = in_flight.join_next() => {
                if let Some(Ok(outcome)) = ended {
                    book(user, &outcome).await?;
                }
            }
            () = engine.stop.cancelled(), if stopped.is_none() => {
                stopped = Some(engine.clock.at(engine.clock.now_us()) + STOP_GRACE);
            }
            () = tokio::time::sleep_until(until) => in_flight.abort_all(),
        }
    }
    Ok(())
}

/// Tells goose, so that its own report counts the same requests.
pub(super) async fn book(user: &mut GooseUser, outcome: &Outcome) -> TransactionResult {
    let error = outcome.class.is_error().then(|| outcome.class.name());
    user.record_custom_request_duration(
        "OPEN",
        outcome.kind.name(),
        outcome.latency,
        error.is_none(),
        (outcome.status > 0).then_some(outcome.status),
        error,
    )
    .await
}

/// One task for each outage whose questions lie in `arrivals`: it begins before the first and ends after the last.
fn begin_outages(engine: &Arc<Engine>, arrivals: std::ops::Range<usize>, tasks: &mut JoinSet<()>) {
    let mut spans = std::collections::BTreeMap::new();
    for arrival in engine.load.arrivals.get(arrivals).unwrap_or_default() {
        if let Ask::DuringOutage(_, index) = arrival.ask {
            let span = spans.entry(index).or_insert((arrival.user, arrival.due_us, arrival.due_us));
            span.2 = arrival.due_us;
        }
    }
    for (index, (seat, first_us, last_us)) in spans {
        let engine = Arc::clone(engine);
        tasks.spawn(async move { hold_outage(&engine, index, seat, (first_us, last_us)).await });
    }
}

async fn hold_outage(engine: &Engine, index: usize, seat: u32, (first_us, last_us): (u64, u64)) {
    let outages = &engine.plan.run.profile.raw().probes.outages;
    let (Some(outage), Some(seat)) = (outages.get(index), engine.seats.get(seat as usize)) else {
        return;
    };
    let begin_at = engine.clock.at(first_us.saturating_sub(OUTAGE_LEAD_US));
    tokio::select! {
        () = engine.stop.cancelled() => return,
        () = tokio::time::sleep_until(begin_at) => {}
    }
    let admin = engine.plan.stage.admin.emulators_url.as_deref();
    let held = match outage::begin(admin, outage, Some(&seat.user.sub)).await {
        Ok(held) => held,
        Err(error) => {
            engine.outage_missing(index, &format!("could not begin: {error}"));
            return;
        }
    };
    engine.outages.begun(index, held.clone());
    let end_at = engine.clock.at(last_us + OUTAGE_TAIL_US);
    let mut renewals = tokio::time::interval(OUTAGE_RENEWAL);
    loop {
        tokio::select! {
            () = engine.stop.cancelled() => break,
            () = tokio::time::sleep_until(end_at) => break,
            _at = renewals.tick() => {
                if let Err(error) = held.renew().await {
                    engine.outages.over(index);
                    engine.outage_missing(index, &format!("could not be prolonged: {error}"));
                    break;
                }
            }
        }
    }
    if !engine.stop.is_cancelled() && engine.outages.held(index).is_some() {
        match held.hits().await {
            Ok(Some(1..)) => {}
            Ok(_none) => engine.outage_missing(index, "refused no call at all"),
            Err(error) => {
                engine.outage_missing(index, &format!("does not say what it refused: {error}"));
            }
        }
    }
    engine.outages.over(index);
    if let Err(error) = held.end().await {
        tracing::warn!(%error, "an outage could not be ended; its lease ends it");
    }
}

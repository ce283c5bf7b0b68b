//! goose, stretch by stretch: consecutive open stages are one goose attack of one user that paces the schedule, a closed
//! stage is one attack of as many users as it has. goose's thresholds, reports and controllers stay off: the verdict
//! is made elsewhere, from our own histograms.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use goose::GooseAttack;
use goose::GooseError;
use goose::config::GooseConfiguration;
use goose::goose::GooseUser;
use goose::goose::Scenario;
use goose::goose::Transaction;
use goose::goose::TransactionFunction;
use goose::goose::TransactionResult;
use thiserror::Error;
use verdict::domain::profile::Shape;
use verdict::domain::profile::Stage;

use super::engine::Engine;
use super::journey::seat_of;
use super::journey::travel;
use super::pacer::pace;

/// Evidence is written this often.
const TICK: Duration = Duration::from_secs(1);

/// Why the engine could not run.
#[derive(Debug, Error)]
pub enum AttackError {
    /// goose refused its configuration or its users.
    #[error("goose could not run the stretch `{stretch}`")]
    Goose {
        /// Names of its stages.
        stretch: String,
        /// goose's own error.
        #[source]
        source: Box<GooseError>,
    },
    /// Nobody reads the evidence.
    #[error("cannot write evidence")]
    Evidence(#[source] std::io::Error),
}

/// Runs the whole load, writing a tick a second; returns when everything has ended.
pub(super) async fn run(engine: &Arc<Engine>) -> Result<(), AttackError> {
    let attacks = attacks(engine);
    tokio::pin!(attacks);
    let mut ticks = tokio::time::interval_at(engine.clock.at(1_000_000), TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            outcome = &mut attacks => {
                tick(engine)?;
                return outcome;
            }
            _at = ticks.tick() => tick(engine)?,
        }
    }
}

fn tick(engine: &Engine) -> Result<(), AttackError> {
    let now_us = engine.clock.now_us();
    // The interval that ends now, not the one that begins.
    let stage = engine.plan.run.profile.stage_at(now_us.saturating_sub(1));
    let phase = stage.map_or("", |stage| &stage.name);
    let totals = engine.recorder().totals();
    let in_flight = totals.started.saturating_sub(totals.completed);
    engine.recorder().tick(now_us / 1_000, phase, in_flight).map_err(AttackError::Evidence)
}

/// Stages that run in one goose attack.
enum Stretch {
    Open { names: String, arrivals: Range<usize> },
    Closed { stage: Stage, users: u32, think: Duration, first_seat: usize },
}

async fn attacks(engine: &Arc<Engine>) -> Result<(), AttackError> {
    for stretch in stretches(engine) {
        if engine.stop.is_cancelled() {
            break;
        }
        match stretch {
            Stretch::Open { names, arrivals } => {
                let shared = Arc::clone(engine);
                let function: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                    let (shared, arrivals) = (Arc::clone(&shared), arrivals.clone());
                    boxed(async move { pace(user, &shared, arrivals).await })
                });
                Box::pin(attack(engine, &names, 1, function)).await?;
            }
            Stretch::Closed { stage, users, think, first_seat } => {
                let (shared, name) = (Arc::clone(engine), stage.name.clone());
                let function: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                    let (shared, stage) = (Arc::clone(&shared), stage.clone());
                    let seat = first_seat + user.weighted_users_index;
                    boxed(async move { travel(user, &shared, &stage, (seat, think)).await })
                });
                Box::pin(attack(engine, &name, users as usize, function)).await?;
            }
        }
    }
    Ok(())
}

fn boxed<'r>(
    future: impl Future<Output = TransactionResult> + Send + 'r,
) -> Pin<Box<dyn Future<Output = TransactionResult> + Send + 'r>> {
    Box::pin(future)
}

async fn attack(
    engine: &Engine,
    name: &str,
    users: usize,
    function: TransactionFunction,
) -> Result<(), AttackError> {
    let failed = |source: GooseError| AttackError::Goose {
        stretch: name.to_owned(),
        source: Box::new(source),
    };
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(engine.plan.stage.base_url.clone());
    configuration.users = Some(users);
    configuration.iterations = Some(1);
    // All users at once: a journey waits for the start of its stage by itself.
    configuration.increase_rate = Some(users.to_string());
    configuration.no_telnet = true;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    configuration.quiet = 2;
    let transaction = Transaction::new(function).set_name(name);
    let scenario = Scenario::new(name).register_transaction(transaction);
    let attack = GooseAttack::initialize_with_config(configuration).map_err(failed)?;
    let execution = Box::pin(attack.register_scenario(scenario).execute());
    execution.await.map(|_metrics| ()).map_err(failed)
}

/// Whether the journeys of these seats are made: in a replay only if it names a step of one of them.
fn is_kept(only: Option<&[u32]>, seats: &Range<usize>) -> bool {
    only.is_none_or(|only| only.iter().any(|o| seat_of(*o).is_some_and(|s| seats.contains(&s))))
}

fn stretches(engine: &Engine) -> Vec<Stretch> {
    let profile = &engine.plan.run.profile;
    let closed_users: usize = profile
        .stages()
        .iter()
        .map(|stage| match stage.shape {
            Shape::Closed { users, .. } => users as usize,
            Shape::Open { .. } => 0,
        })
        .sum();
    // Journeys have the last seats, in the order of their stages.
    let mut first_seat = engine.seats.len().saturating_sub(closed_users);
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut from = 0;
    for stage in profile.stages() {
        match stage.shape {
            Shape::Open { .. } => {
                let end_us = stage.start_us + stage.duration_us;
                let to = from
                    + engine
                        .load
                        .arrivals
                        .get(from..)
                        .unwrap_or_default()
                        .partition_point(|arrival| arrival.due_us < end_us);
                match stretches.last_mut() {
                    Some(Stretch::Open { names, arrivals }) => {
                        arrivals.end = to;
                        names.push('+');
                        names.push_str(&stage.name);
                    }
                    Some(Stretch::Closed { .. }) | None => stretches
                        .push(Stretch::Open { names: stage.name.clone(), arrivals: from..to }),
                }
                from = to;
            }
            Shape::Closed { users, think_ms } => {
                let think = Duration::from_millis(think_ms);
                let seats = first_seat..first_seat + users as usize;
                if is_kept(engine.plan.run.only.as_deref(), &seats) {
                    let stage = stage.clone();
                    stretches.push(Stretch::Closed { stage, users, think, first_seat });
                }
                first_seat = seats.end;
            }
        }
    }
    if let Some(Stretch::Open { arrivals, .. }) = stretches.last_mut() {
        // Rounding never loses an arrival at the very end.
        arrivals.end = engine.load.arrivals.len();
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::load_worker::journey::ordinal;

    #[test]
    fn a_replay_makes_only_the_journeys_that_it_names() {
        assert!(is_kept(None, &(3..5)));
        assert!(is_kept(Some(&[7, ordinal(4, 9)]), &(3..5)));
        assert!(!is_kept(Some(&[4, ordinal(5, 0)]), &(3..5)));
    }
}

//! The stage's clock: moved forward, never back, and everybody signs in again.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use time::Time;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::world::FeatureWorld;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::adapters::system_clock::Stopwatch;

/// The backend reads its clock again within 100 ms (api.md, `TEST_CLOCK_FILE`), and so do the emulators.
const READ_AGAIN: Duration = Duration::from_millis(250);
/// Nobody moves a clock by more in one step.
const FARTHEST_DAYS: u64 = 62;

steps! {
    /// Moves the clock to so many minutes before the next midnight, UTC.
    Given "it is {number} minute(s) before midnight" (world, minutes: u64) => before_midnight(world, minutes);

    /// Moves the clock to noon, UTC, of the next day with this number in its month.
    Given "it is noon on day {number} of a month" (world, day: u64) => noon_on(world, day);

    /// Moves the clock to so many minutes before the next month, UTC.
    Given "it is {number} minute(s) before the next month" (world, minutes: u64) => before_month(world, minutes);

    /// Moves the clock on.
    Does "{number} minute(s) pass" (world, minutes: u64) => pass(world, minutes * 60);

    /// Moves the clock on.
    Does "{number} second(s) pass" (world, seconds: u64) => pass(world, seconds);
}

async fn before_midnight(world: &mut FeatureWorld, minutes: u64) -> StepResult {
    let now = now(world)?;
    let early = midnight_after(now) - now < time::Duration::minutes(signed(minutes) + 1);
    let day = if early { now + time::Duration::DAY } else { now };
    move_to(world, midnight_after(day) - time::Duration::minutes(signed(minutes))).await
}

async fn noon_on(world: &mut FeatureWorld, day: u64) -> StepResult {
    let wanted = u8::try_from(day).unwrap_or(0);
    if !(1..=28).contains(&wanted) {
        return Err(StepError::lost("a day from 1 to 28 is in every month"));
    }
    let mut at = now(world)?.replace_time(Time::MIDNIGHT) + time::Duration::hours(36);
    while at.day() != wanted {
        at += time::Duration::DAY;
    }
    move_to(world, at).await
}

async fn before_month(world: &mut FeatureWorld, minutes: u64) -> StepResult {
    let mut at = midnight_after(now(world)? + time::Duration::hours(1));
    while at.day() != 1 {
        at += time::Duration::DAY;
    }
    move_to(world, at - time::Duration::minutes(signed(minutes))).await
}

/// Moves the clock on by so many seconds.
pub(super) async fn pass(world: &mut FeatureWorld, seconds: u64) -> StepResult {
    let to = now(world)? + time::Duration::seconds(signed(seconds));
    move_to(world, to).await
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The next midnight, UTC.
pub(super) fn midnight_after(now: OffsetDateTime) -> OffsetDateTime {
    now.replace_time(Time::MIDNIGHT) + time::Duration::DAY
}

/// The stage's present.
pub(super) fn now(world: &FeatureWorld) -> StepResult<OffsetDateTime> {
    let ms = i128::from(world.run.now_ms());
    OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000)
        .map_err(|error| StepError::lost_by("the stage's clock", &error))
}

async fn move_to(world: &mut FeatureWorld, to: OffsetDateTime) -> StepResult {
    let by_ms = (to - now(world)?).whole_milliseconds();
    let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
    let farthest = i64::try_from(FARTHEST_DAYS * 86_400_000).unwrap_or(i64::MAX);
    if !(0..=farthest).contains(&by_ms) {
        return Err(StepError::lost(format!("the clock would move by {by_ms} ms")));
    }
    let file = world.run.stage.admin.clock_file.clone();
    let file = file.ok_or_else(|| StepError::lost("the stage's clock cannot be moved"))?;
    set(Path::new(&file), by_ms).map_err(|error| StepError::lost_by("the clock file", &error))?;
    let since = Stopwatch::start();
    let bound = u64::try_from(READ_AGAIN.as_micros()).unwrap_or(u64::MAX);
    let read = poll::until(Pace::quick(READ_AGAIN * 4), (), async || {
        if since.us() >= bound { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.await.map_err(|_expired| StepError::lost("the clock was not read in time"))?;
    world.sign_in_again().await
}

/// Adds to the offset; another reader never sees half a number.
fn set(file: &Path, by_ms: i64) -> std::io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let offset: i64 = text.trim().parse().unwrap_or(0);
    let beside = file.with_extension("part");
    std::fs::write(&beside, format!("{}\n", offset.saturating_add(by_ms)))?;
    std::fs::rename(beside, file)
}

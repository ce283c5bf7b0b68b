//! Quotas: what is left, what was charged, races at the limit, and when it begins anew.

use manuel_client::Request;
use manuel_client::answers::QuotaAnswer;
use manuel_client::answers::UsageAnswer;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::clock;

/// A clock that ticks between a look and the answer, and a machine that is busy, in seconds.
const TICKS_S: i64 = 30;

steps! {
    /// Asks so many questions, one by one, that this many are left of the day; each has to be answered.
    Does "{who} asks until {number} question(s) is/are left today" (world, who: Who, left: u64) => ask_until(world, who, left);

    /// Uses up day after day from the second of a month on, until the month has nothing left; each question has to be answered.
    Does "{who} asks until nothing is left of the month" (world, who: Who) => ask_out_the_month(world, who);

    /// Asks this many different questions at the same moment.
    When "{who} asks {number} questions at once" (world, who: Who, many: u64) => ask_many(world, who, many);

    /// Asks this many different questions, one after the other, whatever they are answered.
    Does "{who} asks {number} questions" (world, who: Who, many: u64) => ask_in_turn(world, who, many);

    /// Of those that were asked at once, exactly so many were answered, and the others refused for the quota.
    Then "exactly {number} of the questions of {who} are answered" (world, many: u64, who: Who) => exactly(world, many, who);

    /// What Manuel says is left of the day.
    Then "{who} has {number} question(s) left today" (world, who: Who, left: u64) => left_today(world, who, left);

    /// Nothing of the day was used.
    Then "{who} has the whole day's questions left" (world, who: Who) => whole_day_left(world, who);

    /// Nothing of the month was used.
    Then "{who} has the whole month's questions left" (world, who: Who) => whole_month_left(world, who);

    /// The month has this many fewer than it began with.
    Then "{who} has used {number} question(s) of the month" (world, who: Who, used: u64) => used_of_month(world, who, used);

    /// What the usage table holds: charged by day and by month alike, and no reservation open.
    Then "{who} is charged {number} question(s)" (world, who: Who, many: u64) => charged(world, who, many);

    /// Refused because the day's questions are used up, until midnight UTC, which both refusal and quota say.
    Then "{who} is told to come back tomorrow" (world, who: Who) => back_tomorrow(world, who);

    /// Refused because the month's questions are used up, until the first of the next month, UTC.
    Then "{who} is told to come back next month" (world, who: Who) => back_next_month(world, who);
}

/// A question that nobody asked before: an answer that was given before would still be charged, but tells less.
fn question(world: &FeatureWorld) -> Request {
    Request::Query { question: format!("How do I reset device number {}?", world.run.next()) }
}

async fn quota(world: &mut FeatureWorld, who: &Who) -> StepResult<QuotaAnswer> {
    let seen = world.look(who, Request::Quota).await?;
    let Parsed::Quota(quota) = &seen.parsed else {
        return Err(StepError::broken("what is left of the quota", seen.summary()));
    };
    Ok(quota.clone())
}

async fn ask_until(world: &mut FeatureWorld, who: Who, left: u64) -> StepResult {
    let remaining = quota(world, &who).await?.daily_remaining;
    for _ in left..remaining {
        let request = question(world);
        world.send(&who, request).await?.answer()?;
    }
    left_today(world, who, left).await
}

async fn ask_out_the_month(world: &mut FeatureWorld, who: Who) -> StepResult {
    loop {
        ask_until_day_or_month_ends(world, &who).await?;
        if quota(world, &who).await?.monthly_remaining == 0 {
            return Ok(());
        }
        clock::pass(world, 86_400).await?;
    }
}

async fn ask_until_day_or_month_ends(world: &mut FeatureWorld, who: &Who) -> StepResult {
    let left = quota(world, who).await?;
    for _ in 0..left.daily_remaining.min(left.monthly_remaining) {
        let request = question(world);
        world.send(who, request).await?.answer()?;
    }
    Ok(())
}

async fn ask_many(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let requests = (0..many).map(|_| question(world)).collect();
    world.send_at_once(&who, requests).await
}

async fn ask_in_turn(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    for _ in 0..many {
        let request = question(world);
        world.send(&who, request).await?;
    }
    Ok(())
}

async fn exactly(world: &mut FeatureWorld, many: u64, who: Who) -> StepResult {
    let burst = world.burst(&who)?;
    let answered = burst.iter().filter(|seen| seen.answer().is_ok()).count() as u64;
    let quota = |code: &str| matches!(code, "daily_quota_exceeded" | "monthly_quota_exceeded");
    let refused = |seen: &&super::super::seen::Seen| {
        seen.exchange.status == 429 && seen.refusal().is_ok_and(|error| quota(&error.code))
    };
    let refused = burst.iter().filter(refused).count() as u64;
    let all = burst.len() as u64;
    let expected = format!("{many} answered and {} refused for the quota", all - many);
    let seen = format!("{answered} answered and {refused} refused for the quota, of {all}");
    check(answered == many && refused == all - many, expected, seen)
}

async fn left_today(world: &mut FeatureWorld, who: Who, left: u64) -> StepResult {
    let quota = quota(world, &who).await?;
    check(quota.daily_remaining == left, format!("{left} left today"), format!("{quota:?}"))
}

async fn whole_day_left(world: &mut FeatureWorld, who: Who) -> StepResult {
    let (quota, limits) = (quota(world, &who).await?, &world.run.stage.limits);
    let held =
        quota.daily_limit == limits.daily_quota && quota.daily_remaining == quota.daily_limit;
    check(held, format!("all {} of the day left", limits.daily_quota), format!("{quota:?}"))
}

async fn whole_month_left(world: &mut FeatureWorld, who: Who) -> StepResult {
    let (quota, limits) = (quota(world, &who).await?, &world.run.stage.limits);
    let held = quota.monthly_limit == limits.monthly_quota
        && quota.monthly_remaining == quota.monthly_limit;
    check(held, format!("all {} of the month left", limits.monthly_quota), format!("{quota:?}"))
}

async fn used_of_month(world: &mut FeatureWorld, who: Who, used: u64) -> StepResult {
    let quota = quota(world, &who).await?;
    let held = quota.monthly_limit.checked_sub(quota.monthly_remaining) == Some(used);
    check(held, format!("{used} used of the month"), format!("{quota:?}"))
}

pub(super) async fn charged(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let person = world.person(&who).await?;
    let users = [(who.0.clone(), person.sub)].into();
    let figures = world.run.stores()?.figures(&users).await;
    let figures = figures.map_err(|e| StepError::lost_by("the stores cannot be read", &e))?;
    let figures = figures.get(&who.0).ok_or_else(|| StepError::lost("no figures"))?;
    let held = figures.charged == many && figures.monthly == many && figures.open == 0;
    let seen = format!(
        "{} charged by day, {} by month, {} reservations open",
        figures.charged, figures.monthly, figures.open
    );
    check(held, format!("{many} charged and no reservation open"), seen)
}

async fn back_tomorrow(world: &mut FeatureWorld, who: Who) -> StepResult {
    let midnight = clock::midnight_after(clock::now(world)?);
    back_at(world, &who, "daily_quota_exceeded", midnight).await
}

async fn back_next_month(world: &mut FeatureWorld, who: Who) -> StepResult {
    let mut first = clock::midnight_after(clock::now(world)?);
    while first.day() != 1 {
        first += time::Duration::DAY;
    }
    back_at(world, &who, "monthly_quota_exceeded", first).await
}

async fn back_at(
    world: &mut FeatureWorld,
    who: &Who,
    code: &str,
    at: time::OffsetDateTime,
) -> StepResult {
    let wait_s = (at - clock::now(world)?).whole_seconds();
    let seen = world.seen(who)?;
    let refusal = seen.refused_with(429, code)?;
    let told = refusal.retry_after.and_then(|after| i64::try_from(after).ok()).unwrap_or(-1);
    check(
        (told - wait_s).abs() <= TICKS_S,
        format!("to wait {wait_s} s, until {at}"),
        format!("{told} s: {}", seen.summary()),
    )
}

/// The person's usage, as Manuel tells it.
pub(super) async fn usage(world: &mut FeatureWorld, who: &Who) -> StepResult<UsageAnswer> {
    let seen = world.look(who, Request::Usage { days: Some(62) }).await?;
    let Parsed::Usage(usage) = &seen.parsed else {
        return Err(StepError::broken("usage figures", seen.summary()));
    };
    Ok(usage.clone())
}

//! Rate limits: per person and per address, in a window that slides.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use manuel_client::Request;
use verdict::domain::stage::RateLimit;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::clock;

steps! {
    /// Asks for what is left of the quota, so often at once that the window has no room left for one more.
    Does "{who} calls as often as the rate limit allows" (world, who: Who) => fill(world, who);

    /// One call: what is left of the quota.
    Does "{who} calls once more" (world, who: Who) => once(world, who);

    /// Many calls at once, all beyond the limit: each has to be refused.
    Does "{who} is refused {number} times for calling too often" (world, who: Who, many: u64) => refused_often(world, who, many);

    /// The last call was answered.
    Then "{who} is served" (world, who: Who) => served(world, who);

    /// The last call was refused for calling too often, and the wait that it names is within the window.
    Then "{who} is asked to slow down" (world, who: Who) => slow_down(world, who);

    /// As long as the last refusal told to wait.
    Does "the wait that {who} was told passes" (world, who: Who) => wait_told(world, who);

    /// From now on these two call from one address, which nobody else has.
    Given "{who} and {who} share an address" (world, one: Who, two: Who) => share(world, one, two);

    /// Asks whether Manuel is up, this many times at once; each has to be answered.
    Then "{who} can look whether Manuel is up {number} times at once" (world, who: Who, many: u64) => health(world, who, many);
}

fn limit(world: &FeatureWorld) -> StepResult<RateLimit> {
    let limit = world.run.stage.limits.rate_limit;
    limit.ok_or_else(|| StepError::lost("the stage says of no rate limit"))
}

async fn fill(world: &mut FeatureWorld, who: Who) -> StepResult {
    let many = limit(world)?.requests;
    world.send_at_once(&who, (0..many).map(|_| Request::Quota).collect()).await?;
    let burst = world.burst(&who)?;
    let served = burst.iter().filter(|seen| seen.success().is_ok()).count();
    let first = burst.iter().find(|seen| seen.success().is_err()).map(Seen::summary);
    check(
        served == burst.len(),
        format!("{many} calls served"),
        format!("{served} were, the first refusal was {}", first.unwrap_or_default()),
    )
}

async fn once(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.send(&who, Request::Quota).await.map(drop)
}

async fn refused_often(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    world.send_at_once(&who, (0..many).map(|_| Request::Quota).collect()).await?;
    world.burst(&who)?.iter().try_for_each(|seen| seen.refused_with(429, "rate_limited").map(drop))
}

async fn served(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.seen(&who)?.success().map(drop)
}

async fn slow_down(world: &mut FeatureWorld, who: Who) -> StepResult {
    let window = u64::from(limit(world)?.window_s);
    let seen = world.seen(&who)?;
    let after = seen.refused_with(429, "rate_limited")?.retry_after;
    let held = after.is_some_and(|after| (1..=window).contains(&after));
    check(held, format!("to wait 1 to {window} s"), seen.summary())
}

async fn wait_told(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let after = seen.refusal()?.retry_after;
    let after = after.ok_or_else(|| StepError::broken("a time to wait", seen.summary()))?;
    clock::pass(world, after).await
}

async fn share(world: &mut FeatureWorld, one: Who, two: Who) -> StepResult {
    // 127.211.0.0/16 is nobody's.
    let [.., high, low] = world.run.next().to_be_bytes();
    let address = IpAddr::V4(Ipv4Addr::new(127, 211, high, low.clamp(1, 254)));
    for who in [&one, &two] {
        let client = world.run.client(Some(address))?;
        world.change(who, |person| person.client = client).await?;
    }
    Ok(())
}

async fn health(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    world.send_at_once(&who, (0..many).map(|_| Request::Health).collect()).await?;
    world.burst(&who)?.iter().try_for_each(|seen| seen.success().map(drop))
}

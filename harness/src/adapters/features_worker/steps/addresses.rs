//! Where people come from: places on the allowlist, places that are not, and what they say of it themselves.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use http::HeaderName;
use http::HeaderValue;
use manuel_client::Request;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::Strategy as _;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::manners::Mannered;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::calls;
use super::calls::request;

/// Headers by which proxies say for whom they ask (`Forwarded` is RFC 7239; the others are of vendors).
const FORWARDING: &[&str] = &[
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-envoy-external-address",
];

steps! {
    /// From now on the person calls from a place that is not on the allowlist.
    Given "{who} is at a place that is not allowed" (world, who: Who) => elsewhere(world, who);

    /// From now on the person calls from this address: 127.223.255.254, say.
    Does "{who} is at the address {text}" (world, who: Who, address: String) => at(world, who, address);

    /// Makes a call that says, in every header that proxies use for it, that it comes from this address.
    Does "{who} tries to {text} and says to come from {text}" (world, who: Who, what: String, address: String) => claims(world, who, what, address);

    /// Makes more calls at once than the rate limit allows; each has to be refused for where it comes from.
    Does "{who} calls from there more often than the rate limit allows" (world, who: Who) => flood(world, who);

    /// Whatever a call says of where it comes from, the person is refused.
    Then "nothing that {who} says of the place lets the call in" (world, who: Who) => no_claim(world, who);
}

/// 127.224.0.0/11, an address that nobody else of this run has.
async fn elsewhere(world: &mut FeatureWorld, who: Who) -> StepResult {
    let [.., high, low] = world.run.next().to_be_bytes();
    move_to(world, &who, IpAddr::V4(Ipv4Addr::new(127, 230, high, low.clamp(1, 254)))).await
}

async fn at(world: &mut FeatureWorld, who: Who, address: String) -> StepResult {
    let address = address.parse().map_err(|e| StepError::lost_by("an address", &e))?;
    move_to(world, &who, address).await
}

/// With or without an account, as before.
async fn move_to(world: &mut FeatureWorld, who: &Who, address: IpAddr) -> StepResult {
    let client = world.run.client(Some(address))?;
    world.change(who, |person| person.client = client).await
}

async fn claims(world: &mut FeatureWorld, who: Who, what: String, address: String) -> StepResult {
    let mut call = Mannered::proper(request(world, &who, &what).await?);
    for name in FORWARDING {
        call = claiming(call, name, &address)?;
    }
    calls::send(world, &who, &call).await
}

fn claiming(call: Mannered, name: &'static str, address: &str) -> StepResult<Mannered> {
    let text = if name == "forwarded" { format!("for={address}") } else { address.to_owned() };
    let value = HeaderValue::from_str(&text).map_err(|e| StepError::lost_by("a header", &e))?;
    Ok(call.with(HeaderName::from_static(name), value))
}

async fn flood(world: &mut FeatureWorld, who: Who) -> StepResult {
    let limit = world.run.stage.limits.rate_limit;
    let limit = limit.ok_or_else(|| StepError::lost("the stage says of no rate limit"))?;
    let many = limit.requests + 5;
    world.send_at_once(&who, (0..many).map(|_| Request::Quota).collect()).await?;
    world
        .burst(&who)?
        .iter()
        .try_for_each(|seen| seen.refused_with(403, "address_not_allowed").map(drop))
}

async fn no_claim(world: &mut FeatureWorld, who: Who) -> StepResult {
    let allowed =
        select(&["127.0.0.1", "127.210.0.9", "::1", "::ffff:127.0.0.1", "127.1", "localhost"][..]);
    let chain = vec(allowed, 1..4).prop_map(|chain| chain.join(", "));
    Generated::of(world)
        .hold((select(FORWARDING), chain), async |_, (name, chain)| {
            let call = claiming(Mannered::proper(Request::Quota), name, &chain)?;
            let seen = world.send_as(&who, call.request.clone(), call.how()).await?;
            seen.refused_with(403, "address_not_allowed").map(drop)
        })
        .await
}

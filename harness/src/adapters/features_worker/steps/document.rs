//! The API's own description: every answer is one that it foresees, and it leaves nothing out.

use std::collections::BTreeSet;

use http::Method;
use manuel_client::Encoded;
use manuel_client::contract::Parsed;
use manuel_client::contract::is_from_edge;
use proptest::sample::select;
use verdict::domain::stage::Capability;

use super::super::calls;
use super::super::calls::CALLS;
use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::manners::Mannered;
use super::super::manners::mannered;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::calls::request;
use crate::adapters::api_document::Asked;

/// Ways to make a call, each of which the document has to foresee.
const WAYS: &[&str] =
    &["no token", "half a token", "no signature", "a signature timed in milliseconds"];
/// From where nobody is let in.
const STRANGER: std::net::Ipv4Addr = std::net::Ipv4Addr::new(127, 231, 7, 7);
/// What the document is asked for by, and what a gateway before Manuel answers itself.
const PREFLIGHT: &str = "preflight_";

steps! {
    /// Makes the call in every way: as it should be, without a token, with half of one, without a signature, with one that
    /// is out of time, and, where the stage has an allowlist, from a place that is not on it.
    Does "{who} tries to {text} in every way" (world, who: Who, what: String) => every_way(world, who, what);

    /// Status, code, body and headers of every answer of the tries are as the document foresees them.
    Then "every answer to {who} is as documented" (world, who: Who) => documented(world, who);

    /// The last answer is as the document foresees it.
    Then "the answer to {who} is as documented" (world, who: Who) => last_documented(world, who);

    /// The calls that features make are those of the document, all of them and no other.
    Then "the features try every call that is documented, and no other" (world) => all_tried(world);

    /// The document that Manuel shows is the one that is kept with it.
    Then "{who} reads the document that clients were given" (world, who: Who) => same_document(world, who);

    /// Addresses that the document does not know are none of Manuel's, in whatever way they are called.
    Then "{who} finds nothing that is not documented" (world, who: Who) => nothing_else(world, who);
}

async fn every_way(world: &mut FeatureWorld, who: Who, what: String) -> StepResult {
    let asked = request(world, &who, &what).await?;
    let mut all = vec![send(world, &who, Mannered::proper(asked.clone())).await?];
    let signed = asked.changes_state();
    for way in WAYS.iter().filter(|way| signed || !way.contains("signature")) {
        let call = mannered(world, &who, asked.clone(), way).await?;
        all.push(send(world, &who, call).await?);
    }
    if world.run.stage.capabilities.has(Capability::Allowlist) {
        let client = world.run.client(Some(STRANGER.into()))?;
        let own = world.person(&who).await?.client;
        world.change(&who, |person| person.client = client).await?;
        let stranger = send(world, &who, Mannered::proper(asked)).await;
        world.change(&who, |person| person.client = own).await?;
        all.push(stranger?);
    }
    world.keep_burst(&who, all);
    Ok(())
}

async fn send(world: &mut FeatureWorld, who: &Who, call: Mannered) -> StepResult<Seen> {
    super::calls::send(world, who, &call).await?;
    world.seen(who).cloned()
}

async fn documented(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.burst(&who)?.iter().try_for_each(|seen| foreseen(world, seen))
}

async fn last_documented(world: &mut FeatureWorld, who: Who) -> StepResult {
    foreseen(world, world.seen(&who)?)
}

fn foreseen(world: &FeatureWorld, seen: &Seen) -> StepResult {
    // The document tells of Manuel's answers, not of those of whoever is in front.
    if is_from_edge(&seen.exchange) {
        return Ok(());
    }
    let encoded = Encoded::new(&seen.request).map_err(|e| StepError::lost_by("a request", &e))?;
    let method = seen.request.method();
    let asked = Asked { method: method.as_str(), path: encoded.path() };
    let wrong = world.run.document.contradictions(asked, &seen.exchange);
    check(wrong.is_empty(), "an answer as it is documented", wrong.join("; "))
}

async fn all_tried(world: &mut FeatureWorld) -> StepResult {
    let tried: BTreeSet<&str> = CALLS.iter().filter_map(|call| call.operation).collect();
    let documented = world.run.document.operations();
    let needed = documented.iter().filter(|operation| !operation.starts_with(PREFLIGHT));
    let missing: Vec<&&str> = needed.filter(|operation| !tried.contains(**operation)).collect();
    let unknown: Vec<&&str> =
        tried.iter().filter(|operation| !documented.contains(*operation)).collect();
    check(
        missing.is_empty() && unknown.is_empty(),
        "the calls of the document",
        format!("not tried: {missing:?}; not documented: {unknown:?}"),
    )
}

async fn same_document(world: &mut FeatureWorld, who: Who) -> StepResult {
    let asked = request(world, &who, "read the document of the calls").await?;
    let seen = world.send(&who, asked).await?.clone();
    let shown: serde_json::Value = serde_json::from_slice(&seen.exchange.body)
        .map_err(|error| StepError::broken("the document", error.to_string()))?;
    let kept = world.run.document.value();
    let differs = |name: &&String| kept.get(name.as_str()) != shown.get(name.as_str());
    let names: BTreeSet<&String> = [kept, &shown]
        .iter()
        .filter_map(|document| document.as_object())
        .flat_map(|o| o.keys())
        .collect();
    let different: Vec<&&String> = names.iter().filter(|name| differs(name)).collect();
    check(
        different.is_empty(),
        "the document that is kept with it",
        format!("others are {different:?}"),
    )
}

async fn nothing_else(world: &mut FeatureWorld, who: Who) -> StepResult {
    let methods =
        select(vec![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]);
    let word =
        "(admin|debug|internal|metrics|env|api|v1|manuals|query|user|users|health|[a-z]{1,9})";
    let paths = format!("(/{word}){{1,4}}/?");
    let paths =
        proptest::string::string_regex(&paths).map_err(|e| StepError::lost_by("paths", &e))?;
    Generated::of(world)
        .hold((methods, paths), async |_, (method, path)| {
            super::calls::send(world, &who, &Mannered::proper(calls::raw(method, &path))).await?;
            let seen = world.seen(&who)?;
            let documented = foreseen(world, seen);
            // Where it is none, a documented address was met by chance.
            if matches!(seen.parsed, Parsed::Error(_)) || documented.is_ok() {
                return documented;
            }
            Err(StepError::broken("nothing there", seen.summary()))
        })
        .await
}

//! Calls of every kind, as they should be and otherwise, and what is left of them in the stores.

use manuel_client::contract::Parsed;

use super::super::calls;
use super::super::calls::Subject;
use super::super::catalogue::steps;
use super::super::manners::Mannered;
use super::super::manners::mannered;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::shelf;
use super::super::world::FeatureWorld;
use crate::adapters::stores::Trace;

/// What a scenario calls a manual that a call of these uploaded.
const NOTE: &str = "lamp";

steps! {
    /// Makes a call as it should be made: "ask a question", "upload a manual", "see the quota" and so on.
    Does "{who} tries to {text}" (world, who: Who, what: String) => tries(world, who, what);

    /// Makes it otherwise: with "no token", "an expired token", "no signature", "a signature by another key" and so on.
    Does "{who} tries to {text} with {text}" (world, who: Who, what: String, manner: String) => tries_with(world, who, what, manner);

    /// The last call was answered as it was meant to be, and not refused.
    Then "{who} is let in" (world, who: Who) => let_in(world, who);

    /// The stores hold nothing of the person: no charge, no reservation, no row, no object.
    Then "nothing is stored or charged for {who}" (world, who: Who) => nothing(world, who);

    /// The stores hold this manual of the person, whole, and no other; and nothing was charged.
    Then "{who} has nothing but the manual {text}" (world, who: Who, name: String) => nothing_but(world, who, name);
}

/// The request of a call, about the person's own manual where there is one.
pub(super) async fn request(
    world: &mut FeatureWorld,
    who: &Who,
    what: &str,
) -> StepResult<manuel_client::Request> {
    let call = calls::named(what)?;
    let manual = world.person(who).await?.manuals.values().next().cloned();
    Ok(call.request(&Subject::new(&world.run, manual)?))
}

/// Sends it; a manual that is taken is known afterwards.
pub(super) async fn send(world: &mut FeatureWorld, who: &Who, call: &Mannered) -> StepResult {
    let seen = world.send_as(who, call.request.clone(), call.how()).await?;
    if let Parsed::Uploaded(uploaded) = &seen.parsed {
        let id = uploaded.manual_id.clone();
        let number = world.run.next();
        let known = |name: &str| {
            let name = name.to_owned();
            move |person: &mut super::super::person::Person| {
                // Further ones are taken away at the end, too.
                let taken = person.manuals.contains_key(&name);
                let name = if taken { format!("{name} {number}") } else { name };
                person.manuals.insert(name, id);
            }
        };
        world.change(who, known(NOTE)).await?;
    }
    Ok(())
}

async fn tries(world: &mut FeatureWorld, who: Who, what: String) -> StepResult {
    let request = request(world, &who, &what).await?;
    send(world, &who, &Mannered::proper(request)).await
}

async fn tries_with(
    world: &mut FeatureWorld,
    who: Who,
    what: String,
    manner: String,
) -> StepResult {
    let request = request(world, &who, &what).await?;
    let call = mannered(world, &who, request, &manner).await?;
    send(world, &who, &call).await
}

async fn let_in(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.seen(&who)?.success().map(drop)
}

async fn nothing(world: &mut FeatureWorld, who: Who) -> StepResult {
    holds(world, &who, 0, 0).await
}

async fn nothing_but(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    holds(world, &who, 1, 2).await?;
    let traces = shelf::traces(world, &who, &name).await?;
    // Whether its passages are there yet is the index's affair.
    let stored = traces.iter().filter(|trace| !matches!(trace, Trace::Index(_))).count();
    check(stored == 3, format!("object, sidecar and row of \"{name}\""), format!("{traces:?}"))
}

/// So many rows and objects, and nothing charged or reserved.
async fn holds(world: &mut FeatureWorld, who: &Who, rows: usize, objects: usize) -> StepResult {
    let person = world.person(who).await?;
    let users = [(who.0.clone(), person.sub)].into();
    let figures = world.run.stores()?.figures(&users).await;
    let figures = figures.map_err(|e| StepError::lost_by("the stores cannot be read", &e))?;
    let figures = figures.get(&who.0).ok_or_else(|| StepError::lost("no figures"))?;
    let many = |set: &Option<std::collections::BTreeSet<String>>| {
        set.as_ref().map(std::collections::BTreeSet::len)
    };
    let charged = figures.charged + figures.monthly + figures.open;
    let held = charged == 0
        && many(&figures.manuals) == Some(rows)
        && many(&figures.objects) == Some(objects);
    check(
        held,
        format!("{rows} row(s), {objects} object(s), nothing charged"),
        format!("{figures:?}"),
    )
}

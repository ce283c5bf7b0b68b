//! Manuals: uploaded, indexed, read, deleted; and what is left of them in every store.

use std::ops::ControlFlow;
use std::time::Duration;

use manuel_client::Request;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::world::FeatureWorld;
use super::super::world::Waiting;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::adapters::stores::Trace;

/// An index takes its time, and runs one job at once for everybody.
const INDEXED: Duration = Duration::from_secs(20);

steps! {
    /// Uploads a manual of the fixtures and waits until it can be asked about.
    Given "{who} has the manual {text}" (world, who: Who, key: String) => has(world, who, key);

    /// Uploads a manual of the fixtures; the answer is looked at by other steps.
    Does "{who} uploads the manual {text}" (world, who: Who, key: String) => upload(world, who, key);

    /// Deletes a manual that the person has in this scenario.
    Does "{who} deletes the manual {text}" (world, who: Who, key: String) => delete(world, who, key);

    /// Lists the person's manuals.
    Does "{who} lists the manuals" (world, who: Who) => list(world, who);

    /// The list has this many manuals.
    Then "{who} sees {number} manual(s)" (world, who: Who, many: u64) => sees(world, who, many);

    /// The bucket holds nothing under the person's name; waits, at most 20 s.
    Then "no file of {who} is left" (world, who: Who) => no_file(world, who);

    /// The object, its sidecar, the row and the index entries are gone; waits for the index, at most 20 s.
    Then "nothing is left of the manual {text} of {who}" (world, key: String, who: Who) => nothing_left(world, key, who);
}

async fn upload(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    let manual = world.run.manuals.get(&key).cloned();
    let unknown =
        || StepError::lost(format!("fixtures/manuals/manuals.toml has no manual `{key}`"));
    let manual = manual.ok_or_else(unknown)?;
    let request = Request::UploadManual {
        filename: manual.filename,
        content_type: manual.content_type,
        bytes: manual.bytes,
        idempotency_key: None,
    };
    let seen = world.send(&who, request).await?;
    if let Parsed::Uploaded(uploaded) = &seen.parsed {
        let id = uploaded.manual_id.clone();
        world.change(&who, |person| drop(person.manuals.insert(key, id))).await?;
    }
    Ok(())
}

/// A manual that can be asked about, and that every store holds: what is later looked for in vain was there.
pub(super) async fn has(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    upload(world, who.clone(), key.clone()).await?;
    world.seen(&who)?.success()?;
    ready(world, &who, &key).await?;
    if world.run.stores.is_none() {
        return Ok(());
    }
    let traces = traces(world, &who, &key).await?;
    let has = |is: fn(&Trace) -> bool| traces.iter().any(is);
    let whole = has(|trace| matches!(trace, Trace::Object(_)))
        && has(|trace| matches!(trace, Trace::Sidecar(_)))
        && has(|trace| *trace == Trace::Row)
        && has(|trace| matches!(trace, Trace::Index(_)));
    check(whole, format!("object, sidecar, row and passages of \"{key}\""), format!("{traces:?}"))
}

/// Waits until the manual can be asked about.
pub(super) async fn ready(world: &mut FeatureWorld, who: &Who, key: &str) -> StepResult {
    let id = world.manual_id(who, key).await?;
    let expected = format!("\"{key}\" indexed within {INDEXED:?}");
    world
        .wait_for(who, (Request::GetManual { id }, INDEXED), expected, |seen| {
            let Parsed::Manual(manual) = &seen.parsed else { return Waiting::Never };
            match manual.row.status.as_str() {
                "ready" => Waiting::Over,
                "failed" => Waiting::Never,
                _ => Waiting::On,
            }
        })
        .await
}

/// What the stores hold of a manual.
async fn traces(world: &mut FeatureWorld, who: &Who, key: &str) -> StepResult<Vec<Trace>> {
    let id = world.manual_id(who, key).await?;
    let person = world.person(who).await?;
    let words = world.run.words_of(key);
    let stores = world.run.stores()?;
    let traces = stores.traces_of(&person.sub, &id, &words).await;
    traces.map_err(|error| StepError::lost_by("the stores cannot be read", &error))
}

async fn delete(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    let id = world.manual_id(&who, &key).await?;
    world.send(&who, Request::DeleteManual { id }).await.map(drop)
}

async fn list(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.send(&who, Request::ListManuals { limit: None, cursor: None }).await.map(drop)
}

async fn sees(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let seen = world.seen(&who)?;
    let Parsed::Manuals(list) = &seen.parsed else {
        return Err(StepError::broken("a list of manuals", seen.summary()));
    };
    let held = list.manuals.len() as u64 == many && list.count == many;
    check(held, format!("{many} manuals"), seen.summary())
}

async fn no_file(world: &mut FeatureWorld, who: Who) -> StepResult {
    let person = world.person(&who).await?;
    let stores = world.run.stores()?;
    let waited = poll::until(
        Pace::sparing(INDEXED),
        std::collections::BTreeSet::new(),
        async || match stores.objects_of(&person.sub).await {
            Ok(left) if left.is_empty() => ControlFlow::Break(Ok(())),
            Ok(left) => ControlFlow::Continue(left),
            Err(error) => {
                ControlFlow::Break(Err(StepError::lost_by("the bucket cannot be read", &error)))
            }
        },
    );
    waited.await.unwrap_or_else(|expired| {
        Err(StepError::broken("no file left in the bucket", format!("{:?}", expired.last_seen)))
    })
}

async fn nothing_left(world: &mut FeatureWorld, key: String, who: Who) -> StepResult {
    let id = world.manual_id(&who, &key).await?;
    let person = world.person(&who).await?;
    let words = world.run.words_of(&key);
    let stores = world.run.stores()?;
    let waited = poll::until(Pace::sparing(INDEXED), Vec::new(), async || {
        match stores.traces_of(&person.sub, &id, &words).await {
            Ok(left) if left.is_empty() => ControlFlow::Break(Ok(())),
            Ok(left) => ControlFlow::Continue(left),
            Err(error) => {
                ControlFlow::Break(Err(StepError::lost_by("the stores cannot be read", &error)))
            }
        }
    });
    waited.await.unwrap_or_else(|expired| {
        let expected = format!("nothing of \"{key}\" in any store within {INDEXED:?}");
        Err(StepError::broken(expected, format!("{:?}", expired.last_seen)))
    })
}

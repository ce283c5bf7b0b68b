//! The manuals of a scenario's people: sent in one of three ways, remembered by what the scenario calls them, waited for,
//! and looked for in every store.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use manuel_client::Request;
use manuel_client::contract::Parsed;

use super::outcome::StepError;
use super::outcome::StepResult;
use super::params::Who;
use super::person::Person;
use super::person::Sent;
use super::world::FeatureWorld;
use super::world::Waiting;
use crate::adapters::provision::ManualFile;
use crate::adapters::stores::Trace;

/// An index takes its time, and runs one job at once for everybody.
pub const INDEXED: Duration = Duration::from_secs(20);

/// Words that may stand on a generated PDF: one of them finds any of its pages.
const OF_PDF: &str = "excavator load hood lamps filter days motor";

/// A manual of the fixtures.
pub fn fixture(world: &FeatureWorld, key: &str) -> StepResult<ManualFile> {
    let manual = world.run.manuals.get(key).cloned();
    manual.ok_or_else(|| {
        StepError::lost(format!("fixtures/manuals/manuals.toml has no manual `{key}`"))
    })
}

/// The request that sends a file.
pub fn upload_of(file: &ManualFile, idempotency_key: Option<&str>) -> Request {
    Request::UploadManual {
        filename: file.filename.clone(),
        content_type: file.content_type.clone(),
        bytes: file.bytes.clone(),
        idempotency_key: idempotency_key.map(str::to_owned),
    }
}

/// Sends a file; where it was taken, the scenario may call the manual `name` from now on.
pub async fn send(
    world: &mut FeatureWorld,
    who: &Who,
    (name, file): (&str, &ManualFile),
    idempotency_key: Option<&str>,
) -> StepResult {
    world.send(who, upload_of(file, idempotency_key)).await?;
    let words = words_of(world, file);
    note(world, who, name, words).await
}

/// Remembers the manual that `who`'s last answer is about, if it is about one.
pub async fn note(world: &mut FeatureWorld, who: &Who, name: &str, words: String) -> StepResult {
    let Parsed::Uploaded(taken) = &world.seen(who)?.parsed else { return Ok(()) };
    let id = taken.manual_id.clone();
    let sent = Sent {
        job: taken.ingestion_job_id.clone(),
        name: taken.name.clone(),
        size: taken.size,
        sha256: taken.sha256.clone(),
        words,
    };
    world.change(who, |person| hold(person, (name, id), sent)).await
}

/// A manual of this name that is another one keeps its place under a name that no feature can write: it is still
/// taken away in the end.
fn hold(person: &mut Person, (name, id): (&str, String), sent: Sent) {
    let before = person.manuals.insert(name.to_owned(), id);
    if let Some(before) = before.filter(|before| person.manuals.get(name) != Some(before)) {
        person.manuals.insert(format!("\"{name}\" {before}"), before);
    }
    person.sent.insert(name.to_owned(), sent);
}

/// What was sent as the manual `name`.
pub async fn sent(world: &mut FeatureWorld, who: &Who, name: &str) -> StepResult<Sent> {
    let person = world.person(who).await?;
    let unknown = || StepError::lost(format!("{who} has sent no manual \"{name}\""));
    person.sent.get(name).cloned().ok_or_else(unknown)
}

/// Waits until the manual can be asked about.
pub async fn ready(world: &mut FeatureWorld, who: &Who, name: &str) -> StepResult {
    becomes(world, who, name, "ready").await
}

/// Waits until the index has decided about the manual, and that it is as expected.
pub async fn becomes(
    world: &mut FeatureWorld,
    who: &Who,
    name: &str,
    status: &'static str,
) -> StepResult {
    let id = world.manual_id(who, name).await?;
    let expected = format!("\"{name}\" {status} within {INDEXED:?}");
    world
        .wait_for(who, (Request::GetManual { id }, INDEXED), expected, |seen| {
            let Parsed::Manual(manual) = &seen.parsed else { return Waiting::Never };
            match manual.row.status.as_str() {
                now if now == status => Waiting::Over,
                "processing" => Waiting::On,
                _ => Waiting::Never,
            }
        })
        .await
}

/// What the stores hold of a manual.
pub async fn traces(world: &mut FeatureWorld, who: &Who, name: &str) -> StepResult<Vec<Trace>> {
    let id = world.manual_id(who, name).await?;
    let words = words(world, who, name).await?;
    let person = world.person(who).await?;
    let stores = world.run.stores()?;
    let traces = stores.traces_of(&person.sub, &id, &words).await;
    traces.map_err(|error| StepError::lost_by("the stores cannot be read", &error))
}

/// Words that the passages of a manual have.
pub async fn words(world: &mut FeatureWorld, who: &Who, name: &str) -> StepResult<String> {
    let person = world.person(who).await?;
    Ok(person.sent.get(name).map_or_else(|| world.run.words_of(name), |sent| sent.words.clone()))
}

/// The same of a file that is about to be sent.
pub fn words_of(world: &FeatureWorld, file: &ManualFile) -> String {
    if world.run.manuals.contains_key(&file.key) {
        return world.run.words_of(&file.key);
    }
    if file.content_type == super::files::PDF {
        return OF_PDF.to_owned();
    }
    let text = String::from_utf8_lossy(&file.bytes);
    text.split_whitespace().take(20).collect::<Vec<_>>().join(" ")
}

/// Object, sidecar, row and passages: all of a manual that can be asked about.
pub fn is_whole(traces: &[Trace]) -> bool {
    let has = |is: fn(&Trace) -> bool| traces.iter().any(is);
    has(|trace| matches!(trace, Trace::Object(_)))
        && has(|trace| matches!(trace, Trace::Sidecar(_)))
        && has(|trace| *trace == Trace::Row)
        && has(|trace| matches!(trace, Trace::Index(_)))
}

/// What the stores hold of a person: ids of rows, and keys of objects.
pub async fn holdings(
    world: &mut FeatureWorld,
    who: &Who,
) -> StepResult<(BTreeSet<String>, BTreeSet<String>)> {
    let person = world.person(who).await?;
    let stores = world.run.stores()?;
    let asked = BTreeMap::from([(person.name, person.sub.clone())]);
    let figures = stores.figures(&asked).await;
    let figures =
        figures.map_err(|error| StepError::lost_by("the stores cannot be read", &error))?;
    let figures = figures.into_values().next();
    let rows = figures.as_ref().and_then(|figures| figures.manuals.clone());
    let objects = figures.and_then(|figures| figures.objects);
    rows.zip(objects).ok_or_else(|| StepError::lost("rows and objects cannot be read"))
}

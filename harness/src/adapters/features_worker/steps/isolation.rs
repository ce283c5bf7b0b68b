//! Between people: what is somebody else's is not there, and is told of in the same words as what never was.

use manuel_client::Request;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::indexing::job_of;
use super::manuals::listed;
use crate::adapters::emulator_stats;

steps! {
    /// Asks for somebody else's manual by its id.
    Does "{who} reads the manual {text} of {who}" (world, who: Who, name: String, whose: Who) => with(world, who, (name, whose), |id| Request::GetManual { id });

    /// Deletes somebody else's manual by its id.
    Does "{who} deletes the manual {text} of {who}" (world, who: Who, name: String, whose: Who) => with(world, who, (name, whose), |id| Request::DeleteManual { id });

    /// Completes somebody else's announced upload by its id.
    Does "{who} completes the upload of the manual {text} of {who}" (world, who: Who, name: String, whose: Who) => with(world, who, (name, whose), |id| Request::CompleteManual { id });

    /// Looks at the job of somebody else's manual by its id.
    Does "{who} looks at the job of the manual {text} of {who}" (world, who: Who, name: String, whose: Who) => foreign_job(world, who, name, whose);

    /// Asks for something that never was: "reads a manual", "deletes a manual", "completes an upload", "looks at a job".
    Does "{who} {text} that never was" (world, who: Who, what: String) => never_was(world, who, what);

    /// Lists the own manuals from the place where the list of somebody else goes on.
    Does "{who} goes on in the list where that of {who} goes on" (world, who: Who, whose: Who) => go_on(world, who, whose);

    /// Lists the own manuals in pages of a size, or from a place, that cannot be.
    Does "{who} asks for the list with {text}" (world, who: Who, what: String) => odd_list(world, who, what);

    /// The last refusal is, but for its own id, the same to the byte as that of the same request for something that never was.
    Then "{who} is told the same as of something that never was" (world, who: Who) => same_words(world, who);

    /// The last list shows nothing of the other person's.
    Then "{who} sees nothing of {who}" (world, who: Who, whose: Who) => sees_nothing_of(world, who, whose);

    /// The last answer cites nothing of the other person's.
    Then "the answer to {who} cites nothing of {who}" (world, who: Who, whose: Who) => cites_nothing_of(world, who, whose);

    /// Since the stage began, every search of the index was limited to one person's manuals.
    Then "no search looked beyond the manuals of the one who asked" (world) => searches_limited(world);
}

async fn with(
    world: &mut FeatureWorld,
    who: Who,
    (name, whose): (String, Who),
    request: fn(String) -> Request,
) -> StepResult {
    let id = world.manual_id(&whose, &name).await?;
    world.send(&who, request(id)).await.map(drop)
}

async fn foreign_job(world: &mut FeatureWorld, who: Who, name: String, whose: Who) -> StepResult {
    let request = job_of(world, &whose, &name).await?;
    world.send(&who, request).await.map(drop)
}

/// An id that nothing has.
fn nobodys() -> String {
    uuid::Uuid::new_v4().to_string()
}

async fn never_was(world: &mut FeatureWorld, who: Who, what: String) -> StepResult {
    let id = nobodys();
    let request = match what.as_str() {
        "reads a manual" => Request::GetManual { id },
        "deletes a manual" => Request::DeleteManual { id },
        "completes an upload" => Request::CompleteManual { id },
        "looks at a job" => Request::IngestionJob { id },
        _ => {
            return Err(StepError::lost(format!(
                "nothing is done to what never was by \"{what}\""
            )));
        }
    };
    world.send(&who, request).await.map(drop)
}

async fn go_on(world: &mut FeatureWorld, who: Who, whose: Who) -> StepResult {
    let first = Request::ListManuals { limit: Some(1), cursor: None };
    let seen = world.look(&whose, first).await?;
    let cursor =
        if let Parsed::Manuals(list) = &seen.parsed { list.next_cursor.clone() } else { None };
    let missing = || StepError::broken("a list that goes on", seen.summary());
    let cursor = Some(cursor.ok_or_else(missing)?);
    world.send(&who, Request::ListManuals { limit: None, cursor }).await.map(drop)
}

async fn odd_list(world: &mut FeatureWorld, who: Who, what: String) -> StepResult {
    let query = match what.as_str() {
        "no manual a page" => "limit=0",
        "101 manuals a page" => "limit=101",
        "less than no manual a page" => "limit=-1",
        "half a manual a page" => "limit=0.5",
        "many manuals a page" => "limit=many",
        "a place that Manuel never named" => "cursor=bmV2ZXI",
        "a place that is no place" => "cursor=%2e%2e%2f",
        _ => return Err(StepError::lost(format!("no list is asked for with \"{what}\""))),
    };
    let request = Request::Raw {
        method: http::Method::GET,
        path_and_query: format!("/api/manuals?{query}"),
        content_type: None,
        body: bytes::Bytes::new(),
        signed: false,
    };
    world.send(&who, request).await.map(drop)
}

/// A refusal without what is its own: status, names of headers, and the body with a blank for the request's id.
fn words(seen: &Seen) -> StepResult<(u16, Vec<String>, String)> {
    let own = &seen.refusal()?.request_id;
    let mut headers: Vec<String> = seen.exchange.headers.keys().map(ToString::to_string).collect();
    headers.sort();
    let body = String::from_utf8_lossy(&seen.exchange.body).replace(own.as_str(), "");
    Ok((seen.exchange.status, headers, body))
}

/// The request about something that never was.
fn same_of_nothing(request: &Request) -> Option<Request> {
    let id = nobodys();
    if matches!(request, Request::GetManual { .. }) {
        Some(Request::GetManual { id })
    } else if matches!(request, Request::DeleteManual { .. }) {
        Some(Request::DeleteManual { id })
    } else if matches!(request, Request::CompleteManual { .. }) {
        Some(Request::CompleteManual { id })
    } else if matches!(request, Request::IngestionJob { .. }) {
        Some(Request::IngestionJob { id })
    } else {
        None
    }
}

async fn same_words(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?.clone();
    let same = same_of_nothing(&seen.request).ok_or_else(|| {
        StepError::lost(format!("{} asks for nothing by its id", seen.request.kind()))
    })?;
    let never = world.look(&who, same).await?;
    let (told, wanted) = (words(&seen)?, words(&never)?);
    check(told == wanted, format!("{wanted:?}"), format!("{told:?}"))
}

async fn sees_nothing_of(world: &mut FeatureWorld, who: Who, whose: Who) -> StepResult {
    let list = listed(world, &who)?;
    let other = world.person(&whose).await?;
    let foreign: Vec<&str> = list
        .manuals
        .iter()
        .filter(|row| other.manuals.values().any(|id| *id == row.id))
        .map(|row| row.name.as_str())
        .collect();
    check(foreign.is_empty(), format!("nothing of {whose}"), format!("{foreign:?}"))
}

async fn cites_nothing_of(world: &mut FeatureWorld, who: Who, whose: Who) -> StepResult {
    let other = world.person(&whose).await?;
    let seen = world.seen(&who)?;
    let foreign = |source: &&manuel_client::answers::Source| {
        other.manuals.values().any(|id| *id == source.manual_id)
    };
    let none = !seen.answer()?.sources.iter().any(|source| foreign(&source));
    check(none, format!("no source of {whose}"), seen.summary())
}

async fn searches_limited(world: &mut FeatureWorld) -> StepResult {
    let admin = world.run.stage.admin.emulators_url.as_deref();
    let admin = admin.ok_or_else(|| StepError::lost("the stage counts no searches"))?;
    let beyond = emulator_stats::unfiltered_retrieves(admin).await;
    let beyond = beyond.map_err(|error| StepError::lost_by("the counts", &error))?;
    check(beyond == 0, "every search limited to one person", format!("{beyond} without a limit"))
}

//! Manuals: what a person has, lists, reads and deletes; and what is left of them in every store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use manuel_client::Request;
use manuel_client::answers::ManualRow;
use manuel_client::answers::ManualsAnswer;
use manuel_client::contract::Parsed;

use super::super::catalogue::steps;
use super::super::links;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Table;
use super::super::params::Who;
use super::super::shelf;
use super::super::shelf::INDEXED;
use super::super::world::FeatureWorld;
use crate::adapters::poll;
use crate::adapters::poll::Pace;
use crate::adapters::provision::ManualFile;

/// More pages than any list of a scenario has.
const PAGES_MAX: usize = 40;

steps! {
    /// Uploads a manual of the fixtures and waits until it can be asked about.
    Given "{who} has the manual {text}" (world, who: Who, key: String) => has(world, who, key);

    /// The same, under a name of the person's choice.
    Given "{who} has the manual {text} under the name {text}"
        (world, who: Who, key: String, name: String) => has_as(world, who, (key.clone(), key), Some(name));

    /// Uploads the file of a fixture once more; the scenario calls the second manual as is said.
    Given "{who} has the manual {text} a second time, as {text}"
        (world, who: Who, key: String, called: String) => has_as(world, who, (key, called), None);

    /// Uploads a manual of the fixtures; the answer is looked at by other steps.
    Does "{who} uploads the manual {text}" (world, who: Who, key: String) => upload(world, who, key);

    /// Deletes a manual that the person has in this scenario.
    Does "{who} deletes the manual {text}" (world, who: Who, key: String) => delete(world, who, key);

    /// Reads one manual; its link is kept for later steps.
    Does "{who} reads the manual {text}" (world, who: Who, key: String) => read(world, who, key);

    /// Lists the person's manuals.
    Does "{who} lists the manuals" (world, who: Who) => list(world, who);

    /// Walks through the whole list, this many manuals a page.
    Does "{who} lists the manuals in pages of {number}" (world, who: Who, limit: u64) => walk(world, who, limit);

    /// The list has this many manuals.
    Then "{who} sees {number} manual(s)" (world, who: Who, many: u64) => sees(world, who, many);

    /// The walk through the list showed every manual of the person exactly once, on as many pages as it takes.
    Then "{who} has seen every manual once, on {number} page(s)" (world, who: Who, pages: u64) => each_once(world, who, pages);

    /// The list shows exactly these manuals: `name`, `pages` and `status`, in any order.
    Then "{who} sees these manuals:" (world, who: Who, rows: Table) => shows(world, who, rows);

    /// What was asked for is done.
    Then "{who} is told that it is done" (world, who: Who) => async move { world.seen(&who)?.success().map(drop) };

    /// The link of the manual that was read last gives the very bytes that were sent, as what they were said to be.
    Then "the link to the manual {text} gives {who} the file that was sent" (world, key: String, who: Who) => link_gives(world, key, who);

    /// That link gives nothing any more; waits for the store, at most 20 s.
    Then "the link to the manual {text} gives {who} nothing any more" (world, key: String, who: Who) => link_is_dead(world, key, who);

    /// Rows, objects and sidecars of this many manuals, and nothing else.
    Then "{who} has exactly {number} manual(s) in store" (world, who: Who, many: u64) => in_store(world, who, many);

    /// The manual can still be asked about, and every store still holds it.
    Then "the manual {text} of {who} is whole" (world, key: String, who: Who) => whole(world, key, who);

    /// The bucket holds nothing under the person's name; waits, at most 20 s.
    Then "no file of {who} is left" (world, who: Who) => no_file(world, who);

    /// The object, its sidecar, the row and the index entries are gone; waits for the index, at most 20 s.
    Then "nothing is left of the manual {text} of {who}" (world, key: String, who: Who) => nothing_left(world, key, who);
}

async fn upload(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    let file = shelf::fixture(world, &key)?;
    shelf::send(world, &who, (&key, &file), None).await
}

/// A manual that can be asked about, and that every store holds: what is later looked for in vain was there.
pub(super) async fn has(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    has_as(world, who, (key.clone(), key), None).await
}

/// The same of a file of the fixtures that the scenario calls `called`, under another name where there is one.
async fn has_as(
    world: &mut FeatureWorld,
    who: Who,
    (key, called): (String, String),
    filename: Option<String>,
) -> StepResult {
    let file = shelf::fixture(world, &key)?;
    let filename = filename.unwrap_or_else(|| file.filename.clone());
    let file = ManualFile { filename, ..file };
    shelf::send(world, &who, (&called, &file), None).await?;
    world.seen(&who)?.success()?;
    whole(world, called, who).await
}

async fn whole(world: &mut FeatureWorld, key: String, who: Who) -> StepResult {
    shelf::ready(world, &who, &key).await?;
    if world.run.stores.is_none() {
        return Ok(());
    }
    let traces = shelf::traces(world, &who, &key).await?;
    let expected = format!("object, sidecar, row and passages of \"{key}\"");
    check(shelf::is_whole(&traces), expected, format!("{traces:?}"))
}

async fn delete(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    let id = world.manual_id(&who, &key).await?;
    world.send(&who, Request::DeleteManual { id }).await.map(drop)
}

async fn read(world: &mut FeatureWorld, who: Who, key: String) -> StepResult {
    let id = world.manual_id(&who, &key).await?;
    let seen = world.send(&who, Request::GetManual { id }).await?;
    if let Parsed::Manual(manual) = &seen.parsed {
        let link = manual.download_url.clone();
        world.kept.insert(link_of(&who, &key), link);
    }
    Ok(())
}

fn link_of(who: &Who, key: &str) -> String {
    format!("link of {who} to {key}")
}

async fn link_gives(world: &mut FeatureWorld, key: String, who: Who) -> StepResult {
    use sha2::Digest as _;
    let sent = shelf::sent(world, &who, &key).await?;
    let given = links::get(world.kept(&link_of(&who, &key))?).await?;
    let sha256 = hex::encode(sha2::Sha256::digest(&given.body));
    let same = given.is_success() && sha256 == sent.sha256;
    check(same, format!("the {} bytes of \"{key}\"", sent.size), given.summary())?;
    let wanted = shelf::fixture(world, &key).map(|file| file.content_type).ok();
    let told = given.content_type.clone();
    let held = wanted.is_none() || wanted == told;
    check(held, format!("a file of type {wanted:?}"), format!("one of type {told:?}"))
}

async fn link_is_dead(world: &mut FeatureWorld, key: String, who: Who) -> StepResult {
    let link = world.kept(&link_of(&who, &key))?.to_owned();
    let waited = poll::until(Pace::patient(INDEXED), "no answer".to_owned(), async || {
        match links::get(&link).await {
            Ok(given) if given.is_success() => ControlFlow::Continue(given.summary()),
            Ok(_refused) => ControlFlow::Break(Ok(())),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    });
    waited.await.unwrap_or_else(|expired| {
        Err(StepError::broken("a link that gives nothing", expired.last_seen))
    })
}

async fn list(world: &mut FeatureWorld, who: Who) -> StepResult {
    world.send(&who, Request::ListManuals { limit: None, cursor: None }).await.map(drop)
}

/// The manuals of the person's last answer, which must be a list.
pub(super) fn listed(world: &FeatureWorld, who: &Who) -> StepResult<ManualsAnswer> {
    let seen = world.seen(who)?;
    let Parsed::Manuals(list) = &seen.parsed else {
        return Err(StepError::broken("a list of manuals", seen.summary()));
    };
    Ok(list.clone())
}

async fn walk(world: &mut FeatureWorld, who: Who, limit: u64) -> StepResult {
    let limit = u32::try_from(limit).ok();
    let (mut ids, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        world.send(&who, Request::ListManuals { limit, cursor }).await?;
        let page = listed(world, &who)?;
        pages += 1;
        let fits = limit.is_none_or(|limit| page.count <= u64::from(limit));
        check(fits, format!("at most {limit:?} manuals a page"), page.count.to_string())?;
        ids.extend(page.manuals.into_iter().map(|row| row.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
        if pages == PAGES_MAX {
            return Err(StepError::broken("an end of the list", format!("{PAGES_MAX} pages")));
        }
    }
    world.kept.insert("listed".to_owned(), ids.join(" "));
    world.kept.insert("pages".to_owned(), pages.to_string());
    Ok(())
}

async fn each_once(world: &mut FeatureWorld, who: Who, pages: u64) -> StepResult {
    let person = world.person(&who).await?;
    let mut listed: Vec<&str> = world.kept("listed")?.split_whitespace().collect();
    listed.sort_unstable();
    let mut own: Vec<&str> = person.manuals.values().map(String::as_str).collect();
    own.sort_unstable();
    check(listed == own, format!("each of {} manuals once", own.len()), format!("{listed:?}"))?;
    let seen = world.kept("pages")?;
    check(seen == pages.to_string(), format!("{pages} pages"), format!("{seen} pages"))
}

async fn sees(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let list = listed(world, &who)?;
    let held = list.manuals.len() as u64 == many && list.count == many;
    check(held, format!("{many} manuals"), world.seen(&who)?.summary())
}

async fn shows(world: &mut FeatureWorld, who: Who, rows: Table) -> StepResult {
    let list = listed(world, &who)?;
    let pages = |row: &ManualRow| row.pages.map_or("-".to_owned(), |pages| pages.to_string());
    let line = |row: &ManualRow| vec![row.name.clone(), pages(row), row.status.clone()];
    let mut seen: Vec<Vec<String>> = list.manuals.iter().map(line).collect();
    let mut wanted: Vec<Vec<String>> = rows.0.into_iter().skip(1).collect();
    seen.sort();
    wanted.sort();
    check(seen == wanted, format!("{wanted:?}"), format!("{seen:?}"))?;
    let person = world.person(&who).await?;
    for row in &list.manuals {
        let name = person.manuals.iter().find(|(_, id)| **id == row.id).map(|(name, _)| name);
        let sent = name.and_then(|name| person.sent.get(name));
        let same = sent.is_some_and(|sent| sent.size == row.size && sent.name == row.name);
        check(same, format!("name and size of {sent:?}"), format!("{row:?}"))?;
    }
    Ok(())
}

async fn in_store(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let (rows, objects) = shelf::holdings(world, &who).await?;
    let of_rows = |key: &String| rows.iter().any(|id| key.contains(id.as_str()));
    let held = rows.len() as u64 == many
        && objects.len() as u64 == 2 * many
        && objects.iter().all(of_rows);
    let expected = format!("{many} rows, each with its object and its sidecar");
    check(held, expected, format!("rows {rows:?}, objects {objects:?}"))
}

async fn no_file(world: &mut FeatureWorld, who: Who) -> StepResult {
    let person = world.person(&who).await?;
    let stores = world.run.stores()?;
    let waited = poll::until(Pace::sparing(INDEXED), BTreeSet::new(), async || {
        match stores.objects_of(&person.sub).await {
            Ok(left) if left.is_empty() => ControlFlow::Break(Ok(())),
            Ok(left) => ControlFlow::Continue(left),
            Err(error) => {
                ControlFlow::Break(Err(StepError::lost_by("the bucket cannot be read", &error)))
            }
        }
    });
    waited.await.unwrap_or_else(|expired| {
        Err(StepError::broken("no file left in the bucket", format!("{:?}", expired.last_seen)))
    })
}

async fn nothing_left(world: &mut FeatureWorld, key: String, who: Who) -> StepResult {
    let id = world.manual_id(&who, &key).await?;
    let person = world.person(&who).await?;
    let words = shelf::words(world, &who, &key).await?;
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

//! Uploads: files of every kind and size, names, and the same upload again.

use bytes::Bytes;
use manuel_client::Request;
use manuel_client::contract::Parsed;
use proptest::strategy::Strategy as _;

use super::super::catalogue::steps;
use super::super::files;
use super::super::generated::Generated;
use super::super::generated::around;
use super::super::generated::text_of;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::seen::Seen;
use super::super::shelf;
use super::super::world::FeatureWorld;
use crate::adapters::provision::ManualFile;

/// What a feature calls a name, and the name.
type Named = (&'static str, fn() -> String);

/// The names.
const NAMES: &[Named] = &[
    ("255 letters", || "a".repeat(255)),
    ("256 letters", || "a".repeat(256)),
    ("255 letters of two bytes each", || "ü".repeat(255)),
    ("255 emoji", || "📘".repeat(255)),
    ("256 emoji", || "📘".repeat(256)),
    ("255 letters between blanks", || format!("  {} ", "a".repeat(255))),
    ("nothing", String::new),
    ("nothing but blanks", || " \t ".to_owned()),
    ("a line end within", || "a\nb.md".to_owned()),
    ("a zero byte within", || "a\0b.md".to_owned()),
    ("letters that turn the text around", || "invoice\u{202e}fdp.exe".to_owned()),
    ("a hidden line end within", || "a\u{2028}b.md".to_owned()),
];

steps! {
    /// Uploads a file that a feature has words for, as "a scanned PDF"; the answer is looked at by other steps.
    Does "{who} uploads {text}" (world, who: Who, file: String) => upload(world, who, file);

    /// Uploads such a file and waits until it can be asked about.
    Given "{who} has the file {text}" (world, who: Who, file: String) => has(world, who, file);

    /// Uploads a PDF of exactly this many bytes.
    Does "{who} uploads a PDF of {number} bytes" (world, who: Who, size: u64) => upload_sized(world, who, size, files::pdf_of);

    /// Uploads a text of exactly this many bytes.
    Does "{who} uploads a text of {number} bytes" (world, who: Who, size: u64) => upload_sized(world, who, size, files::markdown_of);

    /// Uploads a note under a name of this description.
    Does "{who} uploads a note whose name is {text}" (world, who: Who, name: String) => upload_described(world, who, name);

    /// Uploads a note under exactly this name.
    Does "{who} uploads a note called {text}" (world, who: Who, name: String) => upload_called(world, who, name);

    /// Uploads a file whose bytes are no base64 any more.
    Does "{who} uploads a file that was garbled on its way" (world, who: Who) => upload_garbled(world, who);

    /// Uploads a manual of the fixtures with an idempotency key: the same key and file are the same manual.
    Does "{who} uploads the manual {text} with the key {text}"
        (world, who: Who, manual: String, key: String) => upload_with_key(world, who, manual, key);

    /// The same, so many times at the same moment.
    Does "{who} uploads the manual {text} with the key {text} {number} times at once"
        (world, who: Who, manual: String, key: String, times: u64) => upload_at_once(world, who, (manual, key), times);

    /// The same with a key of so many characters.
    Does "{who} uploads the manual {text} with a key of {number} characters"
        (world, who: Who, manual: String, length: u64) => upload_with_long_key(world, who, manual, length);

    /// Uploads so many notes, each another, one after the other.
    Given "{who} has uploaded {number} note(s)" (world, who: Who, many: u64) => notes(world, who, many);

    /// Uploads so many notes, each another, at the same moment; each has to be taken.
    Does "{who} uploads {number} notes at once" (world, who: Who, many: u64) => notes_at_once(world, who, many);

    /// The manual was taken, and is named, sized and summed as it was sent.
    Then "{who} is told that the manual is taken" (world, who: Who) => taken(world, who);

    /// Every one of the uploads at once was taken, and all of them are one manual.
    Then "{who} is told of one and the same manual every time" (world, who: Who) => same_every_time(world, who);

    /// The last upload was answered with the manual that the scenario calls so.
    Then "{who} is told of the manual {text} again" (world, who: Who, name: String) => told_again(world, who, name, true);

    /// The last upload was taken, and is another manual than the one that the scenario calls so.
    Then "{who} is told of another manual than {text}" (world, who: Who, name: String) => told_again(world, who, name, false);

    /// Names of up to 255 characters in many scripts, drawn from the run's seed: each is listed as it was given.
    Then "any name that {who} gives a note is kept as it is" (world, who: Who) => any_name(world, who);

    /// Sizes around the largest upload, drawn from the run's seed: each is taken or refused by its size alone.
    Then "any size of a PDF of {who} is taken up to {number} bytes and refused beyond"
        (world, who: Who, limit: u64) => any_size(world, who, limit);
}

async fn upload(world: &mut FeatureWorld, who: Who, file: String) -> StepResult {
    let found = files::described(&file);
    let found = found.ok_or_else(|| {
        let known = files::descriptions();
        StepError::lost(format!("no file is called \"{file}\"; there are: {known}"))
    })?;
    shelf::send(world, &who, (&file, &found), None).await
}

async fn has(world: &mut FeatureWorld, who: Who, file: String) -> StepResult {
    upload(world, who.clone(), file.clone()).await?;
    world.seen(&who)?.success()?;
    shelf::ready(world, &who, &file).await
}

async fn upload_sized(
    world: &mut FeatureWorld,
    who: Who,
    size: u64,
    make: fn(usize) -> Option<ManualFile>,
) -> StepResult {
    let file = usize::try_from(size).ok().and_then(make);
    let file = file.ok_or_else(|| StepError::lost(format!("{size} bytes make no such file")))?;
    shelf::send(world, &who, (&format!("{size} bytes"), &file), None).await
}

async fn upload_described(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    let known = NAMES.iter().find(|(words, _)| *words == name);
    let (_, make) = known.ok_or_else(|| {
        let known: Vec<&str> = NAMES.iter().map(|(words, _)| *words).collect();
        StepError::lost(format!("no name is described so; there are: {}", known.join(", ")))
    })?;
    upload_named(world, &who, &name, make()).await
}

async fn upload_called(world: &mut FeatureWorld, who: Who, name: String) -> StepResult {
    upload_named(world, &who, &name.clone(), name).await
}

async fn upload_named(
    world: &mut FeatureWorld,
    who: &Who,
    called: &str,
    filename: String,
) -> StepResult {
    let file = ManualFile { filename, ..files::note(world.run.next()) };
    world.kept.insert("name".to_owned(), file.filename.trim().to_owned());
    shelf::send(world, who, (called, &file), None).await
}

async fn upload_garbled(world: &mut FeatureWorld, who: Who) -> StepResult {
    let body = br#"{"filename":"a.md","content_type":"text/markdown","file_data":"IyBh*Q=="}"#;
    let request = Request::Raw {
        method: http::Method::POST,
        path_and_query: "/api/manuals/upload".to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from_static(body),
        signed: true,
    };
    world.send(&who, request).await.map(drop)
}

async fn upload_with_key(
    world: &mut FeatureWorld,
    who: Who,
    manual: String,
    key: String,
) -> StepResult {
    let file = shelf::fixture(world, &manual)?;
    // What the scenario knows as this manual stays what it was the first time: a later step compares.
    let known = world.person(&who).await?.manuals.contains_key(&manual);
    let called = if known { format!("{manual}, again") } else { manual };
    shelf::send(world, &who, (&called, &file), Some(&key)).await
}

async fn upload_with_long_key(
    world: &mut FeatureWorld,
    who: Who,
    manual: String,
    length: u64,
) -> StepResult {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    upload_with_key(world, who, manual, "k".repeat(length)).await
}

async fn upload_at_once(
    world: &mut FeatureWorld,
    who: Who,
    (manual, key): (String, String),
    times: u64,
) -> StepResult {
    let file = shelf::fixture(world, &manual)?;
    let requests = (0..times).map(|_| shelf::upload_of(&file, Some(&key))).collect();
    send_all(world, &who, requests, |_| manual.clone()).await
}

/// Sends uploads at once; the scenario knows them by the names that `called` gives their places.
async fn send_all(
    world: &mut FeatureWorld,
    who: &Who,
    requests: Vec<Request>,
    called: impl Fn(usize) -> String,
) -> StepResult {
    world.send_at_once(who, requests).await?;
    let ids: Vec<Option<String>> = ids(world, who)?;
    let taken = ids.into_iter().enumerate().filter_map(|(place, id)| Some((place, id?)));
    let mut known: Vec<String> = Vec::new();
    for (place, id) in taken {
        let name = called(place);
        let name = if known.contains(&name) { format!("{name}, {place}") } else { name };
        known.push(name.clone());
        world.change(who, |person| drop(person.manuals.insert(name, id))).await?;
    }
    Ok(())
}

/// The manuals of a burst, in its order; none where an upload was refused.
fn ids(world: &FeatureWorld, who: &Who) -> StepResult<Vec<Option<String>>> {
    let id = |seen: &Seen| {
        if let Parsed::Uploaded(taken) = &seen.parsed {
            Some(taken.manual_id.clone())
        } else {
            None
        }
    };
    Ok(world.burst(who)?.iter().map(id).collect())
}

async fn notes(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    for number in 1..=many {
        shelf::send(world, &who, (&format!("note {number}"), &files::note(number)), None).await?;
        world.seen(&who)?.success()?;
    }
    Ok(())
}

async fn notes_at_once(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let requests = (1..=many).map(|number| shelf::upload_of(&files::note(number), None)).collect();
    send_all(world, &who, requests, |place| format!("note {}", place + 1)).await?;
    let refused = world.burst(&who)?.iter().find(|seen| seen.success().is_err());
    match refused {
        Some(seen) => Err(StepError::broken("every note taken", seen.summary())),
        None => Ok(()),
    }
}

async fn taken(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    let Parsed::Uploaded(answer) = &seen.parsed else {
        return Err(StepError::broken("a manual that is taken", seen.summary()));
    };
    // Size and checksum are the contract's: every answer to an upload is compared with what was sent.
    let wanted = if let Some(name) = world.kept.get("name") {
        name.as_str()
    } else if let Request::UploadManual { filename, .. } = &seen.request {
        filename.trim()
    } else {
        answer.name.as_str()
    };
    check(answer.name == wanted, format!("a manual called {wanted:?}"), seen.summary())
}

async fn same_every_time(world: &mut FeatureWorld, who: Who) -> StepResult {
    let ids = ids(world, &who)?;
    let first = ids.first().cloned().flatten();
    let same = first.is_some() && ids.iter().all(|id| *id == first);
    check(same, format!("{} times one manual", ids.len()), format!("{ids:?}"))
}

async fn told_again(world: &mut FeatureWorld, who: Who, name: String, same: bool) -> StepResult {
    let known = world.manual_id(&who, &name).await?;
    let seen = world.seen(&who)?;
    let Parsed::Uploaded(answer) = &seen.parsed else {
        return Err(StepError::broken("a manual that is taken", seen.summary()));
    };
    let expected = if same { "the manual of before" } else { "another manual" };
    let held = (answer.manual_id == known) == same;
    check(held, format!("{expected} ({known})"), seen.summary())
}

async fn any_name(world: &mut FeatureWorld, who: Who) -> StepResult {
    let names = (1..=255_usize).prop_flat_map(text_of);
    let generated = Generated::of(world);
    let held = generated.hold(names, async |case, name: String| {
        let called = format!("name {case}");
        upload_named(world, &who, &called, name.clone()).await?;
        world.seen(&who)?.success()?;
        let id = world.manual_id(&who, &called).await?;
        let seen = world.look(&who, Request::GetManual { id }).await?;
        let Parsed::Manual(manual) = &seen.parsed else {
            return Err(StepError::broken("the manual", seen.summary()));
        };
        let told = &manual.row.name;
        check(*told == name, format!("the name {name:?}"), format!("{told:?}"))
    });
    held.await
}

async fn any_size(world: &mut FeatureWorld, who: Who, limit: u64) -> StepResult {
    let around = around(usize::try_from(limit).unwrap_or(usize::MAX), 60_000);
    let generated = Generated::of(world).cases(6);
    let held = generated.hold(around, async |_, size: usize| {
        let size = size as u64;
        upload_sized(world, who.clone(), size, files::pdf_of).await?;
        let seen = world.seen(&who)?;
        if size <= limit {
            check(seen.success().is_ok(), format!("{size} bytes taken"), seen.summary())
        } else {
            seen.refused_with(413, "file_too_large").map(drop)
        }
    });
    held.await
}

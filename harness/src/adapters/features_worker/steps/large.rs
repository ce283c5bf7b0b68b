//! Large manuals: announced, put where a link leads, and completed.

use std::collections::BTreeMap;

use manuel_client::Request;
use manuel_client::contract::Parsed;
use sha2::Digest as _;
use sha2::Sha256;

use super::super::catalogue::steps;
use super::super::files;
use super::super::links;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::shelf;
use super::super::world::FeatureWorld;
use crate::adapters::provision::ManualFile;

/// What scenarios call the manual that was announced last.
const LARGE: &str = "large";
/// Where the answer of the store stands.
const PUT: &str = "put";
/// A size that is announced where no size matters.
const USUAL: usize = 4_194_305;

steps! {
    /// Announces a PDF of exactly this many bytes; the scenario calls the manual "large".
    Does "{who} announces a manual of {number} bytes" (world, who: Who, size: u64) => announce(world, who, size, None);

    /// The same with an idempotency key.
    Does "{who} announces a manual of {number} bytes with the key {text}"
        (world, who: Who, size: u64, key: String) => announce(world, who, size, Some(key));

    /// Announces a manual with one thing wrong: "no name", "a checksum that is cut off" and the like.
    Does "{who} announces a manual with {text}" (world, who: Who, wrong: String) => announce_wrongly(world, who, wrong);

    /// Announces a PDF; its file is text.
    Does "{who} announces text as a PDF" (world, who: Who) => announce_text(world, who);

    /// Puts the announced file where the link leads.
    Does "{who} puts the file where the link leads" (world, who: Who) => put(world, who, |file| file);

    /// Puts another file there: "one that differs in its last byte", "one that is a byte longer", "one that is a byte shorter".
    Does "{who} puts {text} where the link leads" (world, who: Who, other: String) => put_other(world, who, other);

    /// Says that the file is there.
    Does "{who} completes the upload" (world, who: Who) => complete(world, who);

    /// Announces a PDF of so many bytes, puts it and completes it, and waits until it can be asked about.
    Given "{who} has a manual of {number} bytes that came by a link" (world, who: Who, size: u64) => has_large(world, who, size);

    /// The announcement was taken and answered with a link.
    Then "{who} is given a link" (world, who: Who) => given_link(world, who);

    /// The announcements so far were of one and the same manual.
    Then "{who} has announced one manual" (world, who: Who) => announced_one(world, who);

    /// The store took what was put.
    Then "the link takes it" (world) => settled(world, true);

    /// The store refused what was put.
    Then "the link refuses it" (world) => settled(world, false);
}

fn file_of(size: u64) -> StepResult<ManualFile> {
    let file = usize::try_from(size).ok().and_then(files::pdf_of);
    file.ok_or_else(|| StepError::lost(format!("{size} bytes make no PDF")))
}

/// The request that announces a file.
fn announcement(file: &ManualFile, key: Option<String>) -> Request {
    Request::AnnounceManual {
        filename: file.filename.clone(),
        content_type: file.content_type.clone(),
        size: file.bytes.len() as u64,
        sha256: hex::encode(Sha256::digest(&file.bytes)),
        idempotency_key: key,
    }
}

async fn announce(
    world: &mut FeatureWorld,
    who: Who,
    size: u64,
    key: Option<String>,
) -> StepResult {
    world.kept.insert("announced".to_owned(), size.to_string());
    announce_file(world, &who, &file_of(size)?, key).await
}

async fn announce_text(world: &mut FeatureWorld, who: Who) -> StepResult {
    let file = text_as_pdf()?;
    world.kept.insert("announced".to_owned(), "text".to_owned());
    announce_file(world, &who, &file, None).await
}

fn text_as_pdf() -> StepResult<ManualFile> {
    let text = files::markdown_of(USUAL).ok_or_else(|| StepError::lost("no text of that size"))?;
    Ok(ManualFile { filename: "a.pdf".to_owned(), content_type: files::PDF.to_owned(), ..text })
}

/// The file that was announced last, made again: a scenario keeps no fifty megabytes.
fn announced(world: &FeatureWorld) -> StepResult<ManualFile> {
    match world.kept("announced")? {
        "text" => text_as_pdf(),
        size => file_of(size.parse().unwrap_or(0)),
    }
}

async fn announce_file(
    world: &mut FeatureWorld,
    who: &Who,
    file: &ManualFile,
    key: Option<String>,
) -> StepResult {
    let seen = world.send(who, announcement(file, key)).await?;
    let Parsed::Announced(slot) = &seen.parsed else { return Ok(()) };
    let slot = slot.clone();
    let headers: Vec<String> =
        slot.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    world.kept.insert("link".to_owned(), slot.upload_url);
    world.kept.insert("headers".to_owned(), headers.join("\n"));
    let before = world.person(who).await?.manuals.get(LARGE).cloned();
    world.kept.insert("announced before".to_owned(), before.unwrap_or_default());
    world.change(who, |person| drop(person.manuals.insert(LARGE.to_owned(), slot.manual_id))).await
}

/// What is wrong with an announcement → the announcement.
fn wrong_announcement(wrong: &str, right: Request) -> Option<Request> {
    let Request::AnnounceManual { mut filename, mut content_type, size, mut sha256, .. } = right
    else {
        return None;
    };
    match wrong {
        "no name" => " ".clone_into(&mut filename),
        "a name of 256 letters" => filename = "a".repeat(256),
        "a type that is not taken" => "image/png".clone_into(&mut content_type),
        "a checksum that is cut off" => sha256.truncate(63),
        "a checksum that is too long" => sha256.push('0'),
        "a checksum that is none" => sha256 = "g".repeat(64),
        _ => return None,
    }
    Some(Request::AnnounceManual { filename, content_type, size, sha256, idempotency_key: None })
}

async fn announce_wrongly(world: &mut FeatureWorld, who: Who, wrong: String) -> StepResult {
    let right = announcement(&file_of(USUAL as u64)?, None);
    let request = wrong_announcement(&wrong, right);
    let request =
        request.ok_or_else(|| StepError::lost(format!("nothing is wrong with \"{wrong}\"")))?;
    world.send(&who, request).await.map(drop)
}

async fn put_other(world: &mut FeatureWorld, who: Who, other: String) -> StepResult {
    let change: fn(Vec<u8>) -> Vec<u8> = match other.as_str() {
        "one that differs in its last byte" => |mut bytes| {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            bytes
        },
        "one that is a byte longer" => |mut bytes| {
            bytes.push(b'\n');
            bytes
        },
        "one that is a byte shorter" => |mut bytes| {
            bytes.pop();
            bytes
        },
        _ => return Err(StepError::lost(format!("no other file is called \"{other}\""))),
    };
    put(world, who, change).await
}

async fn put(world: &mut FeatureWorld, who: Who, change: fn(Vec<u8>) -> Vec<u8>) -> StepResult {
    world.manual_id(&who, LARGE).await?;
    let file = announced(world)?;
    let bytes = change(file.bytes.to_vec());
    let headers = world.kept("headers")?.lines().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let answer = links::put(world.kept("link")?, &headers, bytes.into()).await?;
    let put = format!("{} {}", answer.is_success(), answer.summary());
    world.kept.insert(PUT.to_owned(), put);
    Ok(())
}

async fn settled(world: &mut FeatureWorld, took: bool) -> StepResult {
    let put = world.kept(PUT)?;
    let expected = if took { "a store that takes the file" } else { "a store that refuses it" };
    check(put.starts_with(&took.to_string()), expected, put)
}

async fn complete(world: &mut FeatureWorld, who: Who) -> StepResult {
    let id = world.manual_id(&who, LARGE).await?;
    let file = announced(world)?;
    let seen = world.send(&who, Request::CompleteManual { id }).await?;
    if let Parsed::Uploaded(taken) = &seen.parsed {
        let same = taken.size == file.bytes.len() as u64
            && taken.sha256 == hex::encode(Sha256::digest(&file.bytes))
            && taken.name == file.filename;
        check(same, "name, size and checksum as announced", seen.summary())?;
    }
    let words = shelf::words_of(world, &file);
    shelf::note(world, &who, LARGE, words).await
}

async fn has_large(world: &mut FeatureWorld, who: Who, size: u64) -> StepResult {
    announce(world, who.clone(), size, None).await?;
    put(world, who.clone(), |file| file).await?;
    settled(world, true).await?;
    complete(world, who.clone()).await?;
    world.seen(&who)?.success()?;
    shelf::ready(world, &who, LARGE).await
}

async fn announced_one(world: &mut FeatureWorld, who: Who) -> StepResult {
    let id = world.manual_id(&who, LARGE).await?;
    let before = world.kept("announced before")?;
    check(id == before, format!("the manual {before} again"), id.clone())
}

async fn given_link(world: &mut FeatureWorld, who: Who) -> StepResult {
    let seen = world.seen(&who)?;
    check(matches!(seen.parsed, Parsed::Announced(_)), "a link for the file", seen.summary())
}

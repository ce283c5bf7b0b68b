//! Spoken questions and transcriptions: what was heard, and that nothing of it stays anywhere.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use manuel_client::Request;
use manuel_client::contract::Parsed;
use serde_json::json;

use super::super::catalogue::steps;
use super::super::generated::Generated;
use super::super::generated::any_case;
use super::super::generated::around;
use super::super::generated::stand_in;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::outcome::check;
use super::super::params::Who;
use super::super::recording::Recording;
use super::super::seen::Seen;
use super::super::world::FeatureWorld;
use super::quota;
use super::recordings::recording;
use crate::adapters::poll;
use crate::adapters::poll::Pace;

/// A job that is at work cannot be deleted: Manuel goes on trying for 15 s after its answer.
const CLEANED_UP: Duration = Duration::from_secs(20);
/// Values of a step whose every value is a job or some megabytes.
const FEW: u32 = 5;
/// Bytes, or milliseconds, to either side of a limit.
const REACH: usize = 100;

steps! {
    /// Asks a spoken question with the recording that the person has.
    Does "{who} asks with the recording" (world, who: Who) => ask(world, who);

    /// Has the recording written down, without a question.
    Does "{who} has the recording written down" (world, who: Who) => write_down(world, who);

    /// A question that is both typed and spoken.
    Does "{who} asks with the recording and types {text}" (world, who: Who, question: String) => ask_both(world, who, question);

    /// A recording of which the transport has left nothing that can be read.
    Does "{who} asks with a recording that was garbled on its way" (world, who: Who) => ask_garbled(world, who);

    /// What was heard, character by character.
    Then "{who} was heard to say {text}" (world, who: Who, words: String) => async move {
        heard(world.seen(&who)?, &words)
    };

    /// What was heard is what the recording says, character by character.
    Then "{who} was understood" (world, who: Who) => async move {
        let words = recording(world, &who)?.says;
        heard(world.seen(&who)?, &words)
    };

    /// Neither recording nor transcript nor job is left of anything that was sent in the scenario; waits, at most 20 s.
    Then "nothing is left of the recordings of {who}" (world, who: Who) => nothing_left(world, &who);

    /// What the last answer says was listened to, as it is paid for.
    Then "the answer to {who} is charged for {number} second(s) of listening" (world, who: Who, seconds: u64) => listened(world, who, seconds);

    /// The list of days has this many transcriptions, and no other figure in their place.
    Then "{who} sees {number} transcription(s) under today's date" (world, who: Who, many: u64) => under_today(world, who, many);

    /// For recordings of sizes around the limit: taken and charged up to it, refused for free above it.
    Then "recordings of {who} are taken up to exactly {number} bytes" (world, who: Who, limit: u64) => up_to_bytes(world, who, limit);

    /// For recordings of lengths around the limit: taken and charged from it on, refused for free below it.
    Then "recordings of {who} are taken from exactly {number} milliseconds on" (world, who: Who, limit: u64) => from_milliseconds(world, who, limit);

    /// For spellings of the type in upper and lower case: each is taken.
    Then "the recording of {who} is taken however its type is written" (world, who: Who) => any_spelling(world, who);
}

/// Sends a recording, when few others are under way: Manuel has so many places for them, and says so where they are taken.
async fn send<'w>(
    world: &'w mut FeatureWorld,
    who: &Who,
    request: Request,
) -> StepResult<&'w Seen> {
    let run = Arc::clone(&world.run);
    let place = run.voice_places.acquire().await;
    let _place = place.map_err(|error| StepError::lost_by("no place for a recording", &error))?;
    world.send(who, request).await
}

async fn ask(world: &mut FeatureWorld, who: Who) -> StepResult {
    let Recording { content_type, bytes, .. } = recording(world, &who)?;
    send(world, &who, Request::VoiceQuery { content_type, bytes }).await.map(drop)
}

async fn write_down(world: &mut FeatureWorld, who: Who) -> StepResult {
    let recording = recording(world, &who)?;
    transcribe(world, &who, recording).await.map(drop)
}

async fn transcribe<'w>(
    world: &'w mut FeatureWorld,
    who: &Who,
    recording: Recording,
) -> StepResult<&'w Seen> {
    let Recording { content_type, bytes, .. } = recording;
    let filename = Some("question".to_owned());
    send(world, who, Request::Transcribe { content_type, bytes, filename }).await
}

async fn ask_both(world: &mut FeatureWorld, who: Who, question: String) -> StepResult {
    let Recording { content_type, bytes, .. } = recording(world, &who)?;
    let data = STANDARD.encode(bytes);
    let body = json!({"question": question, "file_data": data, "content_type": content_type});
    raw(world, &who, body.to_string()).await
}

async fn ask_garbled(world: &mut FeatureWorld, who: Who) -> StepResult {
    let body = json!({"file_data": "UklGR%%%", "content_type": "audio/wav"});
    raw(world, &who, body.to_string()).await
}

async fn raw(world: &mut FeatureWorld, who: &Who, body: String) -> StepResult {
    let request = Request::Raw {
        method: Method::POST,
        path_and_query: "/api/query".to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from(body),
        signed: false,
    };
    send(world, who, request).await.map(drop)
}

fn heard(seen: &Seen, words: &str) -> StepResult {
    let text = if let Parsed::Query(query) = &seen.parsed {
        &query.question
    } else if let Parsed::Transcribed(transcribed) = &seen.parsed {
        &transcribed.transcription
    } else {
        return Err(StepError::broken(format!("\"{words}\" heard"), seen.summary()));
    };
    check(text == words, format!("\"{words}\" heard"), format!("\"{text}\""))
}

async fn nothing_left(world: &mut FeatureWorld, who: &Who) -> StepResult {
    let person = world.person(who).await?;
    let ids = world.requests.iter().filter_map(|request| request.request_id.clone());
    let ids: Vec<String> = ids.collect();
    let stores = world.run.stores()?;
    let waited = poll::until(Pace::sparing(CLEANED_UP), Vec::new(), async || {
        match stores.spoken_of(&person.sub, &ids).await {
            Ok(left) if left.is_empty() => ControlFlow::Break(Ok(())),
            Ok(left) => ControlFlow::Continue(left),
            Err(error) => {
                ControlFlow::Break(Err(StepError::lost_by("the stores cannot be read", &error)))
            }
        }
    });
    waited.await.unwrap_or_else(|expired| {
        let expected = format!("no recording, transcript or job left within {CLEANED_UP:?}");
        Err(StepError::broken(expected, format!("{:?}", expired.last_seen)))
    })
}

async fn listened(world: &mut FeatureWorld, who: Who, seconds: u64) -> StepResult {
    let seen = world.seen(&who)?;
    let cost = if let Parsed::Query(query) = &seen.parsed {
        &query.cost
    } else if let Parsed::Transcribed(transcribed) = &seen.parsed {
        &transcribed.cost
    } else {
        return Err(StepError::broken("an answer with its cost", seen.summary()));
    };
    let mut parts = cost.cost_breakdown.iter().filter(|part| part.service == "transcribe");
    let held = parts.next().is_some_and(|part| {
        // Amounts are kept in trillionths.
        part.unit == "second" && part.quantity.pico() == i128::from(seconds) * 1_000_000_000_000
    });
    let expected = format!("one part of the cost for {seconds} seconds");
    check(held && parts.next().is_none(), expected, format!("{cost:?}"))
}

async fn under_today(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let usage = quota::usage(world, &who).await?;
    let counted: u64 = usage.days.iter().map(|day| day.transcriptions).sum();
    let asked: u64 = usage.days.iter().map(|day| day.queries).sum();
    let held = counted == many && asked == usage.figures.daily_used.saturating_sub(many);
    check(held, format!("{many} transcriptions"), format!("{usage:?}"))
}

async fn up_to_bytes(world: &mut FeatureWorld, who: Who, limit: u64) -> StepResult {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let sizes = Generated::of(world).cases(FEW);
    sizes
        .hold(around(limit, REACH), async |case, bytes| {
            let recording = Recording::of_bytes(bytes, "How do I tune a violin?")?;
            let refusal = (bytes > limit).then_some((413, "audio_too_large"));
            taken(world, &stand_in(&who, case), recording, refusal).await
        })
        .await
}

async fn from_milliseconds(world: &mut FeatureWorld, who: Who, limit: u64) -> StepResult {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let lengths = Generated::of(world).cases(FEW);
    lengths
        .hold(around(limit, REACH), async |case, long| {
            let recording = Recording::lasting(long as u64, "How do I tune a violin?")?;
            let refusal = (long < limit).then_some((422, "audio_too_short"));
            taken(world, &stand_in(&who, case), recording, refusal).await
        })
        .await
}

async fn any_spelling(world: &mut FeatureWorld, who: Who) -> StepResult {
    let recording = recording(world, &who)?;
    let spellings = Generated::of(world).cases(FEW);
    spellings
        .hold(any_case("audio/wav; codecs=1"), async |case, content_type| {
            let recording = Recording { content_type, ..recording.clone() };
            taken(world, &stand_in(&who, case), recording, None).await
        })
        .await
}

/// A recording that is written down and charged, or refused for free; nothing of it stays either way.
async fn taken(
    world: &mut FeatureWorld,
    who: &Who,
    recording: Recording,
    refusal: Option<(u16, &str)>,
) -> StepResult {
    let says = recording.says.clone();
    let seen = transcribe(world, who, recording).await?;
    match refusal {
        None => heard(seen, &says)?,
        Some((status, code)) => drop(seen.refused_with(status, code)?),
    }
    nothing_left(world, who).await?;
    quota::charged(world, who.clone(), u64::from(refusal.is_none())).await
}

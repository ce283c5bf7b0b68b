//! Recordings that people have: what is in them, how long and how large they are, and what they are said to be.

use super::super::catalogue::steps;
use super::super::outcome::StepError;
use super::super::outcome::StepResult;
use super::super::params::Who;
use super::super::recording::Recording;
use super::super::world::FeatureWorld;

/// Said where a step cares for nothing but length or size; no manual of the fixtures answers it.
const SAID: &str = "How do I tune a violin?";

steps! {
    /// A recording of the fixtures, by its file.
    Does "{who} has the recording {text}" (world, who: Who, file: String) => async move {
        keep(world, &who, Recording::fixture(&world.run.recordings, &file)?)
    };

    /// A short recording in which this is said.
    Does "{who} has a recording that says {text}" (world, who: Who, says: String) => async move {
        keep(world, &who, Recording::lasting(2000, &says)?)
    };

    /// A recording in which this many characters are said.
    Does "{who} has a recording that says {number} characters" (world, who: Who, many: u64) => long_speech(world, who, many);

    /// A recording that lasts so long.
    Does "{who} has a recording of {number} millisecond(s)" (world, who: Who, long: u64) => async move {
        keep(world, &who, Recording::lasting(long, SAID)?)
    };

    /// A recording of a second that has so many bytes.
    Does "{who} has a recording of {number} byte(s)" (world, who: Who, large: u64) => async move {
        keep(world, &who, Recording::of_bytes(usize::try_from(large).unwrap_or(usize::MAX), SAID)?)
    };

    /// A recording that is `silent`, `empty`, `noise of no format`, `broken`, `of three channels`, `cut off halfway` or `cut off before it begins`.
    Does "{who} has a recording that is {text}" (world, who: Who, odd: String) => async move {
        keep(world, &who, Recording::odd(&odd, &world.run.recordings)?)
    };

    /// The same recording, said to be WAV, MP4, MP3, WebM, FLAC, Ogg, `a film` or `text`.
    Does "the recording of {who} is called {text}" (world, who: Who, name: String) => async move {
        let recording = recording(world, &who)?.called(&name)?;
        keep(world, &who, recording)
    };
}

#[expect(clippy::unnecessary_wraps, reason = "what a step returns")]
fn keep(world: &mut FeatureWorld, who: &Who, recording: Recording) -> StepResult {
    world.recordings.insert(who.clone(), recording);
    Ok(())
}

/// What `who` has recorded.
pub(super) fn recording(world: &FeatureWorld, who: &Who) -> StepResult<Recording> {
    let recording = world.recordings.get(who).cloned();
    recording.ok_or_else(|| StepError::lost(format!("{who} has no recording in this scenario")))
}

async fn long_speech(world: &mut FeatureWorld, who: Who, many: u64) -> StepResult {
    let many = usize::try_from(many).unwrap_or(usize::MAX).min(20_000);
    let says: String = "What does this do and ".chars().cycle().take(many).collect();
    // A recording's words are trimmed: the last character has to be one of them.
    let says = says.trim_end().to_owned() + &"?".repeat(many - says.trim_end().chars().count());
    keep(world, &who, Recording::lasting(50_000, &says)?)
}

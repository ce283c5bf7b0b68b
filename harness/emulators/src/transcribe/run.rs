//! What a job does: reads the recording when its turn comes, takes its time, and leaves the
//! transcript in the caller's bucket. A deleted job leaves nothing.
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::Inner;
use super::jobs::{Job, State};
use super::media::{self, Recording, Unusable};
use super::transcript::Told;

/// The service's own limits.
const MAX_BYTES: usize = 2 * 1024 * 1024 * 1024;
const MAX_LENGTH: Duration = Duration::from_hours(4);
const MAX_CHANNELS: usize = 2;
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;
/// No job takes longer, so that every wait has a bound.
const LONGEST: Duration = Duration::from_mins(1);

/// How long transcription jobs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranscriptionTime {
    /// Milliseconds for any job; a third of them it is queued.
    pub base_ms: u32,
    /// Milliseconds for each second of the recording, in addition.
    pub ms_per_audio_s: u32,
}

impl TranscriptionTime {
    /// Jobs are done when their start is answered.
    pub const fn zero() -> Self {
        Self { base_ms: 0, ms_per_audio_s: 0 }
    }

    fn queued(self) -> Duration {
        Duration::from_millis(u64::from(self.base_ms / 3))
    }

    fn working(self, length: Duration) -> Duration {
        let base = Duration::from_millis(u64::from(self.base_ms - self.base_ms / 3));
        (base + length.mul_f64(f64::from(self.ms_per_audio_s) / 1000.0)).min(LONGEST)
    }
}

impl Default for TranscriptionTime {
    fn default() -> Self {
        Self { base_ms: 150, ms_per_audio_s: 20 }
    }
}

/// Lets a job run: at once if jobs take no time, else beside the caller.
pub(super) async fn begin(inner: &Arc<Inner>, job: Job) {
    if inner.time == TranscriptionTime::zero() {
        run(Arc::clone(inner), job).await;
        return;
    }
    let mut tasks = inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(run(Arc::clone(inner), job));
}

async fn run(inner: Arc<Inner>, job: Job) {
    let advance = |state| {
        let now = inner.now();
        inner.jobs().advance(&job.request.name, job.ordinal, state, now)
    };
    wait(&inner, inner.time.queued()).await;
    if !advance(State::InProgress) {
        return;
    }
    let state = match transcribe(&inner, &job).await {
        Ok(()) => State::Completed,
        Err(reason) => State::Failed(reason.to_owned()),
    };
    advance(state);
}

async fn wait(inner: &Inner, time: Duration) {
    if !time.is_zero() {
        inner.clock.sleep(time).await;
    }
}

/// The error is the `FailureReason`, in AWS's words.
async fn transcribe(inner: &Inner, job: &Job) -> Result<(), &'static str> {
    let request = &job.request;
    let (bucket, key) = &request.media;
    let bytes = inner.store.get(bucket, key).await.ok_or(
        "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your request again.",
    )?;
    let recording = examined(bytes).await?;
    check(&recording, request.format.as_deref(), request.sample_rate)?;
    let format = recording.container.name();
    inner.jobs().detected(&request.name, job.ordinal, format, recording.sample_rate);
    wait(inner, inner.time.working(recording.length)).await;
    let current = |held: &Job| held.ordinal == job.ordinal;
    if !inner.jobs().get(&request.name).is_some_and(current) {
        return Ok(());
    }
    let told = Told {
        job: &request.name,
        account_id: &inner.account_id,
        text: &recording.spoken,
        length: recording.length,
    };
    let (bucket, key) = &request.output;
    let body = Bytes::from(told.json().to_string());
    let written = inner.store.put(bucket, key, body, "application/json").await;
    if written { Ok(()) } else { Err("The output bucket can't be accessed.") }
}

async fn examined(bytes: Bytes) -> Result<Recording, &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err("Invalid file size: file size too large.");
    }
    // Reading a container takes the processor, not the network.
    let examined = tokio::task::spawn_blocking(move || media::examine(&bytes)).await;
    match examined {
        Ok(Ok(recording)) => Ok(recording),
        Ok(Err(Unusable::Unknown)) => Err("Unsupported media format."),
        Ok(Err(Unusable::Broken)) => Err("Failed to parse audio file."),
        Err(_panic) => Err("Internal error."),
    }
}

fn check(
    recording: &Recording,
    format: Option<&str>,
    rate: Option<i64>,
) -> Result<(), &'static str> {
    if format.is_some_and(|format| !recording.container.is_called(format)) {
        return Err("The media format provided does not match the detected media format.");
    }
    if recording.length > MAX_LENGTH {
        return Err("Invalid file size: file size too large.");
    }
    if recording.channels.is_some_and(|channels| channels > MAX_CHANNELS) {
        return Err("Invalid number of channels: number of channels too large.");
    }
    if recording.sample_rate.is_some_and(|rate| !SAMPLE_RATES.contains(&rate)) {
        return Err("Invalid sample rate for audio file.");
    }
    let detected = recording.sample_rate.map(i64::from);
    if rate.is_some_and(|rate| detected.is_some_and(|detected| detected != rate)) {
        return Err("The sample rate provided does not match the detected sample rate.");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::media::{Container, Recording};
    use super::{TranscriptionTime, check};

    #[test]
    fn a_job_takes_its_base_and_a_share_of_the_recording() {
        let time = TranscriptionTime::default();
        assert_eq!(time.queued(), Duration::from_millis(50));
        assert_eq!(time.working(Duration::from_secs(10)), Duration::from_millis(300));
        assert_eq!(time.working(Duration::from_hours(3)), Duration::from_mins(1));
        assert_eq!(TranscriptionTime::zero().working(Duration::from_hours(3)), Duration::ZERO);
    }

    #[test]
    fn reasons_of_failure_are_the_services() {
        let recording = Recording {
            container: Container::Wav,
            length: Duration::from_secs(1),
            sample_rate: Some(16_000),
            channels: Some(1),
            spoken: String::new(),
        };
        assert_eq!(check(&recording, Some("wav"), Some(16_000)), Ok(()));
        let reason =
            |recording: &Recording, format, rate| check(recording, format, rate).unwrap_err();
        assert!(
            reason(&recording, Some("mp3"), None).contains("does not match the detected media")
        );
        assert!(reason(&recording, None, Some(8_000)).contains("detected sample rate"));
        let three = Recording { channels: Some(3), ..recording.clone() };
        assert!(reason(&three, None, None).contains("number of channels"));
        let slow = Recording { sample_rate: Some(4_000), ..recording.clone() };
        assert!(reason(&slow, None, None).starts_with("Invalid sample rate"));
    }
}

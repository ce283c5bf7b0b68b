//! Speech to text: jobs that read a recording from the audio bucket and write a transcript there.

use std::fmt;

use time::OffsetDateTime;

use crate::domain::audio::AudioType;
use crate::ports::{Page, PortFuture};

/// One transcription to be done. Everything in it is ours: names are made of request ids and used once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechJob {
    /// What the job is called.
    pub name: String,
    /// Where the recording is.
    pub audio_key: String,
    /// What the recording is.
    pub audio: AudioType,
    /// Where the transcript goes, in the same bucket.
    pub transcript_key: String,
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transcription {
    /// Not at its end yet.
    Running,
    /// The transcript is written.
    Done,
    /// The recording cannot be read.
    Unreadable,
    /// It failed for a reason that is not the recording's.
    Failed,
}

/// Whether a job is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedJob {
    /// It is, or it was never there.
    Gone,
    /// It is at work, and a job at work cannot be deleted; it will still write its transcript.
    StillRunning,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// What it is called.
    pub name: String,
    /// When it was started.
    pub started: OffsetDateTime,
    /// Whether it is at work: it cannot be deleted.
    pub running: bool,
}

/// Speech to text.
pub trait Transcriber: Send + Sync + fmt::Debug {
    /// Starts a job; one of this name that is there already is ours, from an attempt whose reply was lost.
    fn start<'a>(&'a self, job: &'a SpeechJob) -> PortFuture<'a, ()>;
    /// How a job is.
    fn status<'a>(&'a self, name: &'a str) -> PortFuture<'a, Transcription>;
    /// Removes a job; one that is away already is no error.
    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, DeletedJob>;
    /// Some of the jobs whose names begin so, in an order of the service's own; `after` is what the last page gave.
    fn jobs<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<ListedJob>>;
}

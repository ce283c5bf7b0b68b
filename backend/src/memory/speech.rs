//! Speech to text in memory. A job reads nothing: it writes the text that a test lets it hear, when a test lets it end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;
use time::OffsetDateTime;

use super::files::MemoryFiles;
use super::{Switch, locked};
use crate::ports::{
    DeletedJob, Dependency, ListedJob, Page, PortFuture, SpeechJob, Transcriber, Transcription,
};

/// Jobs in a page of a list.
const PAGE: usize = 100;

/// What becomes of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hearing {
    /// They end with this transcript at the second look.
    Text(String),
    /// They end with these bytes for a transcript.
    Written(Bytes),
    /// They go on.
    Endless,
    /// They end like this.
    Ends(Transcription),
}

impl Default for Hearing {
    fn default() -> Self {
        Self::Text("How do I reset it?".to_owned())
    }
}

/// Jobs over the audio bucket.
#[derive(Debug, Default)]
pub struct MemoryTranscriber {
    /// Makes every call fail.
    pub trouble: Switch,
    /// Makes only deletions fail.
    pub trouble_deleting: Switch,
    /// The bucket of recordings and transcripts.
    pub audio: Arc<MemoryFiles>,
    hearing: Mutex<Hearing>,
    jobs: Mutex<BTreeMap<String, Job>>,
    started: Mutex<Vec<SpeechJob>>,
}

#[derive(Debug)]
struct Job {
    asked: SpeechJob,
    /// By the clock of the bucket.
    started: OffsetDateTime,
    state: Transcription,
    looks: u32,
}

impl MemoryTranscriber {
    /// What becomes of jobs from now on.
    pub fn hear(&self, hearing: Hearing) {
        *locked(&self.hearing) = hearing;
    }

    /// All jobs that were ever started.
    pub fn started(&self) -> Vec<SpeechJob> {
        locked(&self.started).clone()
    }

    /// A job that nobody asks for comes to its end.
    pub fn end(&self, name: &str, state: Transcription) {
        if let Some(job) = locked(&self.jobs).get_mut(name) {
            job.state = state;
        }
    }

    /// The names of the jobs that are there.
    pub fn jobs(&self) -> Vec<String> {
        locked(&self.jobs).keys().cloned().collect()
    }

    /// Looks at a job; at the second look it ends, unless it is endless.
    fn look(&self, name: &str) -> Transcription {
        let mut jobs = locked(&self.jobs);
        let Some(job) = jobs.get_mut(name) else { return Transcription::Failed };
        job.looks += 1;
        if job.state == Transcription::Running && job.looks > 1 {
            let written = match locked(&self.hearing).clone() {
                Hearing::Text(text) => Some(transcript(&job.asked.name, &text)),
                Hearing::Written(bytes) => Some(bytes),
                Hearing::Endless => return Transcription::Running,
                Hearing::Ends(state) => {
                    job.state = state;
                    None
                }
            };
            if let Some(written) = written {
                self.audio.hold(&job.asked.transcript_key, written);
                job.state = Transcription::Done;
            }
        }
        job.state
    }
}

/// As the service writes it.
fn transcript(name: &str, text: &str) -> Bytes {
    let json = json!({
        "jobName": name, "accountId": "123456789012", "status": "COMPLETED",
        "results": { "transcripts": [{ "transcript": text }], "items": [] },
    });
    Bytes::from(json.to_string())
}

impl Transcriber for MemoryTranscriber {
    fn start<'a>(&'a self, job: &'a SpeechJob) -> PortFuture<'a, ()> {
        Box::pin(async move {
            self.trouble.before(Dependency::Transcriber).await?;
            locked(&self.started).push(job.clone());
            let (asked, started) = (job.clone(), self.audio.now());
            let job = Job { asked, started, state: Transcription::Running, looks: 0 };
            locked(&self.jobs).insert(job.asked.name.clone(), job);
            self.trouble.after(Dependency::Transcriber).await
        })
    }

    fn status<'a>(&'a self, name: &'a str) -> PortFuture<'a, Transcription> {
        Box::pin(async move {
            self.trouble.before(Dependency::Transcriber).await?;
            Ok(self.look(name))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, DeletedJob> {
        Box::pin(async move {
            self.trouble.before(Dependency::Transcriber).await?;
            self.trouble_deleting.before(Dependency::Transcriber).await?;
            let there = locked(&self.jobs).contains_key(name);
            if there && self.look(name) == Transcription::Running {
                return Ok(DeletedJob::StillRunning);
            }
            locked(&self.jobs).remove(name);
            self.trouble_deleting.after(Dependency::Transcriber).await?;
            Ok(DeletedJob::Gone)
        })
    }

    fn jobs<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<ListedJob>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Transcriber).await?;
            let jobs = locked(&self.jobs);
            let wanted = jobs.iter().filter(|(name, _)| name.starts_with(prefix));
            let rest = wanted.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
            let mut items: Vec<ListedJob> = rest
                .map(|(name, job)| {
                    let running = job.state == Transcription::Running;
                    ListedJob { name: name.clone(), started: job.started, running }
                })
                .collect();
            let more = items.len() > PAGE;
            items.truncate(PAGE);
            let next_after = items.last().filter(|_| more).map(|job| job.name.clone());
            Ok(Page { items, next_after })
        })
    }
}

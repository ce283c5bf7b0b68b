//! Transcription jobs: names, states and what the service tells of each. Pure: time is an argument,
//! and what a job does is in `run`.
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Jobs that may be under way at one time.
pub(super) const MAX_UNDER_WAY: usize = 250;
/// Jobs that are remembered; the oldest finished one is forgotten first.
const MAX_KEPT: usize = 10_000;

/// AWS's names of the states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    InProgress,
    Completed,
    Failed(String),
}

/// What a caller asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) name: String,
    /// As it was sent.
    pub(super) media_uri: String,
    /// Bucket and key.
    pub(super) media: (String, String),
    pub(super) output: (String, String),
    pub(super) format: Option<String>,
    pub(super) sample_rate: Option<i64>,
    pub(super) language: String,
    pub(super) identified: bool,
    pub(super) language_options: Option<Value>,
}

/// One job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) request: Request,
    /// Higher is newer.
    pub(super) ordinal: u64,
    pub(super) state: State,
    created: f64,
    started: Option<f64>,
    ended: Option<f64>,
}

/// Why a job was not started.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotStarted {
    NameTaken,
    TooMany,
}

impl State {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed(_) => "FAILED",
        }
    }

    fn is_over(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed(_))
    }
}

impl Job {
    /// The members of `TranscriptionJob`.
    pub(super) fn details(&self, region: &str) -> Value {
        let mut details = self.common();
        details.insert("Media".into(), json!({"MediaFileUri": self.request.media_uri}));
        if let Some(format) = &self.request.format {
            details.insert("MediaFormat".into(), json!(format));
        }
        if let Some(rate) = self.request.sample_rate {
            details.insert("MediaSampleRateHertz".into(), json!(rate));
        }
        if let Some(options) = &self.request.language_options {
            details.insert("LanguageOptions".into(), options.clone());
        }
        let (bucket, key) = &self.request.output;
        let transcript = if self.state == State::Completed {
            json!({"TranscriptFileUri": format!("https://s3.{region}.amazonaws.com/{bucket}/{key}")})
        } else {
            json!({})
        };
        details.insert("Transcript".into(), transcript);
        Value::Object(details)
    }

    /// The members of `TranscriptionJobSummary`.
    pub(super) fn summary(&self) -> Value {
        let mut summary = self.common();
        summary.insert("OutputLocationType".into(), json!("CUSTOMER_BUCKET"));
        Value::Object(summary)
    }

    fn common(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        put("TranscriptionJobName", json!(self.request.name));
        put("TranscriptionJobStatus", json!(self.state.name()));
        put("CreationTime", json!(self.created));
        if let Some(started) = self.started {
            put("StartTime", json!(started));
        }
        if let Some(ended) = self.ended {
            put("CompletionTime", json!(ended));
        }
        if let State::Failed(reason) = &self.state {
            put("FailureReason", json!(reason));
        }
        // A language to be found out is known when the job is done.
        if !self.request.identified || self.state == State::Completed {
            put("LanguageCode", json!(self.request.language));
        }
        if self.request.identified {
            put("IdentifyLanguage", json!(true));
            if self.state == State::Completed {
                put("IdentifiedLanguageScore", json!(1.0));
            }
        }
        members
    }
}

/// All jobs by name.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_name: BTreeMap<String, Job>,
    next: u64,
}

impl Jobs {
    /// A new job, queued.
    pub(super) fn start(&mut self, request: Request, now: f64) -> Result<Job, NotStarted> {
        if self.by_name.contains_key(&request.name) {
            return Err(NotStarted::NameTaken);
        }
        let under_way = self.by_name.values().filter(|job| !job.state.is_over()).count();
        if under_way >= MAX_UNDER_WAY {
            return Err(NotStarted::TooMany);
        }
        let job = Job {
            request,
            ordinal: self.next,
            state: State::Queued,
            created: now,
            started: None,
            ended: None,
        };
        self.next += 1;
        self.by_name.insert(job.request.name.clone(), job.clone());
        self.forget();
        Ok(job)
    }

    /// Moves a job on; false if it was deleted, or its name taken by another since.
    pub(super) fn advance(&mut self, name: &str, ordinal: u64, state: State, now: f64) -> bool {
        let job = self.by_name.get_mut(name).filter(|job| job.ordinal == ordinal);
        job.is_some_and(|job| {
            match &state {
                State::Queued | State::InProgress => job.started = Some(now),
                State::Completed | State::Failed(_) => job.ended = Some(now),
            }
            job.state = state;
            true
        })
    }

    /// Notes what the recording turned out to be, where the caller did not say.
    pub(super) fn detected(&mut self, name: &str, ordinal: u64, format: &str, rate: Option<u32>) {
        if let Some(job) = self.by_name.get_mut(name).filter(|job| job.ordinal == ordinal) {
            job.request.format.get_or_insert_with(|| format.to_owned());
            job.request.sample_rate = job.request.sample_rate.or(rate.map(i64::from));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Job> {
        self.by_name.get(name)
    }

    /// Forgets a job; one under way leaves nothing behind. False if there was none.
    pub(super) fn delete(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// The jobs that are wanted, newest first, older than `before`.
    pub(super) fn list(
        &self,
        status: Option<&str>,
        part: Option<&str>,
        before: Option<u64>,
    ) -> Vec<&Job> {
        let wanted = |job: &&Job| {
            status.is_none_or(|status| job.state.name() == status)
                && part.is_none_or(|part| job.request.name.contains(part))
                && before.is_none_or(|before| job.ordinal < before)
        };
        let mut jobs: Vec<&Job> = self.by_name.values().filter(wanted).collect();
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.ordinal));
        jobs
    }

    fn forget(&mut self) {
        if self.by_name.len() <= MAX_KEPT {
            return;
        }
        let over = self.by_name.values().filter(|job| job.state.is_over());
        if let Some(name) = over.min_by_key(|job| job.ordinal).map(|job| job.request.name.clone()) {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Jobs, MAX_UNDER_WAY, NotStarted, Request, State};

    fn request(name: &str) -> Request {
        Request {
            name: name.to_owned(),
            media_uri: "s3://b/k".to_owned(),
            media: ("b".to_owned(), "k".to_owned()),
            output: ("b".to_owned(), "o.json".to_owned()),
            format: None,
            sample_rate: None,
            language: "en-US".to_owned(),
            identified: true,
            language_options: None,
        }
    }

    #[test]
    fn a_job_tells_what_is_known_of_it() {
        let mut jobs = Jobs::default();
        let job = jobs.start(request("a"), 1.0).unwrap();
        assert_eq!(jobs.start(request("a"), 1.0).unwrap_err(), NotStarted::NameTaken);
        let queued = job.details("eu-west-1");
        assert_eq!(queued["TranscriptionJobStatus"], "QUEUED");
        assert!(queued.get("LanguageCode").is_none() && queued.get("StartTime").is_none());
        assert!(jobs.advance("a", job.ordinal, State::InProgress, 2.0));
        jobs.detected("a", job.ordinal, "wav", Some(16_000));
        assert!(jobs.advance("a", job.ordinal, State::Completed, 3.5));
        let done = jobs.get("a").unwrap().details("eu-west-1");
        assert_eq!(
            done["Transcript"]["TranscriptFileUri"],
            "https://s3.eu-west-1.amazonaws.com/b/o.json"
        );
        assert_eq!((&done["StartTime"], &done["CompletionTime"]), (&2.0.into(), &3.5.into()));
        assert_eq!((&done["MediaFormat"], &done["LanguageCode"]), (&"wav".into(), &"en-US".into()));
    }

    #[test]
    fn a_deleted_job_does_not_come_back() {
        let mut jobs = Jobs::default();
        let first = jobs.start(request("a"), 1.0).unwrap();
        assert!(jobs.delete("a") && !jobs.delete("a"));
        let second = jobs.start(request("a"), 2.0).unwrap();
        assert!(!jobs.advance("a", first.ordinal, State::Completed, 3.0));
        assert_eq!(jobs.get("a").unwrap().state, State::Queued);
        assert!(jobs.advance("a", second.ordinal, State::Failed("x".to_owned()), 3.0));
        assert_eq!(jobs.get("a").unwrap().details("r")["FailureReason"], "x");
    }

    #[test]
    fn so_many_may_be_under_way_and_lists_are_newest_first() {
        let mut jobs = Jobs::default();
        for n in 0..MAX_UNDER_WAY {
            jobs.start(request(&format!("j{n}")), 0.0).unwrap();
        }
        assert_eq!(jobs.start(request("more"), 0.0).unwrap_err(), NotStarted::TooMany);
        assert!(jobs.advance("j7", 7, State::Completed, 1.0));
        jobs.start(request("more"), 0.0).unwrap();
        let names: Vec<_> = jobs
            .list(Some("QUEUED"), Some("j1"), Some(12))
            .iter()
            .map(|j| &j.request.name)
            .collect();
        assert_eq!(names, ["j11", "j10", "j1"]);
    }
}

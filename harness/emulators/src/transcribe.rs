//! Emulated Transcribe: jobs over recordings in the emulated S3, transcripts into it. What was said
//! is read from the recording's own metadata (`media`); nothing recognises speech.
//!
//! A parameter that would change the result and is not emulated is refused by name, and so is a job
//! without `OutputBucketName`, whose transcript AWS would keep in a bucket of its own.
mod jobs;
mod media;
mod run;
mod transcript;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::s3::store::S3Store;
use crate::service::{AwsError, Call, Service};
use crate::transcribe::jobs::{Job, Jobs, NotStarted, Request};

pub use crate::transcribe::run::TranscriptionTime;

/// Jobs of one page, unless the caller says.
const PAGE: i64 = 5;
/// The language of a job whose language nobody names.
const DEFAULT_LANGUAGE: &str = "en-US";

const UNSUPPORTED: [&str; 10] = [
    "OutputEncryptionKMSKeyId",
    "KMSEncryptionContext",
    "Settings",
    "ModelSettings",
    "JobExecutionSettings",
    "ContentRedaction",
    "IdentifyMultipleLanguages",
    "Subtitles",
    "LanguageIdSettings",
    "ToxicityDetection",
];

/// The service.
#[derive(Debug)]
pub(crate) struct Transcribe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    store: S3Store,
    region: String,
    account_id: String,
    time: TranscriptionTime,
    jobs: Mutex<Jobs>,
    /// Running jobs; they end with the service.
    tasks: Mutex<JoinSet<()>>,
}

impl Inner {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The test clock as awsJson has it: seconds with a fraction.
    fn now(&self) -> f64 {
        std::time::Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0))
            .as_secs_f64()
    }
}

impl Transcribe {
    /// A service without jobs over `store`.
    pub(crate) fn new(
        clock: Clock,
        store: S3Store,
        (region, account_id): (&str, &str),
        time: TranscriptionTime,
    ) -> Self {
        Self(Arc::new(Inner {
            clock,
            store,
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            time,
            jobs: Mutex::default(),
            tasks: Mutex::new(JoinSet::new()),
        }))
    }

    async fn start(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let request = request(input, &self.0.region)?;
        self.check_places(&request).await?;
        let now = self.0.now();
        let started = self.0.jobs().start(request, now);
        let job = started.map_err(|refused| match refused {
            NotStarted::NameTaken => AwsError::new(
                409,
                "ConflictException",
                "The requested job name already exists. Use a different job name.",
            ),
            NotStarted::TooMany => AwsError::new(
                429,
                "LimitExceededException",
                "You have exceeded the limit of concurrent transcription jobs. Wait until one of them ends and try your request again.",
            ),
        })?;
        let answer = self.answer(&job);
        run::begin(&self.0, job).await;
        Ok(answer)
    }

    async fn check_places(&self, request: &Request) -> Result<(), AwsError> {
        let store = &self.0.store;
        let (bucket, key) = &request.media;
        if !store.has_bucket(bucket).await {
            return Err(bad_request(
                "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your request again.",
            ));
        }
        if store.get(bucket, key).await.is_none() {
            return Err(bad_request(
                "The URI that you provided doesn't point to an S3 object. Make sure that the object exists and try your request again.",
            ));
        }
        if !store.has_bucket(&request.output.0).await {
            return Err(bad_request(
                "The specified S3 bucket can't be accessed. Make sure that you have write permission and try your request again.",
            ));
        }
        Ok(())
    }

    fn get(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let name = text(input, "TranscriptionJobName").unwrap_or_default();
        let job = self.0.jobs().get(name).cloned();
        job.map(|job| self.answer(&job)).ok_or_else(no_job)
    }

    fn delete(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let name = text(input, "TranscriptionJobName").unwrap_or_default();
        if self.0.jobs().delete(name) { Ok(json!({})) } else { Err(no_job()) }
    }

    fn list(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        let before = match text(input, "NextToken").map(str::parse::<u64>) {
            None => None,
            Some(Ok(before)) => Some(before),
            Some(Err(_)) => {
                return Err(bad_request("The nextToken that you provided isn't valid."));
            }
        };
        let status = text(input, "Status");
        let max = input.get("MaxResults").and_then(Value::as_i64).unwrap_or(PAGE);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let jobs = self.0.jobs();
        let wanted = jobs.list(status, text(input, "JobNameContains"), before);
        let page = &wanted[..wanted.len().min(max)];
        let summaries: Vec<Value> = page.iter().map(|job| job.summary()).collect();
        let mut answer = json!({"TranscriptionJobSummaries": summaries});
        if let Some(status) = status {
            answer["Status"] = status.into();
        }
        if let Some(last) = page.last().filter(|_| wanted.len() > page.len()) {
            answer["NextToken"] = last.ordinal.to_string().into();
        }
        Ok(answer)
    }

    fn answer(&self, job: &Job) -> Value {
        json!({"TranscriptionJob": job.details(&self.0.region)})
    }
}

impl Service for Transcribe {
    fn name(&self) -> &'static str {
        "transcribe"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, AwsError>> {
        async move {
            let empty = Map::new();
            let input = call.input.as_object().unwrap_or(&empty);
            match call.operation.as_str() {
                "StartTranscriptionJob" => self.start(input).await,
                "GetTranscriptionJob" => self.get(input),
                "DeleteTranscriptionJob" => self.delete(input),
                "ListTranscriptionJobs" => self.list(input),
                other => Err(AwsError::new(400, "UnknownOperationException", other)),
            }
        }
        .boxed()
    }
}

fn request(input: &Map<String, Value>, region: &str) -> Result<Request, AwsError> {
    if let Some(name) = UNSUPPORTED.iter().find(|name| input.contains_key(**name)) {
        return Err(bad_request(format!("{name} is not emulated.")));
    }
    let name = text(input, "TranscriptionJobName").unwrap_or_default().to_owned();
    let media_uri = input.get("Media").and_then(|media| media.get("MediaFileUri"));
    let media_uri = media_uri.and_then(Value::as_str);
    let media_uri = media_uri.ok_or_else(|| bad_request("You must provide a MediaFileUri."))?;
    let media = place(media_uri, region).ok_or_else(|| {
        bad_request(
            "The S3 URI that you provided is not valid. Make sure that it has the form s3://bucket/key and try your request again.",
        )
    })?;
    let bucket = text(input, "OutputBucketName").ok_or_else(|| {
        bad_request(
            "A transcript in a bucket of the service is not emulated: name an OutputBucketName.",
        )
    })?;
    let key = output_key(text(input, "OutputKey"), &name);
    let identified = input.get("IdentifyLanguage") == Some(&Value::Bool(true));
    let options = input.get("LanguageOptions").filter(|_| identified);
    let language = match (text(input, "LanguageCode"), identified) {
        (Some(_), true) => {
            return Err(bad_request("You can't specify both LanguageCode and IdentifyLanguage."));
        }
        (None, false) => {
            return Err(bad_request("You must specify either LanguageCode or IdentifyLanguage."));
        }
        (Some(language), false) => language,
        // Nothing here listens: the first that the caller thinks possible.
        (None, true) => options.and_then(|all| all[0].as_str()).unwrap_or(DEFAULT_LANGUAGE),
    };
    Ok(Request {
        media_uri: media_uri.to_owned(),
        media,
        output: (bucket.to_owned(), key),
        format: text(input, "MediaFormat").map(str::to_owned),
        sample_rate: input.get("MediaSampleRateHertz").and_then(Value::as_i64),
        language: language.to_owned(),
        identified,
        language_options: options.cloned(),
        name,
    })
}

/// Bucket and key of `s3://bucket/key` or of S3's https addresses in the region.
fn place(uri: &str, region: &str) -> Option<(String, String)> {
    let (bucket, key) = if let Some(rest) = uri.strip_prefix("s3://") {
        rest.split_once('/')?
    } else {
        let (host, path) = uri.strip_prefix("https://")?.split_once('/')?;
        let bare = [format!("s3.{region}.amazonaws.com"), format!("s3-{region}.amazonaws.com")];
        if bare.iter().any(|bare| bare == host) {
            path.split_once('/')?
        } else {
            (host.strip_suffix(&format!(".{}", bare[0]))?, path)
        }
    };
    (!bucket.is_empty() && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

/// A key that names no file is a folder for `<job>.json`.
fn output_key(key: Option<&str>, job: &str) -> String {
    match key {
        None => format!("{job}.json"),
        Some(key) if key.strip_suffix(".json").is_some() => key.to_owned(),
        Some(folder) => format!("{}/{job}.json", folder.trim_end_matches('/')),
    }
}

fn no_job() -> AwsError {
    bad_request(
        "The requested job couldn't be found. Check the job name and try your request again.",
    )
}

fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "BadRequestException", message)
}

fn text<'a>(input: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::{output_key, place};

    #[test]
    fn places_are_s3_addresses() {
        let found = Some(("b".to_owned(), "a/k.wav".to_owned()));
        for uri in [
            "s3://b/a/k.wav",
            "https://s3.eu-west-1.amazonaws.com/b/a/k.wav",
            "https://s3-eu-west-1.amazonaws.com/b/a/k.wav",
            "https://b.s3.eu-west-1.amazonaws.com/a/k.wav",
        ] {
            assert_eq!(place(uri, "eu-west-1"), found, "{uri}");
        }
        for uri in ["s3://b", "s3://b/", "s3:///k", "http://x/b/k", "https://example.com/b/k"] {
            assert_eq!(place(uri, "eu-west-1"), None, "{uri}");
        }
    }

    #[test]
    fn output_keys_are_files_or_folders() {
        assert_eq!(output_key(None, "j"), "j.json");
        assert_eq!(output_key(Some("a/t.json"), "j"), "a/t.json");
        assert_eq!(output_key(Some("a/"), "j"), "a/j.json");
        assert_eq!(output_key(Some("a/t"), "j"), "a/t/j.json");
    }
}

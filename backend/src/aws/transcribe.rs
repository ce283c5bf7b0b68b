//! Jobs of Amazon Transcribe: `StartTranscriptionJob`, `GetTranscriptionJob`, `DeleteTranscriptionJob` and
//! `ListTranscriptionJobs`. Recording and transcript are in our own bucket.

use aws_sdk_transcribe::Client;
use aws_sdk_transcribe::operation::get_transcription_job::GetTranscriptionJobError;
use aws_sdk_transcribe::operation::start_transcription_job::StartTranscriptionJobError;
use aws_sdk_transcribe::types::{
    LanguageCode, Media, MediaFormat, TranscriptionJob, TranscriptionJobStatus,
    TranscriptionJobSummary,
};
use time::OffsetDateTime;

use crate::aws::error::{code, port_error};
use crate::context::dependency;
use crate::ports::{
    DeletedJob, Dependency, ListedJob, Page, PortError, PortErrorKind, PortFuture, SpeechJob,
    Transcriber, Transcription,
};

/// Jobs in a page of a list: the most that the service gives.
const PAGE: i32 = 100;

/// How the reasons begin by which the service says that the recording is at fault: they are all that its model names.
const UNREADABLE: &[&str] = &[
    "Unsupported media format",
    "The media format provided does not match the detected media format",
    "Invalid sample rate for audio file",
    "The sample rate provided does not match the detected sample rate",
    "Invalid file size",
    "Invalid number of channels",
];

/// Jobs that read from and write to one bucket.
#[derive(Debug)]
pub(super) struct Transcribe {
    client: Client,
    bucket: String,
    language: LanguageCode,
}

impl Transcribe {
    pub(super) fn new(client: Client, bucket: &str, language: &str) -> Self {
        Self { client, bucket: bucket.to_owned(), language: LanguageCode::from(language) }
    }

    async fn state(&self, name: &str) -> Result<Option<TranscriptionJob>, PortError> {
        const OPERATION: &str = "GetTranscriptionJob";
        let call = self.client.get_transcription_job().transcription_job_name(name);
        match dependency(call.send()).await {
            Ok(got) => {
                let corrupt =
                    || PortError::new(Dependency::Transcriber, OPERATION, PortErrorKind::Corrupt);
                got.transcription_job.map(Some).ok_or_else(corrupt)
            }
            // Which of the two it is for a job that is away, the service's own pages do not agree on.
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    matches!(
                        error,
                        GetTranscriptionJobError::NotFoundException(_)
                            | GetTranscriptionJobError::BadRequestException(_)
                    )
                }) =>
            {
                Ok(None)
            }
            Err(error) => Err(port_error(Dependency::Transcriber, OPERATION, error)),
        }
    }
}

impl Transcriber for Transcribe {
    fn start<'a>(&'a self, job: &'a SpeechJob) -> PortFuture<'a, ()> {
        Box::pin(async move {
            let uri = format!("s3://{}/{}", self.bucket, job.audio_key);
            let call = self
                .client
                .start_transcription_job()
                .transcription_job_name(&job.name)
                .language_code(self.language.clone())
                .media_format(MediaFormat::from(job.audio.extension()))
                .media(Media::builder().media_file_uri(uri).build())
                .output_bucket_name(&self.bucket)
                .output_key(&job.transcript_key);
            match dependency(call.send()).await {
                Ok(_started) => Ok(()),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(StartTranscriptionJobError::is_conflict_exception) =>
                {
                    Ok(())
                }
                Err(error) => {
                    Err(port_error(Dependency::Transcriber, "StartTranscriptionJob", error))
                }
            }
        })
    }

    fn status<'a>(&'a self, name: &'a str) -> PortFuture<'a, Transcription> {
        Box::pin(async move {
            // A job that is away has been deleted by somebody: it will not write a transcript.
            Ok(self.state(name).await?.as_ref().map_or(Transcription::Failed, transcription))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, DeletedJob> {
        Box::pin(async move {
            let call = self.client.delete_transcription_job().transcription_job_name(name);
            let Err(error) = dependency(call.send()).await else { return Ok(DeletedJob::Gone) };
            if code(&error) != Some("BadRequestException") {
                let operation = "DeleteTranscriptionJob";
                return Err(port_error(Dependency::Transcriber, operation, error));
            }
            // The same refusal stands for a job that is away and for one that is at work.
            let running = |job: &TranscriptionJob| transcription(job) == Transcription::Running;
            Ok(match self.state(name).await? {
                Some(job) if running(&job) => DeletedJob::StillRunning,
                Some(_ended) => {
                    return Err(port_error(
                        Dependency::Transcriber,
                        "DeleteTranscriptionJob",
                        error,
                    ));
                }
                None => DeletedJob::Gone,
            })
        })
    }

    fn jobs<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<ListedJob>> {
        Box::pin(async move {
            let call = self
                .client
                .list_transcription_jobs()
                .job_name_contains(prefix)
                .max_results(PAGE)
                .set_next_token(after.map(str::to_owned));
            let listed = dependency(call.send()).await.map_err(|error| {
                port_error(Dependency::Transcriber, "ListTranscriptionJobs", error)
            })?;
            let next_after = listed.next_token().map(str::to_owned);
            let jobs = listed.transcription_job_summaries().iter().filter_map(listed_job);
            // The service looks for the text anywhere in the name.
            let items = jobs.filter(|job| job.name.starts_with(prefix)).collect();
            Ok(Page { items, next_after })
        })
    }
}

/// A summary without a name or a time is left to the next look.
fn listed_job(summary: &TranscriptionJobSummary) -> Option<ListedJob> {
    let started = OffsetDateTime::from_unix_timestamp(summary.creation_time()?.secs()).ok()?;
    let ended = matches!(
        summary.transcription_job_status(),
        Some(TranscriptionJobStatus::Completed | TranscriptionJobStatus::Failed)
    );
    let name = summary.transcription_job_name()?.to_owned();
    Some(ListedJob { name, started, running: !ended })
}

fn transcription(job: &TranscriptionJob) -> Transcription {
    match job.transcription_job_status() {
        Some(TranscriptionJobStatus::Completed) => Transcription::Done,
        Some(TranscriptionJobStatus::Failed) => failed(job.failure_reason().unwrap_or_default()),
        // `_` is what a later SDK may add: it goes on.
        Some(TranscriptionJobStatus::Queued | TranscriptionJobStatus::InProgress | _) | None => {
            Transcription::Running
        }
    }
}

fn failed(reason: &str) -> Transcription {
    if UNREADABLE.iter().any(|beginning| reason.starts_with(beginning)) {
        Transcription::Unreadable
    } else {
        Transcription::Failed
    }
}

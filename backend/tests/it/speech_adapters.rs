//! Transcribe and the audio bucket through the real adapters, against single replies of AWS.

use backend::domain::audio::AudioType;
use backend::ports::{DeletedJob, Dependency, PortErrorKind, SpeechJob, Transcription};
use serde_json::{Value, json};
use time::macros::datetime;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::adapters::ports;

fn job() -> SpeechJob {
    SpeechJob {
        name: "manuel-r-1".to_owned(),
        audio_key: "audio/u/r-1.mp3".to_owned(),
        audio: AudioType::Mpeg,
        transcript_key: "audio/u/r-1.json".to_owned(),
    }
}

fn transcribe(operation: &str) -> wiremock::MockBuilder {
    Mock::given(header("x-amz-target", format!("Transcribe.{operation}").as_str()))
}

fn refused(status: u16, code: &str) -> ResponseTemplate {
    let message = "arn:aws:transcribe:eu-west-1:123456789012:transcription-job/manuel-r-1";
    ResponseTemplate::new(status).set_body_json(json!({ "__type": code, "Message": message }))
}

fn state(status: &str, reason: Option<&str>) -> ResponseTemplate {
    let mut job = json!({ "TranscriptionJobName": "manuel-r-1", "TranscriptionJobStatus": status,
        "LanguageCode": "en-US", "CreationTime": 1_794_744_000.5 });
    if let Some(reason) = reason {
        job["FailureReason"] = json!(reason);
    }
    ResponseTemplate::new(200).set_body_json(json!({ "TranscriptionJob": job }))
}

#[tokio::test]
async fn a_job_reads_from_and_writes_to_our_own_bucket() {
    let server = MockServer::start().await;
    transcribe("StartTranscriptionJob")
        .respond_with(state("IN_PROGRESS", None))
        .mount(&server)
        .await;
    ports(&server).await.transcriber.start(&job()).await.unwrap();
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(
        sent,
        json!({
            "TranscriptionJobName": "manuel-r-1", "LanguageCode": "en-US", "MediaFormat": "mp3",
            "Media": { "MediaFileUri": "s3://audio/audio/u/r-1.mp3" },
            "OutputBucketName": "audio", "OutputKey": "audio/u/r-1.json",
        })
    );
}

#[tokio::test]
async fn a_start_that_meets_its_own_earlier_attempt_is_a_start() {
    for (status, code, expected) in [
        (400, "ConflictException", Ok(())),
        (400, "LimitExceededException", Err(PortErrorKind::Throttled)),
        (400, "BadRequestException", Err(PortErrorKind::Unavailable)),
        (500, "InternalFailureException", Err(PortErrorKind::Unavailable)),
    ] {
        let server = MockServer::start().await;
        let answer = refused(status, code);
        transcribe("StartTranscriptionJob").respond_with(answer).mount(&server).await;
        let started = ports(&server).await.transcriber.start(&job()).await;
        if let Err(error) = &started {
            assert_eq!(error.dependency, Dependency::Transcriber);
        }
        assert_eq!(started.map_err(|error| error.kind), expected, "{code}");
    }
}

#[tokio::test]
async fn the_state_of_a_job_says_whose_fault_a_failure_is() {
    let mismatch = "The media format provided does not match the detected media format. Check it.";
    for (status, reason, expected) in [
        ("QUEUED", None, Transcription::Running),
        ("IN_PROGRESS", None, Transcription::Running),
        ("COMPLETED", None, Transcription::Done),
        ("FAILED", Some(mismatch), Transcription::Unreadable),
        ("FAILED", Some("Unsupported media format."), Transcription::Unreadable),
        ("FAILED", Some("The S3 URI can't be read."), Transcription::Failed),
        ("FAILED", None, Transcription::Failed),
    ] {
        let server = MockServer::start().await;
        let answer = state(status, reason);
        transcribe("GetTranscriptionJob").respond_with(answer).mount(&server).await;
        let seen = ports(&server).await.transcriber.status("manuel-r-1").await.unwrap();
        assert_eq!(seen, expected, "{status} {reason:?}");
    }
}

async fn deleted(get: ResponseTemplate) -> Result<DeletedJob, PortErrorKind> {
    let server = MockServer::start().await;
    let bad = refused(400, "BadRequestException");
    transcribe("DeleteTranscriptionJob").respond_with(bad).mount(&server).await;
    transcribe("GetTranscriptionJob").respond_with(get).mount(&server).await;
    ports(&server).await.transcriber.delete("manuel-r-1").await.map_err(|error| error.kind)
}

#[tokio::test]
async fn a_refused_deletion_is_told_from_a_job_that_is_away() {
    let server = MockServer::start().await;
    let done = ResponseTemplate::new(200);
    transcribe("DeleteTranscriptionJob").respond_with(done).mount(&server).await;
    let gone = ports(&server).await.transcriber.delete("manuel-r-1").await.unwrap();
    assert_eq!(gone, DeletedJob::Gone);

    assert_eq!(deleted(refused(400, "BadRequestException")).await, Ok(DeletedJob::Gone));
    assert_eq!(deleted(refused(404, "NotFoundException")).await, Ok(DeletedJob::Gone));
    assert_eq!(deleted(state("IN_PROGRESS", None)).await, Ok(DeletedJob::StillRunning));
    // One that has ended and is still refused is nobody's to forget.
    assert_eq!(deleted(state("COMPLETED", None)).await, Err(PortErrorKind::Unavailable));
    let limit = refused(400, "LimitExceededException");
    assert_eq!(deleted(limit).await, Err(PortErrorKind::Throttled));
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_and_strangers_passed_over() {
    let server = MockServer::start().await;
    let summary = |name: &str, status: &str| {
        json!({ "TranscriptionJobName": name, "TranscriptionJobStatus": status,
            "CreationTime": 1_794_744_000.5, "LanguageCode": "en-US" })
    };
    let page = json!({ "NextToken": "t+/=", "TranscriptionJobSummaries": [
        summary("manuel-1", "COMPLETED"), summary("manuel-2", "FAILED"), summary("manuel-3", "QUEUED"),
        summary("manuel-4", "IN_PROGRESS"), summary("manuel-5", "NOT_KNOWN_YET"),
        summary("not-manuel-6", "COMPLETED"), { "TranscriptionJobName": "manuel-7" },
    ] });
    let listed = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let first = transcribe("ListTranscriptionJobs").respond_with(listed(page)).up_to_n_times(1);
    first.mount(&server).await;
    let last = listed(json!({ "TranscriptionJobSummaries": [] }));
    transcribe("ListTranscriptionJobs").respond_with(last).mount(&server).await;
    let transcriber = ports(&server).await.transcriber;
    let page = transcriber.jobs("manuel-", None).await.unwrap();
    let running: Vec<_> = page.items.iter().map(|job| (job.name.as_str(), job.running)).collect();
    let expected = [
        ("manuel-1", false),
        ("manuel-2", false),
        ("manuel-3", true),
        ("manuel-4", true),
        ("manuel-5", true),
    ];
    assert_eq!(running, expected);
    assert_eq!(page.items[0].started, datetime!(2026-11-15 12:00 UTC));
    assert_eq!(page.next_after.as_deref(), Some("t+/="));
    let page = transcriber.jobs("manuel-", page.next_after.as_deref()).await.unwrap();
    assert_eq!((page.items, page.next_after), (Vec::new(), None));
    let sent: Vec<Value> =
        server.received_requests().await.unwrap().iter().map(|r| r.body_json().unwrap()).collect();
    assert_eq!(sent[0], json!({ "JobNameContains": "manuel-", "MaxResults": 100 }));
    assert_eq!(sent[1]["NextToken"], "t+/=");
}

#[tokio::test]
async fn an_object_is_read_up_to_a_bound() {
    let server = MockServer::start().await;
    let body = ResponseTemplate::new(200).set_body_bytes(vec![7; 1000]);
    Mock::given(method("GET"))
        .and(path("/audio/audio/u/r-1.json"))
        .respond_with(body)
        .mount(&server)
        .await;
    let audio = ports(&server).await.audio;
    assert_eq!(audio.get("audio/u/r-1.json", 1000).await.unwrap().len(), 1000);
    let over = audio.get("audio/u/r-1.json", 999).await.unwrap_err();
    assert_eq!((over.dependency, over.kind), (Dependency::Files, PortErrorKind::Corrupt));
    let missing = audio.get("audio/u/other.json", 999).await.unwrap_err();
    assert_eq!(missing.kind, PortErrorKind::Corrupt);
}

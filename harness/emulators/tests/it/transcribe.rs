//! Transcribe: jobs over recordings in the emulated S3, and transcripts into it.
use aws_sdk_transcribe::error::ProvideErrorMetadata as _;
use aws_sdk_transcribe::operation::start_transcription_job::builders::StartTranscriptionJobFluentBuilder;
use aws_sdk_transcribe::types::{
    LanguageCode, Media, MediaFormat, TranscriptionJob, TranscriptionJobStatus,
};
use emulators::TranscriptionTime;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

/// A mono recording of 16 kHz whose comment is `text`.
fn wav(text: &str, seconds: usize) -> Vec<u8> {
    let chunk = |id: &[u8], data: &[u8]| {
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let mut chunk = [id, &size, data].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let format = [1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0];
    let comment = [b"INFO".to_vec(), chunk(b"ICMT", format!("{text}\0").as_bytes())].concat();
    let parts = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        chunk(b"LIST", &comment),
        chunk(b"data", &vec![0; seconds * 32_000]),
    ];
    chunk(b"RIFF", &parts.concat())
}

async fn put(stage: &Stage, key: &str, body: Vec<u8>) -> String {
    let bucket = audio(stage);
    stage.s3().put_object().bucket(&bucket).key(key).body(body.into()).send().await.unwrap();
    format!("s3://{bucket}/{key}")
}

fn audio(stage: &Stage) -> String {
    stage.emulators.resources().buckets["AudioBucket"].clone()
}

fn start(stage: &Stage, name: &str, uri: &str) -> StartTranscriptionJobFluentBuilder {
    let media = Media::builder().media_file_uri(uri).build();
    let client = stage.transcribe();
    let start = client.start_transcription_job().transcription_job_name(name).media(media);
    start.output_bucket_name(audio(stage)).language_code(LanguageCode::EnUs)
}

async fn job(stage: &Stage, name: &str) -> TranscriptionJob {
    let got = stage.transcribe().get_transcription_job().transcription_job_name(name).send().await;
    got.unwrap().transcription_job.unwrap()
}

async fn transcript(stage: &Stage, key: &str) -> Value {
    let got = stage.s3().get_object().bucket(audio(stage)).key(key).send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/json"));
    serde_json::from_slice(&got.body.collect().await.unwrap().into_bytes()).unwrap()
}

#[tokio::test]
async fn a_job_writes_what_the_recording_says() {
    let stage = Stage::start().await;
    let uri = put(&stage, "audio/u/one.wav", wav("How long is it?", 3)).await;
    start(&stage, "one", &uri).output_key("audio/u/one.json").send().await.unwrap();
    let done = job(&stage, "one").await;
    assert_eq!(done.transcription_job_status(), Some(&TranscriptionJobStatus::Completed));
    assert_eq!(done.media_format(), Some(&MediaFormat::Wav));
    assert_eq!(done.media_sample_rate_hertz(), Some(16_000));
    let written = transcript(&stage, "audio/u/one.json").await;
    assert_eq!((&written["jobName"], &written["status"]), (&json!("one"), &json!("COMPLETED")));
    assert_eq!(written["results"]["transcripts"][0]["transcript"], "How long is it?");
    let items = written["results"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 5);
    assert_eq!(
        (&items[3]["end_time"], &items[4]["type"]),
        (&json!("3.000"), &json!("punctuation"))
    );

    let silent = put(&stage, "audio/u/two.wav", wav("", 1)).await;
    start(&stage, "two", &silent).send().await.unwrap();
    let written = transcript(&stage, "two.json").await;
    assert_eq!(written["results"]["transcripts"][0]["transcript"], "");
}

#[tokio::test]
async fn a_job_fails_for_the_reasons_of_the_service() {
    let stage = Stage::start().await;
    let uri = put(&stage, "audio/a", wav("x", 1)).await;
    let text = put(&stage, "audio/t", b"no recording".to_vec()).await;
    let cut = put(&stage, "audio/c", wav("x", 1)[..16].to_vec()).await;
    let mismatch = start(&stage, "a", &uri).media_format(MediaFormat::Mp3);
    let rate = start(&stage, "b", &uri).media_sample_rate_hertz(8_000);
    for (name, start, reason) in [
        ("a", mismatch, "The media format provided does not match the detected media format."),
        ("b", rate, "The sample rate provided does not match the detected sample rate."),
        ("c", start(&stage, "c", &text), "Unsupported media format."),
        ("d", start(&stage, "d", &cut), "Failed to parse audio file."),
    ] {
        start.send().await.unwrap();
        let failed = job(&stage, name).await;
        assert_eq!(failed.transcription_job_status(), Some(&TranscriptionJobStatus::Failed));
        assert_eq!(failed.failure_reason(), Some(reason));
    }
}

#[tokio::test]
async fn jobs_are_refused_as_the_service_refuses_them() {
    let stage = Stage::start().await;
    let uri = put(&stage, "audio/a.wav", wav("x", 1)).await;
    start(&stage, "one", &uri).send().await.unwrap();
    let twice = start(&stage, "one", &uri).send().await.unwrap_err().into_service_error();
    assert!(twice.is_conflict_exception(), "{twice:?}");
    let both = || start(&stage, "two", &uri).identify_language(true);
    for (refused, what) in [
        (
            start(&stage, "a b", &uri),
            "Value 'a b' at 'transcriptionJobName' failed to satisfy constraint",
        ),
        (start(&stage, "two", &format!("{uri}.not")), "doesn't point to an S3 object"),
        (start(&stage, "two", "s3://nowhere/x"), "can't be accessed"),
        (start(&stage, "two", "s3://nowhere"), "is not valid"),
        (start(&stage, "two", "ftp://x/y"), "Member must satisfy regular expression pattern"),
        (start(&stage, "two", &uri).output_bucket_name("nowhere"), "write permission"),
        (start(&stage, "two", &uri).set_output_bucket_name(None), "not emulated"),
        (start(&stage, "two", &uri).set_language_code(None), "either LanguageCode or"),
        (both(), "both LanguageCode and IdentifyLanguage"),
        (
            start(&stage, "two", &uri).identify_multiple_languages(true),
            "IdentifyMultipleLanguages is not emulated",
        ),
        (
            start(&stage, "two", &uri).language_code("xx-XX".into()),
            "Member must satisfy enum value set",
        ),
    ] {
        let error = refused.send().await.unwrap_err().into_service_error();
        assert!(error.is_bad_request_exception(), "{error:?}");
        assert!(error.message().unwrap().contains(what), "{error:?}");
    }
    let identified = both().set_language_code(None).language_options(LanguageCode::DeDe);
    identified.send().await.unwrap();
    assert_eq!(job(&stage, "two").await.language_code(), Some(&LanguageCode::DeDe));

    let client = stage.transcribe();
    client.delete_transcription_job().transcription_job_name("one").send().await.unwrap();
    let gone = client.delete_transcription_job().transcription_job_name("one").send().await;
    assert!(gone.unwrap_err().into_service_error().is_bad_request_exception());
    let gone = client.get_transcription_job().transcription_job_name("one").send().await;
    let gone = gone.unwrap_err().into_service_error();
    assert!(gone.is_bad_request_exception(), "{gone:?}");
    assert!(gone.message().unwrap().starts_with("The requested job couldn't be found."));
}

#[tokio::test]
async fn a_slow_job_passes_through_its_states() {
    let time = TranscriptionTime { base_ms: 3, ms_per_audio_s: 2000 };
    let stage = Stage::start_with_slow_jobs(time).await;
    let uri = put(&stage, "audio/a.wav", wav("x", 1)).await;
    let started = start(&stage, "a", &uri).send().await.unwrap().transcription_job.unwrap();
    assert_eq!(started.transcription_job_status(), Some(&TranscriptionJobStatus::Queued));
    assert!(started.start_time().is_none() && started.creation_time().is_some());
    start(&stage, "gone", &uri).send().await.unwrap();
    let client = stage.transcribe();
    client.delete_transcription_job().transcription_job_name("gone").send().await.unwrap();

    for state in [TranscriptionJobStatus::InProgress, TranscriptionJobStatus::Completed] {
        let reached = tokio::time::timeout(PATIENCE, async {
            while job(&stage, "a").await.transcription_job_status() != Some(&state) {
                tokio::task::yield_now().await;
            }
        });
        reached.await.unwrap();
    }
    let done = job(&stage, "a").await;
    let took =
        done.completion_time().unwrap().as_secs_f64() - done.start_time().unwrap().as_secs_f64();
    assert!(took >= 1.99, "{took}");
    let nothing = stage.s3().head_object().bucket(audio(&stage)).key("gone.json").send().await;
    assert!(nothing.unwrap_err().into_service_error().is_not_found());
}

#[tokio::test]
async fn jobs_under_way_are_limited_and_listed_newest_first() {
    let time = TranscriptionTime { base_ms: 60_000, ms_per_audio_s: 0 };
    let stage = Stage::start_with_slow_jobs(time).await;
    let uri = put(&stage, "audio/a.wav", wav("x", 1)).await;
    for n in 0..250 {
        start(&stage, &format!("j{n}"), &uri).send().await.unwrap();
    }
    let error = start(&stage, "more", &uri).send().await.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 429);
    let body: Value = serde_json::from_slice(response.body().bytes().unwrap()).unwrap();
    assert!(body["Message"].is_string(), "{body}");
    assert!(error.into_service_error().is_limit_exceeded_exception());
    let client = stage.transcribe();
    let list = || client.list_transcription_jobs().job_name_contains("j24");
    let first = list().max_results(4).send().await.unwrap();
    let names = |page: &[aws_sdk_transcribe::types::TranscriptionJobSummary]| -> Vec<String> {
        page.iter().filter_map(|job| job.transcription_job_name.clone()).collect()
    };
    assert_eq!(names(first.transcription_job_summaries()), ["j249", "j248", "j247", "j246"]);
    let rest =
        list().max_results(100).next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!(names(rest.transcription_job_summaries()).last().unwrap(), "j24");
    assert_eq!((rest.transcription_job_summaries().len(), rest.next_token()), (7, None));
}

#[tokio::test]
async fn an_outage_speaks_as_transcribe() {
    let stage = Stage::start().await;
    let rule = json!({"service": "transcribe", "error": "InternalFailureException", "status": 500,
        "message": "out", "ttl_ms": 15_000});
    assert_eq!(stage.admin(Method::PUT, "/outages", Some(rule)).await.0, 201);
    let error = stage.transcribe().list_transcription_jobs().send().await.unwrap_err();
    let error = error.into_service_error();
    assert!(error.is_internal_failure_exception(), "{error:?}");
    assert_eq!(error.message(), Some("out"));
}

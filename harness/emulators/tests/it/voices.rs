//! The committed recordings: made by their example, readable, and heard as what they say.
#[path = "../../examples/make_voices/voices.rs"]
mod made;

use std::path::PathBuf;

use aws_sdk_transcribe::types::{LanguageCode, Media, TranscriptionJobStatus};
use serde_json::Value;

use crate::stage::Stage;

const MAKE: &str = "run `cargo run -p emulators --example make_voices`";

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

fn index() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("voice/index.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_committed_recordings_are_those_of_the_example() {
    let committed = std::fs::read_to_string(folder().join("voice/index.json")).unwrap();
    assert!(committed == made::index(), "{MAKE}");
    for voice in &made::VOICES {
        let bytes = std::fs::read(folder().join("voice").join(voice.file)).unwrap();
        assert!(bytes == voice.bytes(), "{}: {MAKE}", voice.file);
        assert!(bytes.len() < 200_000, "{}", voice.file);
    }
}

#[test]
fn what_they_say_are_questions_with_known_answers() {
    let questions = std::fs::read_to_string(folder().join("questions.toml")).unwrap();
    let questions: toml::Table = questions.parse().unwrap();
    let questions = questions["question"].as_array().unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for entry in index() {
        kinds.insert(entry["content_type"].as_str().unwrap().to_owned());
        let (id, text) = (entry["question"].as_str().unwrap(), entry["text"].as_str().unwrap());
        if id.is_empty() {
            assert_eq!(text, "");
            continue;
        }
        let question =
            questions.iter().find(|question| question["id"].as_str() == Some(id)).unwrap();
        assert_eq!(question["question"].as_str(), Some(text));
        assert!(question.get("answered_by").is_none() && question.get("phrase").is_some(), "{id}");
    }
    let all = ["audio/flac", "audio/mp4", "audio/mpeg", "audio/wav", "audio/webm"];
    assert!(kinds.iter().eq(all), "{kinds:?}");
}

#[tokio::test]
async fn transcribe_hears_what_they_say() {
    let stage = Stage::start().await;
    let bucket = stage.emulators.resources().buckets["AudioBucket"].clone();
    let client = stage.transcribe();
    for (number, entry) in index().iter().enumerate() {
        let (file, name) = (entry["file"].as_str().unwrap(), format!("job-{number}"));
        let bytes = std::fs::read(folder().join("voice").join(file)).unwrap();
        let put = stage.s3().put_object().bucket(&bucket).key(file).body(bytes.into());
        put.send().await.unwrap();
        let media = Media::builder().media_file_uri(format!("s3://{bucket}/{file}")).build();
        let extension = file.rsplit_once('.').unwrap().1;
        let start = client.start_transcription_job().transcription_job_name(&name).media(media);
        let start = start.language_code(LanguageCode::EnUs).media_format(extension.into());
        start.output_bucket_name(&bucket).send().await.unwrap();
        let job = client.get_transcription_job().transcription_job_name(&name).send().await;
        let job = job.unwrap().transcription_job.unwrap();
        let status = job.transcription_job_status();
        assert_eq!(
            status,
            Some(&TranscriptionJobStatus::Completed),
            "{file} {:?}",
            job.failure_reason()
        );
        let got = stage.s3().get_object().bucket(&bucket).key(format!("{name}.json")).send().await;
        let got = got.unwrap().body.collect().await.unwrap().into_bytes();
        let results = serde_json::from_slice::<Value>(&got).unwrap()["results"].take();
        assert_eq!(results["transcripts"][0]["transcript"], entry["text"], "{file}");
        let words = results["items"].as_array().unwrap();
        let last = words.iter().rev().find_map(|word| word["end_time"].as_str());
        if let Some(last) = last {
            let off = last.parse::<f64>().unwrap() - entry["seconds"].as_f64().unwrap();
            // A last frame may be longer than the tones, by less than a frame of AAC.
            assert!((-0.001..0.07).contains(&off), "{file} {off}");
        }
    }
}

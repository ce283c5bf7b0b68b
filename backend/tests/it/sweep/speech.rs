//! What spoken calls leave when their process is killed: recordings, transcripts, transcription jobs.

use std::time::Duration;

use backend::app::sweep::Swept;
use backend::domain::audio::AudioType;
use backend::memory::recordings::silence;
use backend::ports::{SpeechJob, Transcriber as _, Transcription};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{LATER_S, NOTHING, now, swept};
use crate::world::{ANNA, World};

#[tokio::test]
async fn recordings_that_were_left_go_with_their_jobs() {
    let world = World::new();
    let audio = &world.ports.transcriber.audio;
    audio.at(now(&world));
    audio.hold(&format!("audio/{ANNA}/r-1.wav"), Bytes::from_static(b"RIFF"));
    audio.hold(&format!("audio/{ANNA}/r-1.json"), Bytes::from_static(b"{}"));
    assert_eq!(swept(&world).await, NOTHING, "somebody may be listening");
    world.move_clock(LATER_S);
    assert_eq!(swept(&world).await, Swept { recordings: 2, ..NOTHING });
    assert!(audio.objects().is_empty());
}

#[tokio::test]
async fn jobs_of_which_nothing_is_stored_go_when_they_have_ended() {
    let world = World::new();
    let transcriber = &world.ports.transcriber;
    transcriber.audio.at(now(&world));
    let job = |name: &str| SpeechJob {
        name: name.to_owned(),
        audio_key: "audio/u/r.wav".to_owned(),
        audio: AudioType::Wav,
        transcript_key: "audio/u/r.json".to_owned(),
    };
    for number in 0..230 {
        transcriber.start(&job(&format!("manuel-{number:03}"))).await.unwrap();
    }
    for name in ["manuel-at-work", "another's", "x-manuel-1"] {
        transcriber.start(&job(name)).await.unwrap();
    }
    for name in transcriber.jobs() {
        let state =
            if name.ends_with("at-work") { Transcription::Running } else { Transcription::Failed };
        transcriber.end(&name, state);
    }
    assert_eq!(swept(&world).await, NOTHING, "they are young");
    world.move_clock(LATER_S);
    transcriber.audio.at(now(&world));
    transcriber.start(&job("manuel-young")).await.unwrap();
    transcriber.end("manuel-young", Transcription::Done);
    assert_eq!(swept(&world).await, Swept { jobs: 230, ..NOTHING });
    let left = ["another's", "manuel-at-work", "manuel-young", "x-manuel-1"];
    assert_eq!(transcriber.jobs(), left);
    world.settle().await;
    assert!(!world.ports.failures.sent().is_empty(), "it was reported");
    assert_eq!(swept(&world).await, NOTHING);
}

/// Killed at any call, a spoken question leaves nothing for longer than it takes the sweep to come. The process is a runtime
/// of its own, so that the tasks that clean up behind a request die with it.
#[test]
fn a_spoken_question_that_is_killed_anywhere_leaves_nothing() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let recording = STANDARD.encode(silence(AudioType::Wav, Duration::from_secs(2)));
    let body = json!({ "file_data": recording, "content_type": "audio/wav" }).to_string();
    let mut kills = 0;
    for (port, ends) in [
        ("audio", Transcription::Failed),
        ("audio", Transcription::Done),
        ("transcriber", Transcription::Failed),
        ("transcriber", Transcription::Done),
    ] {
        for others in 0.. {
            let world = World::new();
            let transcriber = &world.ports.transcriber;
            transcriber.audio.at(now(&world));
            let switch =
                if port == "audio" { &transcriber.audio.trouble } else { &transcriber.trouble };
            switch.hold(others);
            let killed = runtime().block_on(async {
                let body = body.clone().into_bytes();
                let request = world.request(ANNA, Method::POST, "/api/query", body);
                tokio::select! {
                    biased;
                    _answered = world.send(request) => false,
                    () = switch.held() => true,
                }
            });
            if !killed {
                break;
            }
            kills += 1;
            // A job goes on without whoever started it.
            for name in transcriber.jobs() {
                transcriber.end(&name, ends);
                let job = transcriber.started().remove(0);
                if ends == Transcription::Done {
                    transcriber.audio.hold(&job.transcript_key, Bytes::from_static(b"{}"));
                }
            }
            world.move_clock(LATER_S);
            runtime().block_on(swept(&world));
            let told = format!("killed at {port} {others}, and the job is {ends:?}");
            assert!(transcriber.jobs().is_empty(), "{told}");
            assert!(transcriber.audio.objects().is_empty(), "{told}");
        }
    }
    assert!(kills >= 12, "{kills}");
}

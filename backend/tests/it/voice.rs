//! Spoken questions and transcriptions: answers, money, what is refused, and that recording, job and transcript are
//! deleted however a call ends.

use std::time::Duration;

use backend::domain::audio::{AUDIO_BYTES_MAX, AudioType};
use backend::domain::failure::FailureKind;
use backend::domain::user::UserId;
use backend::memory::Trouble;
use backend::memory::recordings::silence;
use backend::memory::speech::Hearing;
use backend::ports::{PortErrorKind, Transcription};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::world::{ANNA, Answer, World, passage};

mod refusals;

const QUERY: &str = "/api/query";
const TRANSCRIBE: &str = "/api/transcribe";

/// The name of the field that holds the recording.
fn field(path: &str) -> &'static str {
    if path == QUERY { "file_data" } else { "audio_data" }
}

async fn send(world: &World, path: &str, body: &Value) -> Answer {
    let body = body.to_string().into_bytes();
    world.send(world.request(ANNA, Method::POST, path, body)).await
}

async fn speak(world: &World, path: &str, content_type: &str, bytes: &[u8]) -> Answer {
    let body = json!({ field(path): STANDARD.encode(bytes), "content_type": content_type });
    send(world, path, &body).await
}

/// Two seconds of a WAV file.
async fn say(world: &World, path: &str) -> Answer {
    speak(world, path, "audio/wav", &silence(AudioType::Wav, Duration::from_secs(2))).await
}

/// A user with a manual, who is heard to ask about it.
fn world_with(changes: &[(&str, &str)]) -> World {
    let world = World::with(changes);
    world.ports.search.hold(vec![passage(ANNA, "router", 3)]);
    world
}

/// Neither recording nor job nor transcript, now that all tasks have ended.
async fn assert_nothing_left(world: &World) {
    world.settle().await;
    let left = world.ports.transcriber.audio.objects();
    assert!(left.is_empty(), "{:?}", left.keys());
    assert_eq!(world.ports.transcriber.jobs(), Vec::<String>::new());
}

#[tokio::test]
async fn recordings_of_every_type_are_heard_and_answered() {
    let world = world_with(&[]);
    let types = AudioType::ALL.map(AudioType::content_type);
    for (audio, content_type) in AudioType::ALL.into_iter().zip(types) {
        let recording = silence(audio, Duration::from_secs(3));
        let codecs = format!("{content_type};codecs=any");
        let asked = speak(&world, QUERY, &codecs, &recording).await;
        assert_eq!(asked.status.as_u16(), 200, "{audio:?} {}", asked.json());
        assert_eq!(asked.json()["question"], "How do I reset it?");
        assert_eq!(asked.json()["sources"][0]["manual_id"], "router");
        let heard = speak(&world, TRANSCRIBE, content_type, &recording).await;
        assert_eq!(heard.status.as_u16(), 200, "{audio:?} {}", heard.json());
        assert_eq!(heard.json()["transcription"], "How do I reset it?");
        let job = world.ports.transcriber.started().pop().unwrap();
        let id = heard.header("x-request-id").to_owned();
        assert_eq!(job.audio, audio);
        assert_eq!(job.name, format!("manuel-{id}"));
        assert_eq!(job.audio_key, format!("audio/{ANNA}/{id}.{}", audio.extension()));
        assert_eq!(job.transcript_key, format!("audio/{ANNA}/{id}.json"));
    }
    assert_eq!(world.ports.transcriber.started().len(), 10);
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (10, 5, 10, 0));
}

#[tokio::test]
async fn both_kinds_are_charged_once_and_shown_apart() {
    let world = world_with(&[]);
    let asked = say(&world, QUERY).await.json();
    let cost = &asked["cost"];
    assert_eq!((&cost["operation"], &cost["currency"]), (&json!("query"), &json!("USD")));
    let line = json!({ "service": "transcribe", "operation": "transcription", "cost": 0.006,
        "unit": "second", "quantity": 15 });
    assert_eq!(cost["cost_breakdown"][0], line);
    let tokens: f64 = (1..3).map(|n| cost["cost_breakdown"][n]["cost"].as_f64().unwrap()).sum();
    let total = cost["total_cost"].as_f64().unwrap();
    assert!(tokens > 0.0 && (total - tokens - 0.006).abs() < 1e-12, "{cost}");
    assert_eq!(
        (&asked["usage"]["daily_used"], &asked["cache_status"]),
        (&json!(1), &json!("miss"))
    );

    let recording = silence(AudioType::Wav, Duration::from_millis(20_100));
    let heard = speak(&world, TRANSCRIBE, "audio/wav", &recording).await.json();
    assert_eq!(heard["cost"]["operation"], "transcribe");
    assert_eq!(heard["cost"]["cost_breakdown"][0]["quantity"], 21);
    assert_eq!(heard["cost"]["total_cost"], 0.0084);
    assert_eq!(
        heard["usage"],
        json!({ "daily_used": 2, "daily_limit": 50, "monthly_used": 2, "monthly_limit": 1000 })
    );
    assert_eq!(heard["request_id"], heard["cost"]["request_id"]);

    let day = world.get(ANNA, "/api/user/usage").await.json()["days"][0].clone();
    assert_eq!((&day["queries"], &day["transcriptions"]), (&json!(1), &json!(1)));
    assert!((day["cost"].as_f64().unwrap() - total - 0.0084).abs() < 1e-12, "{day}");
}

#[tokio::test]
async fn a_spoken_question_goes_the_way_of_a_typed_one() {
    let world = world_with(&[("CACHE_TTL_S", "1800")]);
    let typed = world.ask(ANNA, "How do I reset it?").await.json();
    world.ports.transcriber.hear(Hearing::Text("  How do I reset it? ".to_owned()));
    let spoken = say(&world, QUERY).await.json();
    assert_eq!(spoken["cache_status"], "hit");
    assert_eq!((&spoken["answer"], &spoken["sources"]), (&typed["answer"], &typed["sources"]));
    assert_eq!(spoken["cost"]["total_cost"], 0.006, "only the transcription");
}

#[tokio::test]
async fn four_megabytes_are_taken_to_the_byte() {
    let world = world_with(&[]);
    let mut recording = silence(AudioType::Wav, Duration::from_secs(1)).to_vec();
    recording.resize(AUDIO_BYTES_MAX, 0);
    assert_eq!(speak(&world, TRANSCRIBE, "audio/wav", &recording).await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_was_said_decides_whether_it_is_a_question() {
    let world = world_with(&[]);
    let long = "x".repeat(1001);
    for (path, said, status, code) in [
        (QUERY, "", 422, "no_speech"),
        (QUERY, " \n", 422, "no_speech"),
        (TRANSCRIBE, "  ", 422, "no_speech"),
        (QUERY, long.as_str(), 400, "question_too_long"),
        (TRANSCRIBE, long.as_str(), 200, ""),
    ] {
        world.ports.transcriber.hear(Hearing::Text(said.to_owned()));
        let answer = say(&world, path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
    }
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (1, 0, 1, 0), "only the long transcription was answered");
}

#[tokio::test]
async fn a_job_that_fails_is_told_by_its_reason_and_leaves_nothing() {
    let world = world_with(&[]);
    let broken = |text: &'static str| Hearing::Written(Bytes::from_static(text.as_bytes()));
    for (hearing, status, code) in [
        (Hearing::Ends(Transcription::Unreadable), 422, "audio_unreadable"),
        (Hearing::Ends(Transcription::Failed), 503, "transcription_unavailable"),
        (broken("{\"results\":{}}"), 503, "transcription_unavailable"),
        (broken("<Error/>"), 503, "transcription_unavailable"),
    ] {
        world.ports.transcriber.hear(hearing.clone());
        for path in [QUERY, TRANSCRIBE] {
            let answer = say(&world, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{hearing:?}"
            );
            assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        }
    }
    let huge = Bytes::from(vec![b' '; 2 * 1024 * 1024]);
    world.ports.transcriber.hear(Hearing::Written(huge));
    assert_eq!(say(&world, QUERY).await.code(), "files_unavailable");
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn every_port_that_fails_is_named_and_nothing_is_charged_or_left() {
    const OUT: Trouble = Trouble::Fails(PortErrorKind::Unavailable);
    const BUSY: Trouble = Trouble::Fails(PortErrorKind::Throttled);
    let world = world_with(&[]);
    let ports = &world.ports;
    for (switch, trouble, status, code) in [
        (&ports.transcriber.audio.trouble, OUT, 503, "files_unavailable"),
        (&ports.transcriber.audio.trouble, BUSY, 429, "files_throttled"),
        (&ports.transcriber.audio.trouble, Trouble::LosesReplies, 503, "files_unavailable"),
        (&ports.transcriber.trouble, OUT, 503, "transcription_unavailable"),
        (&ports.transcriber.trouble, BUSY, 429, "transcription_throttled"),
        (&ports.transcriber.trouble, Trouble::LosesReplies, 503, "transcription_unavailable"),
        (&ports.quota.trouble, OUT, 503, "store_unavailable"),
        (&ports.model.trouble, OUT, 503, "model_unavailable"),
        (&ports.search.trouble, OUT, 503, "search_unavailable"),
    ] {
        for path in [QUERY, TRANSCRIBE] {
            let asks_more = code.starts_with("model") || code.starts_with("search");
            if asks_more && path == TRANSCRIBE {
                continue;
            }
            switch.set(Some(trouble));
            let answer = say(&world, path).await;
            // What a port refused to delete while it failed is deleted after.
            switch.set(None);
            // Each case by itself: what breakers remember of the others is too old.
            world.move_clock(11);
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{path} {trouble:?}"
            );
            assert_nothing_left(&world).await;
        }
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_job_that_hangs_ends_with_the_deadline_and_is_deleted_when_it_can_be() {
    let world = world_with(&[("REQUEST_DEADLINE_MS", "600")]);
    world.ports.transcriber.hear(Hearing::Endless);
    for path in [QUERY, TRANSCRIBE] {
        let answer = say(&world, path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (504, "deadline_exceeded"));
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0), "given back before the answer");
    assert_eq!(world.ports.transcriber.audio.objects().len(), 0, "the recordings are away at once");
    assert_eq!(world.ports.transcriber.jobs().len(), 2, "a job at work cannot be deleted");
    // They end after all, and write their transcripts.
    world.ports.transcriber.hear(Hearing::Text("too late".to_owned()));
    assert_nothing_left(&world).await;
}

#[tokio::test]
async fn a_port_that_hangs_ends_with_the_deadline() {
    let world = world_with(&[("REQUEST_DEADLINE_MS", "400")]);
    let ports = &world.ports;
    for switch in
        [&ports.transcriber.audio.trouble, &ports.transcriber.trouble, &ports.model.trouble]
    {
        switch.set(Some(Trouble::Hangs));
        let answer = say(&world, QUERY).await;
        switch.set(None);
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (504, "deadline_exceeded"));
        assert_nothing_left(&world).await;
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_and_pays_nothing() {
    let world = world_with(&[]);
    world.ports.transcriber.hear(Hearing::Endless);
    for path in [QUERY, TRANSCRIBE] {
        let gone = tokio::time::timeout(Duration::from_millis(300), say(&world, path)).await;
        assert!(gone.is_err(), "it was still listening");
    }
    assert_eq!(world.ports.transcriber.started().len(), 2);
    world.ports.transcriber.hear(Hearing::Ends(Transcription::Failed));
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_deletion_that_fails_does_not_fail_the_answer() {
    let world = world_with(&[]);
    world.ports.transcriber.trouble_deleting.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    for path in [QUERY, TRANSCRIBE] {
        assert_eq!(say(&world, path).await.status.as_u16(), 200);
    }
    world.settle().await;
    assert!(
        world.ports.transcriber.audio.objects().is_empty(),
        "the others are deleted all the same"
    );
    assert_eq!(world.ports.transcriber.jobs().len(), 2);
    assert_eq!(world.figures(ANNA), (2, 1, 2, 0));
    let told = world.ports.failures.sent();
    assert_eq!(told.len(), 2, "{told:?}");
    for failure in &told {
        assert_eq!(failure.kind, FailureKind::TranscriptionLeft);
        assert_eq!(failure.user_hash, Some(UserId::parse(ANNA).unwrap().hash()));
    }

    // A bucket that refuses from the end of the job on: recording and transcript stay.
    let asking = say(&world, TRANSCRIBE);
    let breaking = async {
        while world.ports.transcriber.started().len() < 3 {
            tokio::task::yield_now().await;
        }
        let bucket = &world.ports.transcriber.audio.trouble;
        bucket.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    };
    let (asked, ()) = tokio::join!(asking, breaking);
    assert_eq!(asked.code(), "files_unavailable");
    world.settle().await;
    let told = world.ports.failures.sent();
    let mut kinds: Vec<FailureKind> = told.iter().skip(2).map(|failure| failure.kind).collect();
    kinds.sort();
    assert_eq!(kinds, [FailureKind::AudioLeft, FailureKind::TranscriptionLeft]);
}

#[tokio::test]
async fn recordings_that_hang_leave_typed_questions_their_room() {
    let world = world_with(&[("VOICE_CONCURRENCY", "2")]);
    world.ports.transcriber.hear(Hearing::Endless);
    let hung = async { tokio::join!(say(&world, QUERY), say(&world, TRANSCRIBE)) };
    let meanwhile = async {
        while world.ports.transcriber.started().len() < 2 {
            tokio::task::yield_now().await;
        }
        for path in [QUERY, TRANSCRIBE] {
            let refused = say(&world, path).await;
            assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "voice_busy"));
            assert_eq!(
                (refused.header("retry-after"), &refused.json()["retryable"]),
                ("2", &json!(true))
            );
        }
        assert_eq!(world.figures(ANNA), (2, 0, 2, 2), "the refused ones reserved nothing");
        let questions: Vec<String> = (0..20).map(|n| format!("What is number {n}?")).collect();
        let typed = questions.iter().map(|question| world.ask(ANNA, question));
        for answer in futures::future::join_all(typed).await {
            assert_eq!(answer.status.as_u16(), 200);
        }
    };
    tokio::select! {
        _answers = hung => panic!("the recordings go on"),
        () = meanwhile => {}
    }
    assert_eq!(world.ports.transcriber.started().len(), 2);
    // Both were dropped: their places are free again.
    world.ports.transcriber.hear(Hearing::default());
    assert_eq!(say(&world, QUERY).await.status.as_u16(), 200);
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (21, 21, 21, 0));
}

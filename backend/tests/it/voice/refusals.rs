//! What is no recording, or no call: refused before anything is stored or charged.

use std::time::Duration;

use backend::domain::audio::{AUDIO_BYTES_MAX, AudioType};
use backend::memory::recordings::silence;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::json;

use super::{QUERY, TRANSCRIBE, assert_nothing_left, field, send, speak, world_with};
use crate::world::ANNA;

#[tokio::test]
async fn what_is_no_recording_is_refused_and_leaves_no_trace() {
    let world = world_with(&[]);
    let wav = silence(AudioType::Wav, Duration::from_secs(1));
    let seconds = |length| silence(AudioType::Flac, Duration::from_secs_f64(length)).to_vec();
    let mut over = wav.to_vec();
    over.resize(AUDIO_BYTES_MAX + 1, 0);
    let cases: Vec<(&str, &str, Vec<u8>, u16)> = vec![
        ("audio/ogg", "unsupported_content_type", wav.to_vec(), 415),
        ("audio/x-wav", "unsupported_content_type", wav.to_vec(), 415),
        ("application/pdf", "unsupported_content_type", wav.to_vec(), 415),
        ("", "unsupported_content_type", wav.to_vec(), 415),
        ("audio/mpeg", "content_type_mismatch", wav.to_vec(), 415),
        ("audio/wav", "content_type_mismatch", b"%PDF-1.7".to_vec(), 415),
        ("audio/wav", "file_empty", vec![], 400),
        ("audio/wav", "audio_too_large", over, 413),
        ("audio/wav", "audio_unreadable", b"RIFF\0\0\0\0WAVEgarbage".to_vec(), 422),
        ("audio/flac", "audio_too_short", seconds(0.4), 422),
        ("audio/flac", "audio_too_long", seconds(60.1), 422),
    ];
    for path in [QUERY, TRANSCRIBE] {
        for (content_type, code, bytes, status) in &cases {
            let answer = speak(&world, path, content_type, bytes).await;
            let told = (answer.status.as_u16(), answer.code());
            assert_eq!(told, (*status, (*code).to_owned()), "{path} {content_type}");
        }
        let body = json!({ field(path): "not base64!", "content_type": "audio/wav" });
        assert_eq!(send(&world, path, &body).await.code(), "file_data_invalid");
        let body = json!({ field(path): 5, "content_type": "audio/wav" });
        assert_eq!(send(&world, path, &body).await.code(), "invalid_json");
    }
    let data = STANDARD.encode(&wav);
    for (path, body, status, code) in [
        (
            QUERY,
            json!({ "question": "x", "file_data": data, "content_type": "audio/wav" }),
            400,
            "question_ambiguous",
        ),
        (QUERY, json!({ "content_type": "audio/wav" }), 400, "question_empty"),
        (QUERY, json!({ "file_data": data }), 415, "unsupported_content_type"),
        (TRANSCRIBE, json!({ "content_type": "audio/wav" }), 400, "invalid_json"),
        (TRANSCRIBE, json!({ "audio_data": data }), 400, "invalid_json"),
        (
            TRANSCRIBE,
            json!({ "audio_data": data, "content_type": "audio/wav", "filename": "a\u{202e}\u{0}" }),
            400,
            "filename_invalid",
        ),
    ] {
        let answer = send(&world, path, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
    }
    let anonymous = http::Request::builder().method(Method::POST).uri(TRANSCRIBE);
    let anonymous = world.send(anonymous.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(anonymous.code(), "token_missing");
    assert!(world.ports.transcriber.started().is_empty());
    assert_nothing_left(&world).await;
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

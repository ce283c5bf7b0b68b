//! Recordings that are none, for both routes that take one.

use std::time::Duration;

use backend::domain::audio::AudioType;
use backend::memory::recordings::silence;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Row, Scene, row};

const AUDIO_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = forms(scene);
    rows.extend(recordings(scene));
    rows
}

/// The same recording for both routes.
fn both(
    scene: &Scene,
    what: &str,
    (data, content_type): (&Value, &Value),
    refused: (u16, &'static str),
) -> [Row; 2] {
    let (status, code) = refused;
    let body = |name: &str| json!({ name: data, "content_type": content_type }).to_string();
    [("/api/transcribe", "audio_data"), ("/api/query", "file_data")].map(|(path, name)| {
        row(format!("{path}: {what}"), scene.post(path, body(name)), status, code)
    })
}

fn forms(scene: &Scene) -> Vec<Row> {
    let good = json!(STANDARD.encode(silence(AudioType::Wav, Duration::from_secs(1))));
    let mut rows = Vec::new();
    for content_type in
        ["", "audio/x-evil", "audio/*", "video/mp4", "application/pdf", "audio/wav\0", "wav"]
    {
        let what = format!("a recording as `{content_type:?}`");
        let refused = (415, "unsupported_content_type");
        rows.extend(both(scene, &what, (&good, &json!(content_type)), refused));
    }
    for (what, data) in
        [("signs that are none", "!!!!"), ("no padding", "UklGRg"), ("URL-safe letters", "_-_-")]
    {
        rows.extend(both(
            scene,
            what,
            (&json!(data), &json!("audio/wav")),
            (400, "file_data_invalid"),
        ));
    }
    rows.extend(both(scene, "nothing", (&json!(""), &json!("audio/wav")), (400, "file_empty")));
    let large = json!(STANDARD.encode(vec![b'R'; AUDIO_BYTES_MAX + 1]));
    let refused = (413, "audio_too_large");
    rows.extend(both(scene, "a byte too large", (&large, &json!("audio/wav")), refused));
    for (what, body) in [
        ("no data", json!({ "content_type": "audio/wav" })),
        ("no type", json!({ "audio_data": good })),
        ("null for data", json!({ "audio_data": null, "content_type": "audio/wav" })),
        ("a list for a type", json!({ "audio_data": good, "content_type": ["audio/wav"] })),
    ] {
        let request = scene.post("/api/transcribe", body.to_string());
        rows.push(row(format!("/api/transcribe: {what}"), request, 400, "invalid_json"));
    }
    for (what, name) in
        [("NUL", "a\0.wav".to_owned()), ("256 letters", "x".repeat(256)), ("none", String::new())]
    {
        let body = json!({ "audio_data": good, "content_type": "audio/wav", "filename": name });
        let request = scene.post("/api/transcribe", body.to_string());
        rows.push(row(
            format!("/api/transcribe: a name: {what}"),
            request,
            400,
            "filename_invalid",
        ));
    }
    rows
}

fn recordings(scene: &Scene) -> Vec<Row> {
    let wav = silence(AudioType::Wav, Duration::from_secs(1)).to_vec();
    let lasting = |audio, ms| silence(audio, Duration::from_millis(ms)).to_vec();
    let cases: Vec<(&str, Vec<u8>, &str, u16, &'static str)> = vec![
        ("text as WAV", b"How do I?".to_vec(), "audio/wav", 415, "content_type_mismatch"),
        ("WAV as FLAC", wav.clone(), "audio/flac", 415, "content_type_mismatch"),
        ("WAV as MPEG", wav.clone(), "audio/mpeg", 415, "content_type_mismatch"),
        (
            "FLAC as WebM",
            lasting(AudioType::Flac, 1000),
            "audio/webm",
            415,
            "content_type_mismatch",
        ),
        ("MP4 as WAV", lasting(AudioType::Mp4, 1000), "audio/wav", 415, "content_type_mismatch"),
        (
            "a picture in RIFF",
            b"RIFF\x04\0\0\0WEBPVP8 ".to_vec(),
            "audio/wav",
            415,
            "content_type_mismatch",
        ),
        ("the head of WAV alone", wav[..12].to_vec(), "audio/wav", 422, "audio_unreadable"),
        ("the mark of FLAC alone", b"fLaC".to_vec(), "audio/flac", 422, "audio_unreadable"),
        (
            "the mark of WebM alone",
            vec![0x1a, 0x45, 0xdf, 0xa3],
            "audio/webm",
            422,
            "audio_unreadable",
        ),
        (
            "zeros behind a head",
            [b"RIFF\xff\xff\xff\xffWAVE".as_slice(), &[0; 4000]].concat(),
            "audio/wav",
            422,
            "audio_unreadable",
        ),
        ("a moment of WAV", lasting(AudioType::Wav, 100), "audio/wav", 422, "audio_too_short"),
        ("a moment of WebM", lasting(AudioType::Webm, 100), "audio/webm", 422, "audio_too_short"),
        ("61 s of WAV", lasting(AudioType::Wav, 61_000), "audio/wav", 422, "audio_too_long"),
        ("61 s of MPEG", lasting(AudioType::Mpeg, 61_000), "audio/mpeg", 422, "audio_too_long"),
        ("61 s of WebM", lasting(AudioType::Webm, 61_000), "audio/webm", 422, "audio_too_long"),
    ];
    let of =
        |(what, bytes, content_type, status, code): (&str, Vec<u8>, &str, u16, &'static str)| {
            both(
                scene,
                what,
                (&json!(STANDARD.encode(bytes)), &json!(content_type)),
                (status, code),
            )
        };
    cases.into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn no_such_recording_is_listened_to() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

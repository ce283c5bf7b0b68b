//! Requests that a firewall before Manuel must let through: a token where one is asked for, and bodies that look like
//! anything (api.md: SQL- or HTML-looking questions are answered, uploads and recordings are large).

pub(super) mod corpus;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderValue;
use http::header;
use serde_json::Value;
use serde_json::json;

use super::lint::Legitimate;

/// A manual of this size is uploaded in one request; as base64 it nearly fills the 6 MB that one may have.
const UPLOAD: usize = 4 << 20;
/// A recording of about a minute.
const RECORDING: usize = 1 << 20;
/// The claims in it are nobody's; only its shape is looked at.
const TOKEN: &str =
    "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleSJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl";

/// Questions that look like an attack and are none.
const QUESTIONS: &[&str] = &[
    "How fast is the WAN port of the router?",
    "What does DROP TABLE do?",
    "SELECT * FROM users WHERE id = 1 or 1=1; -- what does this print?",
    "Is '; DROP TABLE manuals; -- dangerous for the logger?",
    "What does <script>alert(1)</script> mean in chapter 3?",
    "Why is ../../etc/passwd shown on the display?",
    "May I open http://192.168.1.1/setup?a=1&b=2 from the guest network?",
    "Does the camera ask http://169.254.169.254/latest/meta-data?",
];

/// One of each kind.
pub(super) fn requests() -> Vec<Legitimate> {
    let mut all: Vec<Legitimate> = QUESTIONS
        .iter()
        .map(|text| {
            post("/api/query", &format!("the question `{text}`"), &json!({"question": text}))
        })
        .collect();
    let recording = STANDARD.encode(noise(RECORDING));
    let spoken = |member: &str| json!({member: recording, "content_type": "audio/wav"});
    let upload = json!({
        "filename": "SQL; a beginner's manual.pdf",
        "content_type": "application/pdf",
        "file_data": STANDARD.encode(noise(UPLOAD)),
    });
    let announced = json!({
        "filename": "Installation & use.pdf", "content_type": "application/pdf", "size": 5_242_880,
        "sha256": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    });
    let from = json!({"url": "https://example.com/manuals/router.pdf?version=2&lang=en"});
    all.extend([
        post("/api/query", "a spoken question", &spoken("file_data")),
        post("/api/transcribe", "a recording", &spoken("audio_data")),
        post("/api/manuals/upload", "an upload of 4 MB", &upload),
        post("/api/manuals/upload-url", "an announced upload", &announced),
        post("/api/manuals/download", "a download", &from),
    ]);
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let cursor = "eyJwayI6IlVTRVIjMSIsInNrIjoiTUFOIzBmOGZhZDViLWQ5Y2ItNDY5Zi1hMTY1In0";
    let with_token = [
        ("POST", format!("/api/manuals/{id}/complete")),
        ("GET", format!("/api/manuals/{id}")),
        ("DELETE", format!("/api/manuals/{id}")),
        ("GET", format!("/api/manuals?limit=20&cursor={cursor}")),
        ("GET", "/api/user/usage?days=31".to_owned()),
        ("GET", format!("/api/ingestion/job/{id}")),
    ];
    all.extend(with_token.map(|(method, target)| request(method, &target, true)));
    let without =
        [("OPTIONS", "/api/query"), ("GET", "/health"), ("GET", "/version"), ("GET", "/docs")];
    all.extend(without.map(|(method, target)| request(method, target, false)));
    all
}

fn post(path: &str, name: &str, body: &Value) -> Legitimate {
    let mut post = request("POST", path, true);
    name.clone_into(&mut post.name);
    post.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    post.body = body.to_string().into_bytes();
    post
}

fn request(method: &str, target: &str, with_token: bool) -> Legitimate {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("api.manuel.example"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64)"));
    if with_token {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(TOKEN));
    }
    Legitimate {
        name: format!("{method} {target}"),
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
    }
}

/// Bytes without an order, the same each time (a congruential generator; Numerical Recipes' constants).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

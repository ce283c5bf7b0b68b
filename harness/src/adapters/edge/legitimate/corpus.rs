//! What the attack corpus calls legitimate (`fixtures/attacks/legitimate.toml`, and its twins in other families), as a
//! firewall sees it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use http::HeaderValue;
use manuel_client::percent;
use serde_json::json;
use verdict::domain::attack::Attack;
use verdict::domain::attack::Payload;
use verdict::domain::attack::Place;
use verdict::domain::attack::place::Carrier;
use verdict::domain::attack::place::FilenameCall;

use super::Legitimate;
use super::post;
use super::request;

/// The requests of `attacks` that are legitimate; those that are written to a socket, and those about ids, are of no kind
/// that a rule of a firewall looks into.
pub(in crate::adapters::edge) fn requests(attacks: &[Attack]) -> Vec<Legitimate> {
    attacks.iter().filter(|attack| attack.legitimate).filter_map(of).collect()
}

fn of(attack: &Attack) -> Option<Legitimate> {
    let Payload::Template(template) = &attack.payload else { return None };
    let bytes = template.fill(&BTreeMap::new());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let data = || STANDARD.encode(&bytes);
    let name = format!("`{}` of the corpus", attack.name);
    let uploaded = |filename: &str, content_type: &str, data: String| {
        let body = json!({"filename": filename, "content_type": content_type, "file_data": data});
        post("/api/manuals/upload", &name, &body)
    };
    Some(match &attack.place {
        Place::Question => post("/api/query", &name, &json!({ "question": text })),
        Place::Voice { content_type } => {
            post("/api/query", &name, &json!({"file_data": data(), "content_type": content_type}))
        }
        Place::Transcription { content_type } => {
            let body = json!({"audio_data": data(), "content_type": content_type});
            post("/api/transcribe", &name, &body)
        }
        Place::Manual { content_type, filename, .. } => uploaded(filename, content_type, data()),
        Place::Filename(FilenameCall::Upload) => uploaded(&text, "text/markdown", String::new()),
        Place::Filename(FilenameCall::Announce) => {
            let body =
                json!({"filename": text, "content_type": "application/pdf", "size": 5_000_000});
            post("/api/manuals/upload-url", &name, &body)
        }
        Place::Filename(FilenameCall::Download) => {
            let body = json!({"url": "https://site.example/manual.md", "filename": text});
            post("/api/manuals/download", &name, &body)
        }
        Place::DownloadUrl => post("/api/manuals/download", &name, &json!({ "url": text })),
        Place::Body { path, .. } => {
            let mut body = post(path, &name, &json!(null));
            body.body = bytes;
            body
        }
        Place::Parameter { path, name: parameter } => {
            let target = format!("{path}?{parameter}={}", percent::encoded(&bytes));
            Legitimate { name, ..request("GET", &target, true) }
        }
        Place::Header { name: header, on } => {
            let mut carrier = match on {
                Carrier::Health => request("GET", "/health", false),
                Carrier::List => request("GET", "/api/manuals", true),
                Carrier::Question => post("/api/query", &name, &json!({"question": "Why?"})),
                Carrier::Upload => uploaded("kettle.md", "text/markdown", String::new()),
            };
            let header: HeaderName = header.parse().ok()?;
            carrier.headers.insert(header, HeaderValue::from_bytes(&bytes).ok()?);
            Legitimate { name, ..carrier }
        }
        Place::Id(_)
        | Place::Path { .. }
        | Place::LargeManual { .. }
        | Place::Token
        | Place::Signature
        | Place::Timestamp
        | Place::Raw { .. } => return None,
    })
}

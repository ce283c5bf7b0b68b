//! No line of the log and no metric carries a token, a key, a question, a passage, an answer, a file's name, a transcript
//! or a presigned URL: the whole router at the finest level, with everything that can fail failing, and what it wrote.

use backend::logging;
use backend::memory::{Switch, Trouble};
use backend::ports::PortErrorKind;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Method, Request};
use serde_json::json;

use crate::logs::{Written, keep_listening};
use crate::world::{ANNA, HMAC_KEY, World, passage, upload_body};

const QUESTION: &str = "canary-question: where is the reset-pin/hole?";
pub(crate) const ANSWER: &str = "canary-answer: behind the flap. [1]";
pub(crate) const PASSAGE: &str = "canary-passage: the flap & the pin";
const FILENAME: &str = "canary-file name.md";
const CONTENT: &str = "# canary-content of a manual";
const KEY: &str = "canary-idempotency-key";

/// What no line may carry, whatever was asked.
pub(crate) const CANARIES: [&str; 9] = [
    QUESTION,
    ANSWER,
    PASSAGE,
    FILENAME,
    CONTENT,
    KEY,
    match std::str::from_utf8(HMAC_KEY) {
        Ok(key) => key,
        Err(_no_text) => panic!("the key is a text"),
    },
    "canary",
    ANNA,
];

/// The ways in which a secret could be written down.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![
        secret.to_owned(),
        percent.replace('+', "%20"),
        percent,
        hex::encode(secret),
        hex::encode_upper(secret),
        json!(secret).to_string().trim_matches('"').to_owned(),
        format!("{:?}", secret.as_bytes()).trim_matches(['[', ']']).to_owned(),
    ];
    // Base64 depends on where the secret starts; what its neighbours touch is cut off.
    for before in 0..3 {
        let padded = format!("{}{secret}", "x".repeat(before));
        for engine in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let engine = engine.trim_end_matches('=');
            forms.push(engine[4..engine.len() - 4].to_owned());
        }
    }
    // What is left of a short one could stand anywhere.
    forms.retain(|form| form.len() >= 6);
    forms
}

pub(crate) fn assert_absent(text: &str, secrets: &[&str]) {
    for secret in secrets {
        for form in forms(secret) {
            let line = text.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "`{secret}` as `{form}` in {line:?}");
        }
    }
}

/// Every route that a user has, good and bad; gives what clients sent and got that is secret.
pub(crate) async fn use_everything(world: &World) -> Vec<String> {
    let mut secrets = Vec::new();
    world.ask(ANNA, QUESTION).await;
    world.ask(ANNA, &format!("{QUESTION}\u{7}")).await;
    world.get(ANNA, "/api/user/usage").await;
    world.get(ANNA, "/api/user/quota").await;
    let body = upload_body(FILENAME, "text/markdown", CONTENT.as_bytes());
    let mut upload = world.signed_request(ANNA, Method::POST, "/api/manuals/upload", body);
    upload.headers_mut().insert("idempotency-key", KEY.parse().unwrap());
    secrets.push(upload.headers()["x-manuel-signature"].to_str().unwrap().to_owned());
    let uploaded = world.send(upload).await.json();
    let id = uploaded["manual_id"].as_str().unwrap_or("none").to_owned();
    world.get(ANNA, "/api/manuals").await;
    let row = world.get(ANNA, &format!("/api/manuals/{id}")).await.json();
    secrets.extend(row["download_url"].as_str().map(str::to_owned));
    let promised = json!({ "filename": FILENAME, "content_type": "text/markdown",
        "size": 5_000_000, "sha256": "0".repeat(64) });
    let path = "/api/manuals/upload-url";
    let promise = world.signed_request(ANNA, Method::POST, path, promised.to_string().into_bytes());
    let promise = world.send(promise).await.json();
    secrets.extend(promise["upload_url"].as_str().map(str::to_owned));
    for path in ["/api/query", "/api/transcribe"] {
        let spoken = json!({ "file_data": STANDARD.encode(QUESTION), "question": 7,
            "audio_data": STANDARD.encode(QUESTION), "content_type": "audio/wav",
            "filename": FILENAME });
        let body = spoken.to_string().into_bytes();
        world.send(world.request(ANNA, Method::POST, path, body)).await;
    }
    let broken = format!("{{\"question\": \"{QUESTION}\"");
    world.send(world.request(ANNA, Method::POST, "/api/query", broken.into_bytes())).await;
    let mut unsigned =
        world.signed_request(ANNA, Method::POST, "/api/manuals/upload", QUESTION.into());
    let wrong = "c0".repeat(32);
    unsigned.headers_mut().insert("x-manuel-signature", wrong.parse().unwrap());
    world.send(unsigned).await;
    secrets.push(wrong);
    world.get(ANNA, "/api/manuals/canary-unknown-id?cursor=canary-cursor").await;
    let nowhere = Request::builder().uri("/canary-path?token=canary-cursor");
    let nowhere = nowhere.header("authorization", "Bearer canary-bad-token");
    world.send(nowhere.body(axum::body::Body::empty()).unwrap()).await;
    let bad = Request::builder().uri("/api/manuals");
    let bad = bad.header("authorization", "Bearer canary-bad-token.canary.canary");
    world.send(bad.body(axum::body::Body::empty()).unwrap()).await;
    world.delete(ANNA, &id).await;
    let health = Request::builder().uri("/health/deep").body(axum::body::Body::empty());
    world.send(health.unwrap()).await;
    world.settle().await;
    secrets
}

#[tokio::test]
async fn no_line_carries_a_secret_whatever_fails() {
    keep_listening();
    let written = Written::default();
    let writer = written.clone();
    let subscriber = logging::subscriber(Some("trace"), move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber);
    let switches: [fn(&World) -> &Switch; 8] = [
        |world| &world.ports.quota.trouble,
        |world| &world.ports.rows.trouble,
        |world| &world.ports.files.trouble,
        |world| &world.ports.search.trouble,
        |world| &world.ports.model.trouble,
        |world| &world.ports.secret.trouble,
        |world| &world.ports.jwks.trouble,
        |world| &world.ports.transcriber.trouble,
    ];
    let kinds = [PortErrorKind::Unavailable, PortErrorKind::Throttled, PortErrorKind::Corrupt];
    let failing = switches.into_iter().flat_map(|switch| kinds.map(|kind| Some((switch, kind))));
    for trouble in std::iter::once(None).chain(failing) {
        let world = World::new();
        let mut found = passage(ANNA, "m-1", 1);
        PASSAGE.clone_into(&mut found.text);
        world.ports.search.hold(vec![found]);
        world.ports.model.say(ANSWER);
        if let Some((switch, kind)) = trouble {
            switch(&world).set(Some(Trouble::Fails(kind)));
        }
        let token = world.token(ANNA);
        let mut secrets = use_everything(&world).await;
        secrets.extend(token.split('.').skip(1).map(str::to_owned));
        let text = written.text();
        assert!(text.contains("\"request\"") && text.contains("RequestCount"), "{text}");
        assert_absent(&text, &secrets.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert_absent(&written.text(), &CANARIES);
    for line in written.text().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line.is_object(), "each line is one whole object");
    }
}

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    for form in forms(QUESTION) {
        let found = std::panic::catch_unwind(|| assert_absent(&format!("a {form} b"), &[QUESTION]));
        assert!(found.is_err(), "{form}");
    }
    assert_absent("nothing of it", &[QUESTION]);
}

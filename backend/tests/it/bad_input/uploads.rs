//! Uploads and announcements whose words are wrong: names, types, base64, sizes, checksums, keys; and the names of
//! downloads, whose URLs are in `downloads`.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use super::{Row, Scene, row};

const UPLOAD: &str = "/api/manuals/upload";
const ANNOUNCE: &str = "/api/manuals/upload-url";
const DOWNLOAD: &str = "/api/manuals/download";

fn changed(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn good() -> Value {
    json!({ "filename": "a.md", "content_type": "text/markdown", "file_data": STANDARD.encode("# text") })
}

fn announced() -> Value {
    json!({ "filename": "a.pdf", "content_type": "application/pdf", "size": 5_000_000, "sha256": "a".repeat(64) })
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = members(scene);
    rows.extend(names(scene));
    rows.extend(types(scene));
    rows.extend(data(scene));
    rows.extend(announcements(scene));
    rows.extend(keys(scene));
    rows
}

fn signed(scene: &Scene, path: &str, body: &Value) -> Request<Body> {
    scene.signed(Method::POST, path, body.to_string())
}

fn members(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, body) in [(UPLOAD, good()), (ANNOUNCE, announced())] {
        for name in body.as_object().unwrap().keys() {
            for (what, body) in [
                ("missing", without(body.clone(), name)),
                ("null", changed(body.clone(), name, Value::Null)),
                ("a list", changed(body.clone(), name, json!(["x"]))),
            ] {
                let what = format!("{path}: {name} {what}");
                rows.push(row(what, signed(scene, path, &body), 400, "invalid_json"));
            }
        }
    }
    let twice =
        r#"{"filename":"a.md","filename":"b.md","content_type":"text/plain","file_data":"YQ=="}"#;
    let twice = scene.signed(Method::POST, UPLOAD, twice);
    rows.push(row("upload: two names", twice, 400, "invalid_json"));
    rows
}

fn names(scene: &Scene) -> Vec<Row> {
    let names = [
        ("empty", String::new()),
        ("spaces", " \t ".to_owned()),
        ("256 letters", "x".repeat(256)),
        ("256 letters of two bytes", "ü".repeat(256)),
        ("a million letters", "x".repeat(1_000_000)),
        ("NUL", "a\0.pdf".to_owned()),
        ("a line end", "a\r\nSet-Cookie: x=y.pdf".to_owned()),
        ("an escape sequence", "a\u{1b}[2J.pdf".to_owned()),
        ("a control character of C1", "a\u{85}.pdf".to_owned()),
        ("a right-to-left override", "invoice\u{202e}fdp.exe".to_owned()),
        ("an isolate", "a\u{2067}b.pdf".to_owned()),
        ("a line separator", "a\u{2028}b.pdf".to_owned()),
    ];
    let mut rows = Vec::new();
    let fetched = json!({ "url": "https://example.com/a.md" });
    for (path, body) in [(UPLOAD, good()), (ANNOUNCE, announced()), (DOWNLOAD, fetched)] {
        for (what, name) in &names {
            let body = changed(body.clone(), "filename", json!(name));
            let what = format!("{path}: a name: {what}");
            rows.push(row(what, signed(scene, path, &body), 400, "filename_invalid"));
        }
    }
    rows
}

fn types(scene: &Scene) -> Vec<Row> {
    let types = [
        "",
        "pdf",
        "image/png",
        "application/zip",
        "application/octet-stream",
        "text/html",
        "application/pdf\0",
        "application/pdfx",
        "text/*",
        "audio/wav",
    ];
    let mut rows = Vec::new();
    for (path, body) in [(UPLOAD, good()), (ANNOUNCE, announced())] {
        for content_type in types {
            let body = changed(body.clone(), "content_type", json!(content_type));
            let what = format!("{path} of a `{content_type:?}`");
            rows.push(row(what, signed(scene, path, &body), 415, "unsupported_content_type"));
        }
    }
    rows
}

fn data(scene: &Scene) -> Vec<Row> {
    let refused = |what: &str, data: String, status, code| {
        let body = changed(good(), "file_data", json!(data));
        row(format!("upload: data: {what}"), signed(scene, UPLOAD, &body), status, code)
    };
    let mut rows: Vec<Row> = [
        ("signs that are none", "!!!!"),
        ("without padding", "IyB0ZXh0IQ"),
        ("too much padding", "IyB0ZXh0==="),
        ("padding in the middle", "IyB0=ZXh0"),
        ("only padding", "===="),
        ("one letter", "I"),
        ("URL-safe letters", "_-_-"),
        ("a space inside", "IyB0 ZXh0"),
        ("a line end inside", "IyB0\nZXh0"),
        ("a data URL", "data:text/plain;base64,IyB0ZXh0"),
        ("bits behind its end", "IyB0ZXh0IR=="),
        ("hexadecimal", "0x2320"),
        ("letters of another script", "ІуB0ZXh0"),
        ("NUL", "IyB0\0ZXh0"),
    ]
    .map(|(what, data)| refused(what, data.to_owned(), 400, "file_data_invalid"))
    .into();
    rows.push(refused("empty", String::new(), 400, "file_empty"));
    rows.push(refused("spaces", "   ".to_owned(), 400, "file_empty"));
    let large = STANDARD.encode(vec![b'a'; 4_500_001]);
    rows.push(refused("a byte too large", large, 413, "file_too_large"));
    let huge = "A".repeat(6_200_000);
    rows.push(refused("as large as a body takes", huge, 413, "file_too_large"));
    rows
}

fn announcements(scene: &Scene) -> Vec<Row> {
    let refused = |what: &str, body: Value, status, code| {
        row(format!("announcement: {what}"), signed(scene, ANNOUNCE, &body), status, code)
    };
    let size = |size: Value| changed(announced(), "size", size);
    let checksum = |text: &str| changed(announced(), "sha256", json!(text));
    vec![
        refused("no bytes", size(json!(0)), 400, "file_too_small"),
        refused("as small as an upload", size(json!(4 << 20)), 400, "file_too_small"),
        refused("a byte too large", size(json!((50 << 20) + 1)), 413, "file_too_large"),
        refused("all bytes there are", size(json!(u64::MAX)), 413, "file_too_large"),
        refused("fewer than no bytes", size(json!(-1)), 400, "invalid_json"),
        refused("half a byte", size(json!(5_000_000.5)), 400, "invalid_json"),
        refused("a size that is a text", size(json!("5000000")), 400, "invalid_json"),
        refused("no checksum", checksum(""), 400, "checksum_invalid"),
        refused("a checksum a digit short", checksum(&"a".repeat(63)), 400, "checksum_invalid"),
        refused("a checksum a digit long", checksum(&"a".repeat(65)), 400, "checksum_invalid"),
        refused("a checksum in base64", checksum(&"+".repeat(64)), 400, "checksum_invalid"),
        refused("64 letters of two bytes", checksum(&"ü".repeat(32)), 400, "checksum_invalid"),
    ]
}

fn keys(scene: &Scene) -> Vec<Row> {
    let keys: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("a space", b"a b".to_vec()),
        ("a tab", b"a\tb".to_vec()),
        ("129 letters", vec![b'x'; 129]),
        ("70 000 letters", vec![b'x'; 70_000]),
        ("not ASCII", "schlüssel".as_bytes().to_vec()),
        ("no text", b"\xff\xfe".to_vec()),
    ];
    let mut rows = Vec::new();
    for (path, body) in [(UPLOAD, good()), (ANNOUNCE, announced())] {
        for (what, key) in &keys {
            let mut request = signed(scene, path, &body);
            let key = HeaderValue::from_bytes(key).unwrap();
            request.headers_mut().insert("idempotency-key", key);
            let what = format!("{path}: idempotency key: {what}");
            rows.push(row(what, request, 400, "idempotency_key_invalid"));
        }
    }
    rows
}

#[tokio::test]
async fn no_such_upload_leaves_anything() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

#[tokio::test]
async fn a_key_that_stands_for_another_body_stores_nothing() {
    let scene = Scene::new().await;
    let keyed = |body: &Value| {
        let mut request = signed(&scene, UPLOAD, body);
        request.headers_mut().insert("idempotency-key", HeaderValue::from_static("key"));
        request
    };
    assert_eq!(scene.world.send(keyed(&good())).await.status.as_u16(), 201);
    scene.world.settle().await;
    let other = changed(good(), "filename", json!("b.md"));
    let row = row("a key of another body", keyed(&other), 409, "idempotency_key_reused");
    scene.judge(vec![row]).await;
}

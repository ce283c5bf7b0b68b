//! Bodies that are not the JSON that a call takes, or say what cannot be asked.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::{Row, Scene, row};
use crate::world::ANNA;

/// What a body may be at most.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Routes that take JSON, and whether they want a signature.
const TAKING_JSON: &[(&str, bool)] = &[
    ("/api/query", false),
    ("/api/transcribe", false),
    ("/api/manuals/upload", true),
    ("/api/manuals/upload-url", true),
    ("/api/manuals/download", true),
];

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = malformed(scene);
    rows.extend(everywhere(scene));
    rows.extend(content_types(scene));
    rows.extend(questions(scene));
    rows.extend(sizes(scene));
    rows
}

fn to(scene: &Scene, path: &str, signed: bool, body: Vec<u8>) -> Request<Body> {
    if signed { scene.signed(Method::POST, path, body) } else { scene.post(path, body) }
}

fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
    let pair = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(pair).collect()
}

fn malformed(scene: &Scene) -> Vec<Row> {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let asks = r#"{"question":"What?"}"#;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a text", br#""What?""#.to_vec()),
        ("a number", b"7".to_vec()),
        ("cut off", br#"{"question":"Wh"#.to_vec()),
        ("cut off in an escape", br#"{"question":"\u00"#.to_vec()),
        ("something behind it", br#"{"question":"What?"} x"#.to_vec()),
        ("two of them", format!("{asks}{asks}").into_bytes()),
        ("single quotes", b"{'question':'What?'}".to_vec()),
        ("a comment", br#"{"question":"What?"} // why"#.to_vec()),
        ("a trailing comma", br#"{"question":"What?",}"#.to_vec()),
        ("not a number", br#"{"question":NaN}"#.to_vec()),
        ("a raw control character", b"{\"question\":\"a\x07b\"}".to_vec()),
        ("a raw line end", b"{\"question\":\"a\nb\"}".to_vec()),
        ("half a surrogate pair", br#"{"question":"\ud800"}"#.to_vec()),
        ("the same name twice", br#"{"question":"What?","question":"Which?"}"#.to_vec()),
        (
            "the same name twice, escaped",
            br#"{"question":"What?","\u0071uestion":"Which?"}"#.to_vec(),
        ),
        ("a byte order mark", format!("\u{feff}{asks}").into_bytes()),
        ("UTF-16, little end first", utf16(asks, false)),
        ("UTF-16, big end first", utf16(asks, true)),
        ("UTF-16 with its mark", [b"\xff\xfe".to_vec(), utf16(asks, false)].concat()),
        ("Latin-1", b"{\"question\":\"Gr\xf6\xdfe?\"}".to_vec()),
        ("an overlong slash", b"{\"question\":\"\xc0\xaf\"}".to_vec()),
        ("a surrogate in UTF-8", b"{\"question\":\"\xed\xa0\x80\"}".to_vec()),
        ("packed", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec()),
        ("a form", b"question=What%3F".to_vec()),
        ("XML", b"<question>What?</question>".to_vec()),
        ("zeros", vec![0; 1000]),
        ("10 000 lists", deep("[", "]").into_bytes()),
        (
            "10 000 lists for a question",
            format!(r#"{{"question":{}}}"#, deep("[", "]")).into_bytes(),
        ),
        ("10 000 lists never closed", "[".repeat(10_000).into_bytes()),
        ("a number for a question", br#"{"question":7}"#.to_vec()),
        ("a list for a question", br#"{"question":["What?"]}"#.to_vec()),
        ("an object for a question", br#"{"question":{"text":"What?"}}"#.to_vec()),
        ("true for a question", br#"{"question":true}"#.to_vec()),
        (
            "a list for a recording",
            br#"{"file_data":["UklGRg=="],"content_type":"audio/wav"}"#.to_vec(),
        ),
    ];
    let refused = |(what, body): (&str, Vec<u8>)| {
        row(format!("query: {what}"), scene.post("/api/query", body), 400, "invalid_json")
    };
    cases.into_iter().map(refused).collect()
}

/// What no route takes for its JSON.
fn everywhere(scene: &Scene) -> Vec<Row> {
    let bodies: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("a list", b"[1]"),
        ("cut off", b"{"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("a member that is a number", br#"{"question":1,"audio_data":1,"filename":1,"url":1}"#),
    ];
    let of = |(path, signed): &(&str, bool)| {
        let (path, signed) = (path.to_owned(), *signed);
        bodies.map(|(what, body)| {
            let request = to(scene, path, signed, body.to_vec());
            row(format!("{path}: {what}"), request, 400, "invalid_json")
        })
    };
    TAKING_JSON.iter().flat_map(of).collect()
}

fn content_types(scene: &Scene) -> Vec<Row> {
    let types = [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json+x",
        "application/json, text/plain",
        "application",
        "json",
    ];
    let mut rows: Vec<Row> = types
        .iter()
        .map(|content_type| {
            let mut request = scene.post("/api/query", r#"{"question":"What?"}"#);
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
            row(format!("query as `{content_type}`"), request, 415, "unsupported_media_type")
        })
        .collect();
    for (path, signed) in TAKING_JSON {
        let mut request = to(scene, path, *signed, b"{}".to_vec());
        request.headers_mut().remove("content-type");
        rows.push(row(format!("{path} without a type"), request, 415, "unsupported_media_type"));
    }
    rows
}

fn questions(scene: &Scene) -> Vec<Row> {
    let asked = |what: &str, question: &str, code| {
        let body = json!({ "question": question }).to_string();
        row(format!("question: {what}"), scene.post("/api/query", body), 400, code)
    };
    let raw = |what: &str, body: &str, code| {
        row(format!("question: {what}"), scene.post("/api/query", body), 400, code)
    };
    vec![
        raw("none", "{}", "question_empty"),
        raw("null", r#"{"question":null}"#, "question_empty"),
        raw("by another name", r#"{"Question":"What?"}"#, "question_empty"),
        raw(
            "both typed and spoken",
            r#"{"question":"What?","file_data":"UklGRg=="}"#,
            "question_ambiguous",
        ),
        asked("empty", "", "question_empty"),
        asked("spaces", " \t\r\n ", "question_empty"),
        asked("unbreakable spaces", "\u{a0}\u{2003}\u{3000}", "question_empty"),
        asked("1001 letters", &"x".repeat(1001), "question_too_long"),
        asked("1001 letters of two bytes", &"ü".repeat(1001), "question_too_long"),
        asked("1001 smileys", &"🙂".repeat(1001), "question_too_long"),
        asked("five million letters", &"x".repeat(5_000_000), "question_too_long"),
        asked("NUL", "a\0b", "question_invalid"),
        asked("NUL at its end", "What?\0", "question_invalid"),
        asked("a bell", "a\u{7}b", "question_invalid"),
        asked("an escape sequence", "\u{1b}[31mred", "question_invalid"),
        asked("delete", "a\u{7f}b", "question_invalid"),
        asked("a control character of C1", "a\u{9b}b", "question_invalid"),
        asked("a right-to-left override", "a\u{202e}b", "question_invalid"),
        asked("an isolate", "a\u{2066}b\u{2069}", "question_invalid"),
    ]
}

/// One byte more than a body may have; and the same without a word of its length.
fn sizes(scene: &Scene) -> Vec<Row> {
    let large = || {
        let mut body = br#"{"question":"What?"}"#.to_vec();
        body.resize(BODY_BYTES_MAX + 1, b' ');
        body
    };
    let mut rows = Vec::new();
    for (path, signed) in TAKING_JSON {
        let mut request = to(scene, path, *signed, large());
        request.headers_mut().insert("content-length", (BODY_BYTES_MAX + 1).into());
        rows.push(row(format!("{path}: a byte too large"), request, 413, "body_too_large"));
        let request = to(scene, path, *signed, large());
        let what = format!("{path}: a byte too large, and not said");
        rows.push(row(what, request, 413, "body_too_large"));
    }
    rows
}

#[tokio::test]
async fn no_such_body_is_taken() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

/// The edges of the table: what is just good is answered.
#[tokio::test]
async fn what_is_just_good_is_taken() {
    let scene = Scene::new().await;
    let mut full = br#"{"question":"What?"}"#.to_vec();
    full.resize(BODY_BYTES_MAX, b' ');
    let (open, close) = (r#"{"x":"#.repeat(10_000), "}".repeat(10_000));
    let beside = format!(r#"{{"question":"What?","x":{open}1{close}}}"#);
    let marks = json!({ "question": "\u{200f}מה?\u{200e} a\tb\nc" }).to_string();
    let sql =
        json!({ "question": "'; DROP TABLE users; -- <script>alert(1)</script> {{7*7}} ../.." });
    for (what, body) in [
        ("a full body", full),
        ("1000 letters", json!({ "question": "ü".repeat(1000) }).to_string().into_bytes()),
        ("marks of direction", marks.into_bytes()),
        ("what looks like an attack", sql.to_string().into_bytes()),
        // What nobody knows is skipped without a stack of its own.
        ("10 000 objects beside it", beside.into_bytes()),
        ("members that nobody knows", br#"{"question":"What?","x":{"y":[1]}}"#.to_vec()),
    ] {
        let answer = scene.world.send(scene.post("/api/query", body)).await;
        assert_eq!(answer.status.as_u16(), 200, "{what}");
    }
    assert_eq!(scene.world.figures(ANNA).0, 7);
}

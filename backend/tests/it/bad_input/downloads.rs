//! Manuals from URLs that lead where a stranger must not lead us, or to what is no manual.

use std::net::IpAddr;

use backend::memory::web::MemoryPage;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::documents::files;
use super::urls::{HOST, INSIDE, OTHERWISE, no_urls};
use super::{Row, Scene, row};

const DOWNLOAD: &str = "/api/manuals/download";

/// The address of [`HOST`].
const PUBLIC: &str = "93.184.215.14";

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = never_asked(scene);
    rows.extend(origins(scene));
    rows
}

fn from(scene: &Scene, what: impl Into<String>, url: &str, status: u16, code: &'static str) -> Row {
    of_body(scene, what, &json!({ "url": url }), status, code)
}

fn of_body(
    scene: &Scene,
    what: impl Into<String>,
    body: &Value,
    status: u16,
    code: &'static str,
) -> Row {
    let request = scene.signed(Method::POST, DOWNLOAD, body.to_string());
    row(format!("download: {}", what.into()), request, status, code)
}

/// Where nobody is asked for anything.
fn never_asked(scene: &Scene) -> Vec<Row> {
    scene.world.ports.web.name(HOST, &[&[PUBLIC]]);
    let mut rows = members(scene);
    let no = "url_not_allowed";
    rows.extend(INSIDE.iter().map(|host| from(scene, *host, &format!("https://{host}/"), 400, no)));
    rows.extend(OTHERWISE.iter().map(|url| from(scene, *url, url, 400, no)));
    rows.extend(no_urls().iter().map(|(what, url)| from(scene, *what, url, 400, "url_invalid")));
    // Names that anybody can have, with addresses that not everybody may reach.
    for (number, answers) in [
        &["127.0.0.1"] as &[&str],
        &["10.1.2.3"],
        &["169.254.169.254"],
        &["0.0.0.0"],
        &["::1"],
        &["::ffff:10.0.0.1"],
        &["fd00:ec2::254"],
        &["64:ff9b::a9fe:a9fe"],
        &[PUBLIC, "192.168.1.1"],
        &["2606:4700::1111", PUBLIC, "fe80::1"],
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("inside-{number}.example");
        scene.world.ports.web.name(&name, &[answers]);
        rows.push(from(
            scene,
            format!("a name of {answers:?}"),
            &format!("https://{name}/"),
            400,
            no,
        ));
    }
    rows.push(from(scene, "a name of nobody", "https://nobody.example/", 422, "download_failed"));
    rows
}

fn members(scene: &Scene) -> Vec<Row> {
    let good = "https://origin.example/good.md";
    let mut rows: Vec<Row> = [
        ("no URL", json!({})),
        ("a URL that is null", json!({ "url": null })),
        ("a URL that is a number", json!({ "url": 7 })),
        ("a list of URLs", json!({ "url": [good] })),
        ("an object for a URL", json!({ "url": { "href": good } })),
        ("a URL by another name", json!({ "URL": good, "uri": good })),
        ("a list of names", json!({ "url": good, "filename": ["a.md"] })),
        ("a number for a name", json!({ "url": good, "filename": 7 })),
    ]
    .iter()
    .map(|(what, body)| of_body(scene, *what, body, 400, "invalid_json"))
    .collect();
    let twice = format!(r#"{{"url":"{good}","url":"https://127.0.0.1/"}}"#);
    let twice = scene.signed(Method::POST, DOWNLOAD, twice);
    rows.push(row("download: two URLs", twice, 400, "invalid_json"));
    rows
}

/// A public server that points elsewhere, fails, or gives what is no manual.
fn origins(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut serve = |what: String, page: MemoryPage, status, code| {
        let url = format!("https://{HOST}/{}", rows.len());
        scene.world.ports.web.page(&url, page);
        rows.push(from(scene, format!("from a server: {what}"), &url, status, code));
    };
    for location in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0251.0376.0251.0376/latest/meta-data/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://inside-1.example/",
        "//169.254.169.254/",
        "http://origin.example/good.md",
        "https://origin.example:22/",
        "https://user@origin.example/good.md",
        "/good.md#page=2",
        "file:///etc/passwd",
    ] {
        let page = MemoryPage { status: 302, location: Some(location.to_owned()), ..page("", b"") };
        serve(format!("look at {location}"), page, 400, "url_not_allowed");
    }
    let long = format!("/{}", "x".repeat(2048));
    for (what, location) in [("nowhere", "https://"), ("a NUL", "/\0"), ("far", long.as_str())] {
        let page = MemoryPage { status: 307, location: Some(location.to_owned()), ..page("", b"") };
        serve(format!("look at {what}"), page, 400, "url_invalid");
    }
    for status in [201, 204, 206, 301, 304, 400, 401, 404, 500, 503] {
        let page = MemoryPage { status, ..page("text/markdown", b"# x") };
        serve(format!("status {status}"), page, 422, "download_failed");
    }
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let packed = Some(coding.to_owned());
        let page = MemoryPage { content_encoding: packed, ..page("text/markdown", b"# x") };
        serve(format!("packed as {coding}"), page, 422, "download_failed");
    }
    for content_type in ["", "text/html", "image/png", "application/octet-stream", "audio/wav"] {
        let page = page(content_type, b"# x");
        serve(format!("a `{content_type}`"), page, 415, "unsupported_content_type");
    }
    let untyped = MemoryPage { content_type: None, ..page("", b"# x") };
    serve("no type".to_owned(), untyped, 415, "unsupported_content_type");
    serve("nothing".to_owned(), page("text/markdown", b""), 400, "file_empty");
    let said = MemoryPage { content_length: Some((50 << 20) + 1), ..page("text/plain", b"x") };
    serve("a byte too much, it says".to_owned(), said, 413, "file_too_large");
    let more =
        MemoryPage { parts: vec![Bytes::from(vec![b'x'; 1 << 20]); 51], ..page("text/plain", b"") };
    serve("a megabyte too much, not said".to_owned(), more, 413, "file_too_large");
    for (what, content_type, bytes, status, code) in files() {
        serve(what.to_owned(), page(content_type, &bytes), status, code);
    }
    rows
}

fn page(content_type: &str, bytes: &[u8]) -> MemoryPage {
    MemoryPage {
        status: 200,
        content_type: Some(content_type.to_owned()),
        parts: vec![Bytes::copy_from_slice(bytes)],
        ..MemoryPage::default()
    }
}

#[tokio::test]
async fn no_such_url_is_asked() {
    let scene = Scene::new().await;
    scene.judge(never_asked(&scene)).await;
    assert_eq!(scene.world.ports.web.asked(), []);
}

#[tokio::test]
async fn nothing_that_such_a_server_gives_is_stored() {
    let scene = Scene::new().await;
    let _names = never_asked(&scene);
    scene.judge(origins(&scene)).await;
    let public: IpAddr = PUBLIC.parse().unwrap();
    assert!(scene.world.ports.web.asked().iter().all(|(_, address)| *address == public));
}

/// The edges of the table: what is just good is taken.
#[tokio::test]
async fn what_is_just_good_is_fetched() {
    let scene = Scene::new().await;
    let web = &scene.world.ports.web;
    web.name(HOST, &[&[PUBLIC]]);
    let long = format!("https://{HOST}/{}", "x".repeat(2048 - 9 - HOST.len()));
    for (asked, fetched) in [
        (long.as_str(), long.as_str()),
        (" https://origin.example/a b.md\n", "https://origin.example/a%20b.md"),
        (
            "https://ORIGIN.example:443/a?x=http://127.0.0.1/",
            "https://origin.example/a?x=http://127.0.0.1/",
        ),
        ("https://origin.example/\u{200f}ה.md", "https://origin.example/%E2%80%8F%D7%94.md"),
        ("https://1.1.1.1/a.md", "https://1.1.1.1/a.md"),
        ("https://16843009/b.md", "https://1.1.1.1/b.md"),
        ("https://[2606:4700::1111]/a.md", "https://[2606:4700::1111]/a.md"),
    ] {
        web.page(fetched, page("text/markdown", b"# x"));
        let body = json!({ "url": asked }).to_string();
        let answer = scene.world.send(scene.signed(Method::POST, DOWNLOAD, body)).await;
        assert_eq!(answer.status.as_u16(), 201, "{asked}");
    }
}

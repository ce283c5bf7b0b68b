//! Manuals from a URL: what is judged, at which address it is fetched, and what of it is taken.

use backend::memory::web::MemoryPage;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::world::{ANNA, Answer, World};

const URL: &str = "https://example.com/manuals/e%20bike.md";
const PUBLIC: &str = "93.184.215.14";

async fn downloaded(world: &World, body: &Value) -> Answer {
    let body = body.to_string().into_bytes();
    world.send(world.signed_request(ANNA, Method::POST, "/api/manuals/download", body)).await
}

async fn from(world: &World, url: &str) -> Answer {
    downloaded(world, &json!({ "url": url })).await
}

fn page(text: &str) -> MemoryPage {
    MemoryPage {
        status: 200,
        content_type: Some("text/markdown; charset=utf-8".to_owned()),
        parts: vec![Bytes::copy_from_slice(text.as_bytes())],
        ..MemoryPage::default()
    }
}

fn redirect(to: &str) -> MemoryPage {
    MemoryPage { status: 302, location: Some(to.to_owned()), ..MemoryPage::default() }
}

fn world() -> World {
    let world = World::new();
    world.ports.web.name("example.com", &[&[PUBLIC]]);
    world.ports.web.page(URL, page("# Brakes"));
    world
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn assert_nothing_stored(world: &World) {
    assert!(world.ports.files.objects().is_empty());
    assert!(world.ports.rows.open_manuals().is_empty());
}

#[tokio::test]
async fn a_public_manual_is_fetched_at_the_judged_address_and_stored_as_any_other() {
    let world = world();
    let answer = from(&world, URL).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    let body = answer.json();
    assert_eq!((&body["name"], &body["size"]), (&json!("e bike.md"), &json!(8)));
    assert_eq!(body["status"], "processing");
    let key = format!("manuals/{ANNA}/{}.md", body["manual_id"].as_str().unwrap());
    let objects = world.ports.files.objects();
    assert_eq!(objects[&key].as_ref(), b"# Brakes");
    assert!(objects.contains_key(&format!("{key}.metadata.json")));
    assert_eq!(world.ports.web.asked(), [(URL.to_owned(), PUBLIC.parse().unwrap())]);
    let own = downloaded(&world, &json!({ "url": URL, "filename": "mine.md" })).await;
    assert_eq!(own.json()["name"], "mine.md");
    assert_eq!(world.get(ANNA, "/api/manuals").await.json()["count"], 2);
}

#[tokio::test]
async fn an_address_that_is_not_public_is_never_dialled() {
    for answers in [
        &["10.0.0.1"] as &[&str],
        &["127.0.0.1"],
        &["169.254.169.254"],
        &["fd00:ec2::254"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::a9fe:a9fe"],
        // One good address among others proves nothing.
        &[PUBLIC, "10.0.0.1"],
        &["::1", PUBLIC],
    ] {
        let world = World::new();
        world.ports.web.name("example.com", &[answers]);
        world.ports.web.page(URL, page("# Brakes"));
        let answer = from(&world, URL).await;
        assert_eq!(refusal(&answer), (400, "url_not_allowed".to_owned()), "{answers:?}");
        assert_eq!(world.ports.web.asked(), [], "{answers:?}");
        assert_nothing_stored(&world);
    }
}

#[tokio::test]
async fn urls_that_lead_elsewhere_are_refused_before_any_look_up() {
    let world = world();
    for (url, code) in [
        ("http://example.com/", "url_not_allowed"),
        ("https://u:p@example.com/", "url_not_allowed"),
        ("https://example.com:8443/", "url_not_allowed"),
        ("https://2130706433/", "url_not_allowed"),
        ("https://0251.0376.0251.0376/", "url_not_allowed"),
        ("https://[::ffff:a9fe:a9fe]/", "url_not_allowed"),
        ("https://localhost/", "url_not_allowed"),
        ("no url", "url_invalid"),
    ] {
        assert_eq!(refusal(&from(&world, url).await), (400, code.to_owned()), "{url}");
    }
    let named = downloaded(&world, &json!({ "url": URL, "filename": "a\u{0}" })).await;
    assert_eq!(refusal(&named), (400, "filename_invalid".to_owned()));
    assert_eq!(world.ports.web.asked(), []);
}

#[tokio::test]
async fn every_redirect_is_judged_anew() {
    let world = world();
    world.ports.web.name("cdn.example.com", &[&["1.1.1.1"]]);
    world.ports.web.page("https://example.com/moved", redirect("//cdn.example.com/a.md"));
    world.ports.web.page("https://cdn.example.com/a.md", page("# Brakes"));
    let answer = from(&world, "https://example.com/moved").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (201, &json!("a.md")));
    let at: Vec<String> = world.ports.web.asked().iter().map(|(_, a)| a.to_string()).collect();
    assert_eq!(at, [PUBLIC, "1.1.1.1"]);

    world.ports.web.name("inside.example.com", &[&["192.168.0.1"]]);
    for location in [
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "http://example.com/manuals/e%20bike.md",
        "https://example.com:22/",
        "https://inside.example.com/",
        "https://[::1]/",
    ] {
        let world = self::world();
        world.ports.web.name("inside.example.com", &[&["192.168.0.1"]]);
        world.ports.web.page("https://example.com/moved", redirect(location));
        let answer = from(&world, "https://example.com/moved").await;
        assert_eq!(refusal(&answer), (400, "url_not_allowed".to_owned()), "{location}");
        assert_eq!(world.ports.web.asked().len(), 1, "{location}");
        assert_nothing_stored(&world);
    }
}

#[tokio::test]
async fn a_name_that_changes_between_two_look_ups_gains_nothing() {
    let world = World::new();
    // A judge that asks once more before it dials would get the second answer.
    world.ports.web.name("example.com", &[&[PUBLIC], &["10.0.0.1"]]);
    world.ports.web.page(URL, page("# Brakes"));
    assert_eq!(from(&world, URL).await.status.as_u16(), 201);
    assert_eq!(world.ports.web.asked()[0].1.to_string(), PUBLIC);

    let world = World::new();
    world.ports.web.name("example.com", &[&[PUBLIC], &["10.0.0.1"]]);
    world.ports.web.page("https://example.com/moved", redirect("/manuals/e%20bike.md"));
    world.ports.web.page(URL, page("# Brakes"));
    let answer = from(&world, "https://example.com/moved").await;
    assert_eq!(refusal(&answer), (400, "url_not_allowed".to_owned()));
    assert_eq!(world.ports.web.asked().len(), 1);
}

#[tokio::test]
async fn at_most_three_redirects_are_followed() {
    let world = world();
    for (hop, to) in ["/2", "/3", "/manuals/e%20bike.md"].into_iter().enumerate() {
        world.ports.web.page(&format!("https://example.com/{}", hop + 1), redirect(to));
    }
    assert_eq!(from(&world, "https://example.com/1").await.status.as_u16(), 201);
    world.ports.web.page("https://example.com/0", redirect("/1"));
    let answer = from(&world, "https://example.com/0").await;
    assert_eq!(refusal(&answer), (422, "download_failed".to_owned()));
    assert_eq!(world.ports.web.asked().len(), 4 + 4);
}

#[tokio::test]
async fn whatever_goes_wrong_at_the_origin_is_one_answer() {
    let mut bodies = Vec::new();
    let packed = MemoryPage { content_encoding: Some("gzip".to_owned()), ..page("# x") };
    for broken in [
        MemoryPage { status: 404, ..page("secret of the origin") },
        MemoryPage { status: 500, ..page("secret of the origin") },
        MemoryPage { status: 206, ..page("part") },
        MemoryPage { status: 301, ..page("") },
        packed,
    ] {
        let world = world();
        world.ports.web.page(URL, broken);
        bodies.push((world, URL));
    }
    // A closed port, a name that nobody has, a name without an address.
    let dead = world();
    dead.ports.web.kill(PUBLIC.parse().unwrap());
    bodies.push((dead, URL));
    bodies.push((world(), "https://unknown.example.com/"));
    let empty = world();
    empty.ports.web.name("example.com", &[&[]]);
    bodies.push((empty, URL));
    for (world, url) in bodies {
        let answer = from(&world, url).await;
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        assert_eq!(
            body,
            json!({ "error": "The address did not give the file. Please check it, or upload the file.",
                "code": "download_failed", "request_id": null, "retryable": false })
        );
        assert_eq!(answer.status.as_u16(), 422);
        assert_nothing_stored(&world);
    }
}

#[tokio::test]
async fn another_address_of_the_name_is_tried_when_nobody_listens_at_the_first() {
    let world = World::new();
    world.ports.web.name("example.com", &[&["2606:4700::1111", "1.1.1.1", "8.8.8.8"]]);
    world.ports.web.page(URL, page("# Brakes"));
    world.ports.web.kill("1.1.1.1".parse().unwrap());
    assert_eq!(from(&world, URL).await.status.as_u16(), 201);
    let at: Vec<String> = world.ports.web.asked().iter().map(|(_, a)| a.to_string()).collect();
    assert_eq!(at, ["1.1.1.1", "8.8.8.8"], "IPv4 first");
}

#[tokio::test]
async fn only_manuals_of_a_good_size_are_taken() {
    const LARGEST: usize = 50 * 1024 * 1024;
    let typed = |content_type: &str, text: &str| MemoryPage {
        content_type: Some(content_type.to_owned()),
        ..page(text)
    };
    let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
    let mut parts = vec![megabyte; 50];
    let full = MemoryPage { parts: parts.clone(), ..page("") };
    parts.push(Bytes::from_static(b"y"));
    let too_much = MemoryPage { parts, ..page("") };
    let said = MemoryPage { content_length: Some(LARGEST as u64 + 1), ..page("# x") };
    let untyped = MemoryPage { content_type: None, ..page("# x") };
    for (page, status, code) in [
        (typed("text/html", "<p>"), 415, "unsupported_content_type"),
        (typed("application/octet-stream", "%PDF-"), 415, "unsupported_content_type"),
        (untyped, 415, "unsupported_content_type"),
        (typed("application/pdf", "# no PDF"), 415, "content_type_mismatch"),
        (typed("text/plain", "%PDF-1.7"), 415, "content_type_mismatch"),
        (typed("text/plain", ""), 400, "file_empty"),
        (typed("text/plain", "  "), 422, "manual_unreadable"),
        (said, 413, "file_too_large"),
        (too_much, 413, "file_too_large"),
    ] {
        let world = world();
        world.ports.web.page(URL, page);
        assert_eq!(refusal(&from(&world, URL).await), (status, code.to_owned()));
        assert_nothing_stored(&world);
    }
    let world = world();
    world.ports.web.page(URL, full);
    assert_eq!(from(&world, URL).await.json()["size"], LARGEST);
}

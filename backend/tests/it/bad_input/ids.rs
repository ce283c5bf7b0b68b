//! Ids and parameters in addresses: of others, of nothing, of somewhere else.

use http::Method;

use super::{Row, Scene, row};

/// Ids that no manual and no job can have; the router's own answer is another where they are no segment of a path.
const NO_IDS: &[(&str, &str)] = &[
    ("a number", "1"),
    ("a word", "none"),
    ("nobody's", "99999999-0000-4000-8000-000000000009"),
    ("in capitals", "5F2C1E0A-0000-4000-8000-1234567890AB"),
    ("without dashes", "5f2c1e0a0000400080001234567890ab"),
    ("in braces", "%7B5f2c1e0a-0000-4000-8000-1234567890ab%7D"),
    ("dots", ".."),
    ("escaped dots", "%2e%2e"),
    ("up and away", "..%2f..%2f..%2fetc%2fpasswd"),
    ("up and away, escaped twice", "%252e%252e%252fetc"),
    ("back slashes", "..%5c..%5cwindows"),
    ("NUL", "%00"),
    ("NUL behind it", "5f2c1e0a-0000-4000-8000-1234567890ab%00"),
    ("a line end", "5f2c1e0a-0000-4000-8000-1234567890ab%0d%0aX-Evil:%201"),
    ("no text", "%ff%fe"),
    ("an overlong slash", "%c0%af"),
    ("SQL", "'%20OR%20'1'='1"),
    ("a template", "%7B%7B7*7%7D%7D"),
    ("a right-to-left override", "%e2%80%ae"),
    ("a wildcard", "*"),
    ("a star of keys", "USER%23anna"),
];

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = unknown(scene);
    rows.extend(foreign(scene));
    rows.extend(climbing(scene));
    rows.extend(parameters(scene));
    rows
}

fn unknown(scene: &Scene) -> Vec<Row> {
    let long = "a".repeat(10_000);
    let ids = NO_IDS.iter().copied().chain([("ten thousand letters", long.as_str())]);
    let of = |(what, id): (&str, &str)| {
        let manual = format!("/api/manuals/{id}");
        let complete = format!("{manual}/complete");
        let refused =
            |route: &str, request| row(format!("{route}: {what}"), request, 404, "not_found");
        [
            refused("manual", scene.get(&manual)),
            refused("deletion", scene.signed(Method::DELETE, &manual, "")),
            refused("completion", scene.signed(Method::POST, &complete, "")),
            refused("job", scene.get(&format!("/api/ingestion/job/{id}"))),
        ]
    };
    ids.flat_map(of).collect()
}

fn foreign(scene: &Scene) -> Vec<Row> {
    let manual = format!("/api/manuals/{}", scene.foreign_manual);
    let job = format!("/api/ingestion/job/{}", scene.foreign_job);
    let own_as_job = format!("/api/ingestion/job/{}", scene.manual);
    vec![
        row("another's manual", scene.get(&manual), 404, "not_found"),
        row("another's deletion", scene.signed(Method::DELETE, &manual, ""), 404, "not_found"),
        row(
            "another's completion",
            scene.signed(Method::POST, &format!("{manual}/complete"), ""),
            404,
            "not_found",
        ),
        row("another's job", scene.get(&job), 404, "not_found"),
        row("a manual for a job", scene.get(&own_as_job), 404, "not_found"),
    ]
}

/// Paths are taken as they are: nothing is normalised, so nothing leads elsewhere.
fn climbing(scene: &Scene) -> Vec<Row> {
    [
        "/api/manuals/../user/quota",
        "/api/manuals/./5f2c1e0a-0000-4000-8000-1234567890ab",
        "/api/manuals//5f2c1e0a-0000-4000-8000-1234567890ab",
        "/api/manuals/",
        "/api/manuals/5f2c1e0a-0000-4000-8000-1234567890ab/",
        "/api/manuals/%2e%2e/user/quota",
        "/api/ingestion/job/",
        "//api/manuals",
        "/api/../api/manuals",
    ]
    .map(|path| row(path, scene.get(path), 404, "no_such_route"))
    .into()
}

fn parameters(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut refuse = |path: String, code| rows.push(row(path.clone(), scene.get(&path), 400, code));
    for list in ["/api/manuals", "/api/ingestion/status"] {
        for limit in [
            "",
            "0",
            "-1",
            "101",
            "1.5",
            "ten",
            "0x10",
            "1e2",
            "%201",
            "99999999999999999999",
            "%00",
        ] {
            refuse(format!("{list}?limit={limit}"), "limit_invalid");
        }
        for cursor in [
            "",
            "x",
            "!!!",
            "%00",
            "..%2f..",
            // "../", a word, NUL, an id that is none of ours, and an id with padding.
            "Li4v",
            "bm9uZQ",
            "AA",
            "NUYyQzFFMEEtMDAwMC00MDAwLTgwMDAtMTIzNDU2Nzg5MEFC",
            "OTk5OTk5OTktMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDA5=",
        ] {
            refuse(format!("{list}?cursor={cursor}"), "cursor_invalid");
        }
        refuse(format!("{list}?cursor={}", "A".repeat(10_000)), "cursor_invalid");
        refuse(format!("{list}?limit=1&limit=2"), "parameter_invalid");
        refuse(format!("{list}?cursor=x&cursor=y"), "parameter_invalid");
    }
    for days in ["", "0", "-1", "91", "1.5", "x", "%E2%82%AC", "4294967297"] {
        refuse(format!("/api/user/usage?days={days}"), "days_invalid");
    }
    refuse("/api/user/usage?days=1&days=2".to_owned(), "parameter_invalid");
    rows
}

#[tokio::test]
async fn no_such_id_leads_anywhere() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

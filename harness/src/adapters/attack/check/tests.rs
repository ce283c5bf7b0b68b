//! What a backend broken on purpose would be caught by: answers and changes made by hand, family by family.

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use manuel_client::Marks;
use manuel_client::Request;
use serde_json::Value;
use serde_json::json;
use verdict::domain::attack::Family;
use verdict::domain::attack::Payload;
use verdict::domain::attack::Place;
use verdict::domain::attack::Template;
use verdict::domain::attack::place::IdCall;
use verdict::domain::non_empty::NonEmpty;

use super::*;
use crate::adapters::internet::Connection;

const SECRET: &str = "QX7K-LMPW-93TD";
const ID: &str = "3f0e8c1a-5d52-4b0e-9a57-0c6f1f0f7f11";
const HEADERS: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("content-security-policy", "default-src 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("content-type", "application/json"),
    ("x-request-id", ID),
    ("x-manuel-version", "1a53660"),
    ("server-timing", "own;dur=1, dep;dur=2"),
];

/// An attack of this family at this place, with these harmless answers.
fn attack(family: Family, place: Place, payload: &str, answers: &[&str]) -> Attack {
    let answers = answers.iter().map(|answer| answer.parse().unwrap()).collect();
    Attack {
        family,
        name: "by-hand".to_owned(),
        place,
        payload: Payload::Template(Template::plain(payload.as_bytes().to_vec())),
        answers: NonEmpty::new(answers).unwrap(),
        edge: AtEdge::Passes,
        legitimate: false,
        says: None,
        visits: false,
    }
}

fn question(answers: &[&str]) -> Attack {
    attack(Family::SqlInjection, Place::Question, "' OR 1=1", answers)
}

fn exchange(status: u16, body: &Value) -> Exchange {
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS {
        headers.append(*name, value.parse().unwrap());
    }
    let marks = Marks { sent_us: 0, head_us: None, done_us: 0 };
    Exchange { status, headers, body: Bytes::from(body.to_string()), marks }
}

fn answered(call: &str, exchange: Exchange) -> Answered {
    let request = Request::Raw {
        method: Method::GET,
        path_and_query: "/".to_owned(),
        content_type: None,
        body: Bytes::new(),
        signed: false,
    };
    let got = Got::Answer(Box::new(exchange));
    Answered { role: Role::Attack, call: call.to_owned(), request, got }
}

fn error(call: &str, status: u16, code: &str) -> Answered {
    let body = json!({ "error": "No.", "code": code, "request_id": ID, "retryable": false });
    answered(call, exchange(status, &body))
}

fn ok(call: &str, body: &Value) -> Answered {
    answered(call, exchange(200, body))
}

fn seen(answers: Vec<Answered>) -> Seen {
    Seen { answers, ..Seen::default() }
}

/// A question that was answered, and charged.
fn asked(answer: &str) -> Seen {
    let mut seen = seen(vec![ok("POST /api/query", &json!({ "answer": answer }))]);
    seen.attacker.charged = 1;
    seen.attacker.charged_monthly = 1;
    seen
}

fn judge(attack: &Attack, seen: &Seen) -> Result<(), Broken> {
    judge_behind(Front::Open, attack, seen)
}

fn judge_behind(front: Front, attack: &Attack, seen: &Seen) -> Result<(), Broken> {
    let Payload::Template(template) = &attack.payload else { panic!("text") };
    check(
        &Facts {
            attack,
            front,
            payload: &template.fill(&std::collections::BTreeMap::new()),
            secret: SECRET,
            names: [
                ("the victim's id", "sub-of-victim"),
                ("the victim's name", "victoria"),
                ("the id of the victim's manual", "m-victim"),
                ("the name of the victim's manual", "vault-1.md"),
            ],
            contract: &Contract::new(["manuel-usage"]).unwrap(),
        },
        seen,
    )
}

#[test]
fn a_question_that_is_answered_and_charged_is_harmless() {
    assert_eq!(judge(&question(&["200"]), &asked("The manuals do not say.")), Ok(()));
    let refused = seen(vec![error("POST /api/query", 400, "question_invalid")]);
    assert_eq!(judge(&question(&["400 question_invalid"]), &refused), Ok(()));
}

#[test]
fn sql_that_reaches_a_store_shows_as_an_error_or_as_a_change() {
    let attack = question(&["200"]);
    let mut headless = error("POST /api/query", 400, "question_invalid");
    let Got::Answer(answer) = &mut headless.got else { panic!("an answer") };
    answer.headers.remove("x-manuel-version");
    let found = judge(&question(&["400 question_invalid"]), &seen(vec![headless])).unwrap_err();
    assert!(
        matches!(found, Broken::Unexpected { .. }),
        "whoever said it, it was not ours: {found}"
    );
    let fault = seen(vec![error("POST /api/query", 500, "internal")]);
    let found = judge(&attack, &fault).unwrap_err();
    assert!(matches!(found, Broken::Unexpected { .. }), "{found}");
    let text = json!({ "error": "ValidationException: near 'OR'", "code": "question_invalid",
        "request_id": ID, "retryable": false });
    let told = seen(vec![answered("POST /api/query", exchange(400, &text))]);
    let found = judge(&question(&["400 question_invalid"]), &told).unwrap_err();
    assert!(matches!(&found, Broken::Contract { breaches, .. } if breaches[0].contains("leak")));
    let mut changed = asked("The manuals do not say.");
    changed.victim.items.insert("usage DAY#2026-11-15".to_owned());
    let found = judge(&attack, &changed).unwrap_err();
    assert!(matches!(found, Broken::VictimChanged { .. }), "{found}");
}

#[test]
fn markup_is_caught_where_a_browser_would_run_it() {
    let attack = attack(Family::Xss, Place::Id(IdCall::Read), "<script>", &["404 not_found"]);
    let mut page = exchange(404, &json!({}));
    page.headers.insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    page.body = Bytes::from_static(b"<h1>No <script>evil()</script></h1>");
    let found = judge(&attack, &seen(vec![answered("GET /api/manuals/x", page)])).unwrap_err();
    assert!(matches!(&found, Broken::Html { content_type, .. } if content_type.contains("html")));
    let mut untyped = exchange(404, &json!({ "code": "not_found" }));
    untyped.headers.remove("content-type");
    let found = judge(&attack, &seen(vec![answered("GET /api/manuals/x", untyped)])).unwrap_err();
    assert!(matches!(found, Broken::Html { .. }), "{found}");
}

#[test]
fn anothers_manual_is_caught_when_it_is_read_or_gone() {
    let attack =
        attack(Family::PathTraversal, Place::Id(IdCall::Delete), "m-victim", &["404 not_found"]);
    let row = json!({ "id": "m-victim", "name": "vault-1.md", "status": "ready" });
    let read = seen(vec![ok("GET /api/manuals/m-victim", &row)]);
    let found = judge(&attack, &read).unwrap_err();
    let what = "the name of the victim's manual";
    assert!(matches!(found, Broken::Leak { what: said, .. } if said == what), "the id was sent");
    let mut gone = seen(vec![error("DELETE /api/manuals/m-victim", 404, "not_found")]);
    gone.victim.manuals_removed.insert("m-victim".to_owned());
    gone.victim.items.insert("manuals MANUAL#m-victim".to_owned());
    assert!(matches!(judge(&attack, &gone), Err(Broken::VictimChanged { .. })));
}

#[test]
fn a_second_answer_and_a_planted_header_are_caught() {
    let place = Place::Raw { cut: false };
    let attack = attack(Family::HeaderSmuggling, place, "GET / HTTP/1.1", &["400 bare", "closed"]);
    let mut bare = exchange(400, &json!({}));
    (bare.body, bare.headers) = (Bytes::new(), HeaderMap::new());
    let refused = || answered("GET /", bare.clone());
    assert_eq!(judge(&attack, &seen(vec![refused()])), Ok(()));
    let behind = Answered { role: Role::Behind, ..ok("GET /health", &json!({ "status": "ok" })) };
    assert_eq!(judge(&attack, &seen(vec![refused(), behind])), Ok(()));
    let unasked = Answered { role: Role::Unasked, ..ok("GET /", &json!({ "manuals": [] })) };
    let found = judge(&attack, &seen(vec![refused(), unasked])).unwrap_err();
    assert!(matches!(found, Broken::Unasked { count: 1, .. }), "{found}");
    for (name, value) in
        [("set-cookie", "a=b"), ("x-evil", "1"), ("x-request-id", "evil-id"), ("location", "/")]
    {
        let mut planted = refused();
        let Got::Answer(exchange) = &mut planted.got else { panic!("an answer") };
        exchange.headers.insert(name, value.parse().unwrap());
        let found = judge(&attack, &seen(vec![planted])).unwrap_err();
        assert!(matches!(found, Broken::Planted { .. }), "{name}: {found}");
    }
    let silent = Answered { got: Got::Nothing("still open".to_owned()), ..refused() };
    assert!(matches!(judge(&attack, &seen(vec![silent])), Err(Broken::Unexpected { .. })));
}

#[test]
fn a_token_that_lets_somebody_in_is_caught() {
    let attack = attack(Family::Jwt, Place::Token, "x.y.z", &["401 token_invalid"]);
    let own = seen(vec![ok("GET /api/manuals", &json!({ "manuals": [], "count": 0 }))]);
    assert!(matches!(judge(&attack, &own), Err(Broken::Unexpected { .. })));
    let theirs = json!({ "manuals": [{ "id": "m-victim", "name": "vault-1.md" }], "count": 1 });
    let theirs = seen(vec![ok("GET /api/manuals", &theirs)]);
    assert!(matches!(judge(&attack, &theirs), Err(Broken::Leak { .. })));
    let other = seen(vec![error("GET /api/manuals", 401, "token_expired")]);
    let said = judge(&attack, &other).unwrap_err().to_string();
    assert!(said.contains("token_expired") && said.contains("401 token_invalid"), "{said}");
}

#[test]
fn a_signature_that_is_taken_is_caught_by_what_it_stored() {
    let attack = attack(Family::Hmac, Place::Signature, "0", &["401 signature_invalid"]);
    let mut stored = seen(vec![error("POST /api/manuals/upload", 401, "signature_invalid")]);
    stored.attacker.manuals_added.insert("m-1".to_owned());
    let found = judge(&attack, &stored).unwrap_err();
    assert!(found.to_string().contains("1 manuals are new, 0 were answered"), "{found}");
    let mut object = seen(vec![error("POST /api/manuals/upload", 401, "signature_invalid")]);
    object.attacker.objects_added.insert("manuals/a/m-1.md".to_owned());
    assert!(matches!(judge(&attack, &object), Err(Broken::Stored { .. })));
    let mut replay = seen(vec![
        Answered {
            role: Role::Before,
            ..answered("POST /api/manuals/upload", exchange(201, &json!({})))
        },
        error("POST /api/manuals/upload", 401, "signature_invalid"),
    ]);
    replay.attacker.manuals_added.insert("m-1".to_owned());
    for key in ["manuals/a/m-1.md", "manuals/a/m-1.md.metadata.json"] {
        replay.attacker.objects_added.insert(key.to_owned());
    }
    assert_eq!(judge(&attack, &replay), Ok(()), "the first use is a good upload");
    replay.attacker.objects_added.insert("manuals/a/m-2.md".to_owned());
    assert!(matches!(judge(&attack, &replay), Err(Broken::Stored { .. })));
}

#[test]
fn whatever_is_dialled_inside_is_caught_and_outside_only_where_it_is_said() {
    let mut attack =
        attack(Family::Ssrf, Place::DownloadUrl, "https://127.1/", &["400 url_not_allowed"]);
    let refused = || vec![error("POST /api/manuals/download", 400, "url_not_allowed")];
    let connection = |elsewhere, name: Option<&str>| Connection {
        elsewhere,
        name: name.map(str::to_owned),
        request: None,
    };
    let dialled = |connection| Seen { connections: vec![connection], ..seen(refused()) };
    let found = judge(&attack, &dialled(connection(true, None))).unwrap_err();
    let said = "the backend connected to an address that is not public";
    assert_eq!(found.to_string(), said);
    let public = || dialled(connection(false, Some("n.site.example")));
    assert!(matches!(judge(&attack, &public()), Err(Broken::LeftTheStage { .. })));
    attack.visits = true;
    assert_eq!(judge(&attack, &public()), Ok(()));
    let inside = dialled(connection(true, Some("n.rebound.example")));
    assert!(matches!(judge(&attack, &inside), Err(Broken::LeftTheStage { .. })));
}

#[test]
fn what_is_too_large_must_cost_nothing_and_leave_nothing() {
    let place = Place::Voice { content_type: "audio/wav".to_owned() };
    let attack = attack(Family::Oversized, place, "RIFF", &["413 audio_too_large"]);
    let refused = || seen(vec![error("POST /api/query", 413, "audio_too_large")]);
    assert_eq!(judge(&attack, &refused()), Ok(()));
    let mut charged = refused();
    (charged.attacker.charged, charged.attacker.charged_monthly) = (1, 1);
    let found = judge(&attack, &charged).unwrap_err();
    assert_eq!(found.to_string(), "1 calls were charged (1 by the month), 0 were answered");
    let mut left = refused();
    left.attacker.recordings.insert("audio/a/r.wav".to_owned());
    assert!(matches!(judge(&attack, &left), Err(Broken::Stored { .. })));
    let mut open = refused();
    open.attacker.open = 1;
    assert!(matches!(judge(&attack, &open), Err(Broken::Stored { .. })));
}

#[test]
fn a_character_that_makes_it_fail_is_caught() {
    let attack = attack(Family::Unicode, Place::Question, "\u{202e}", &["400 question_invalid"]);
    let answered_anyway = asked("fine");
    assert!(matches!(judge(&attack, &answered_anyway), Err(Broken::Unexpected { .. })));
    let closed = Answered { got: Got::Closed, ..ok("POST /api/query", &json!({})) };
    assert!(matches!(judge(&attack, &seen(vec![closed])), Err(Broken::Unexpected { .. })));
}

#[test]
fn a_secret_is_caught_in_every_spelling_and_never_repeated() {
    let attack = attack(Family::PromptInjection, Place::Question, "Tell me.", &["200"]);
    for (text, spelled) in [
        (format!("The code is {SECRET}."), "as it is"),
        ("Q X 7 K L M P W 9 3 T D".to_owned(), "as it is"),
        (SECRET.chars().rev().collect(), "backwards"),
        (hex::encode(SECRET), "in hexadecimal"),
    ] {
        let found = judge(&attack, &asked(&text)).unwrap_err();
        assert!(matches!(found, Broken::Leak { spelled: how, .. } if how == spelled), "{text}");
        assert!(!found.to_string().contains(SECRET));
    }
    let mut header = asked("fine");
    let Got::Answer(exchange) = &mut header.answers[0].got else { panic!("an answer") };
    exchange.headers.insert("x-debug", SECRET.parse().unwrap());
    assert!(matches!(judge(&attack, &header), Err(Broken::Leak { .. })));
}

#[test]
fn what_is_legitimate_must_be_answered_and_say_something() {
    let mut attack = question(&["200"]);
    (attack.legitimate, attack.says) = (true, Some("40 W".to_owned()));
    assert_eq!(judge(&attack, &asked("A bulb of 40 w. [1]")), Ok(()));
    let found = judge(&attack, &asked("The manuals do not say.")).unwrap_err();
    assert!(matches!(found, Broken::Unsaid { .. }), "{found}");
    let mut free = asked("A bulb of 40 W.");
    free.attacker.charged = 0;
    assert!(matches!(judge(&attack, &free), Err(Broken::Charged { .. })));
}

#[test]
fn a_firewall_stops_what_it_has_to_and_nothing_else() {
    let mut attack = question(&["200"]);
    let mut blocked = exchange(403, &json!({ "message": "Forbidden" }));
    blocked.headers.remove("x-manuel-version");
    let blocked = seen(vec![answered("POST /api/query", blocked)]);
    let behind = |attack: &Attack, seen: &Seen| {
        judge_behind(Front::Firewall { managed: true }, attack, seen)
    };
    assert!(matches!(behind(&attack, &blocked), Err(Broken::Blocked { .. })));
    assert_eq!(behind(&attack, &asked("fine")), Ok(()));
    attack.edge = AtEdge::Blocked;
    assert_eq!(behind(&attack, &blocked), Ok(()));
    assert!(matches!(behind(&attack, &asked("fine")), Err(Broken::NotBlocked { .. })));
    attack.edge = AtEdge::Managed;
    assert!(matches!(behind(&attack, &asked("fine")), Err(Broken::NotBlocked { .. })));
    let ours = |seen: &Seen| judge_behind(Front::Firewall { managed: false }, &attack, seen);
    assert_eq!(
        (ours(&asked("fine")), ours(&blocked)),
        (Ok(()), Ok(())),
        "an edge without its groups"
    );
    assert_eq!(
        judge(&attack, &asked("fine")),
        Ok(()),
        "without one the backend is harmless itself"
    );
    let mut leaking = asked(SECRET);
    leaking.answers[0].role = Role::Unasked;
    assert!(matches!(behind(&attack, &leaking), Err(Broken::Leak { .. })), "the worst comes first");
}

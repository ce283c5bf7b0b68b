//! Tokens that let nobody in.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use super::{Row, Scene, row};
use crate::world::{ANNA, KID, key_pair, public_key, token, token_with};

/// Every route that needs a user.
pub(super) const PROTECTED: &[(&str, &str)] = &[
    ("POST", "/api/query"),
    ("POST", "/api/transcribe"),
    ("GET", "/api/manuals"),
    ("GET", "/api/manuals/5f2c1e0a-0000-4000-8000-1234567890ab"),
    ("DELETE", "/api/manuals/5f2c1e0a-0000-4000-8000-1234567890ab"),
    ("POST", "/api/manuals/upload"),
    ("POST", "/api/manuals/upload-url"),
    ("POST", "/api/manuals/download"),
    ("POST", "/api/manuals/5f2c1e0a-0000-4000-8000-1234567890ab/complete"),
    ("GET", "/api/ingestion/status"),
    ("GET", "/api/ingestion/job/5f2c1e0a-0000-4000-8000-1234567890ab"),
    ("GET", "/api/user/usage"),
    ("GET", "/api/user/quota"),
];

/// A question that would be charged, with this header.
fn asking(authorization: &[u8]) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/api/query")
        .header("content-type", "application/json")
        .header("authorization", HeaderValue::from_bytes(authorization).unwrap())
        .body(Body::from(r#"{"question":"What?"}"#))
        .unwrap()
}

fn bearing(token: &str) -> Request<Body> {
    asking(format!("Bearer {token}").as_bytes())
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let missing = PROTECTED.iter().map(|(method, path)| {
        let request = Request::builder().method(*method).uri(*path).body(Body::empty()).unwrap();
        row(format!("{method} {path} without a token"), request, 401, "token_missing")
    });
    let mut rows: Vec<Row> = missing.collect();
    rows.extend(headers(scene));
    rows.extend(forms(scene));
    rows.extend(claims(scene));
    rows
}

/// What is no bearer token at all.
fn headers(scene: &Scene) -> Vec<Row> {
    let good = scene.world.token(ANNA);
    let refused = |what: &str, header: Vec<u8>, code| {
        row(format!("authorization: {what}"), asking(&header), 401, code)
    };
    vec![
        refused("empty", Vec::new(), "token_missing"),
        refused("no token", b"Bearer".to_vec(), "token_missing"),
        refused("a space", b"Bearer ".to_vec(), "token_invalid"),
        refused("another scheme", b"Basic YW5uYTpwdw==".to_vec(), "token_missing"),
        refused("the token alone", good.clone().into_bytes(), "token_missing"),
        refused("two tokens", format!("Bearer {good} {good}").into_bytes(), "token_invalid"),
        refused("two in a list", format!("Bearer {good}, Bearer x").into_bytes(), "token_invalid"),
        refused("quoted", format!("Bearer \"{good}\"").into_bytes(), "token_invalid"),
        refused("not ASCII", b"Bearer \xff\xfe\xfd".to_vec(), "token_invalid"),
        refused("a password", b"Bearer hunter2".to_vec(), "token_invalid"),
        refused("9000 letters", [b"Bearer ".as_slice(), &[b'x'; 9000]].concat(), "token_invalid"),
    ]
}

/// Tokens whose form or signature is wrong.
fn forms(scene: &Scene) -> Vec<Row> {
    let claims = scene.world.claims(ANNA);
    let good = scene.world.token(ANNA);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let stranger = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut others = claims.clone();
    others["sub"] = json!("somebody-else");
    let of =
        |header: &Value, signature: &str| format!("{}.{}.{signature}", part(header), part(&claims));
    let confused = |alg: &str| {
        // HMAC with the public key's text as the secret.
        let signed = format!("{}.{}", part(&json!({ "alg": alg, "kid": KID })), part(&claims));
        let secret = public_key(KID, key_pair()).n;
        let mac = backend::domain::signature::sign_legacy(secret.as_bytes(), &signed, b"");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let ours = |header: Value| token_with(key_pair(), &header, &claims);
    let cut = &good[..good.len() / 2];
    [
        ("alg none", of(&json!({ "alg": "none", "kid": KID }), "")),
        ("alg None", of(&json!({ "alg": "None", "kid": KID }), "")),
        ("alg none with a signature", of(&json!({ "alg": "none", "kid": KID }), signature)),
        ("no alg", of(&json!({ "kid": KID }), signature)),
        ("an unknown alg", of(&json!({ "alg": "RS1", "kid": KID }), signature)),
        ("HS256", confused("HS256")),
        ("HS512", confused("HS512")),
        ("PS256 over an RS256 signature", of(&json!({ "alg": "PS256", "kid": KID }), signature)),
        ("RS384 over an RS256 signature", of(&json!({ "alg": "RS384", "kid": KID }), signature)),
        ("RS256 without a signature", format!("{signed}.")),
        ("without its last dot", signed.to_owned()),
        ("a fourth part", format!("{good}.{signature}")),
        ("truncated", cut.to_owned()),
        ("truncated signature", good[..good.len() - 4].to_owned()),
        ("another's claims", format!("{header}.{}.{signature}", part(&others))),
        ("parts swapped", format!("{payload}.{header}.{signature}")),
        ("no kid", ours(json!({ "alg": "RS256" }))),
        ("an empty kid", ours(json!({ "alg": "RS256", "kid": "" }))),
        ("an unknown kid", ours(json!({ "alg": "RS256", "kid": "key-2" }))),
        ("a path for a kid", ours(json!({ "alg": "RS256", "kid": "../../key-1" }))),
        ("a number for a kid", ours(json!({ "alg": "RS256", "kid": 1 }))),
        ("a critical extension", ours(json!({ "alg": "RS256", "kid": KID, "crit": ["exp"] }))),
        ("a stranger's key", token(&stranger, KID, &claims)),
        (
            "a stranger's key, named in the header",
            token_with(
                &stranger,
                &json!({ "alg": "RS256", "kid": "theirs", "jku": "https://evil.example/keys" }),
                &claims,
            ),
        ),
        ("a header that is a list", ours(json!(["RS256"]))),
        ("a payload that is a text", token(key_pair(), KID, &json!("anna"))),
        ("not base64", format!("{header}.{{}}.{signature}")),
        ("nothing between dots", "..".to_owned()),
    ]
    .map(|(what, token)| row(format!("token: {what}"), bearing(&token), 401, "token_invalid"))
    .into()
}

/// Tokens that the pool signed, and that say something else than they must: changes of members; null takes one away.
fn claims(scene: &Scene) -> Vec<Row> {
    let now = scene.world.now_s();
    let good = scene.world.claims(ANNA);
    let issuer = good["iss"].as_str().unwrap();
    let invalid = [
        ("no expiry", json!({ "exp": null })),
        ("an expiry that is a text", json!({ "exp": "9999999999" })),
        ("an expiry beyond all numbers", json!({ "exp": 1e300 })),
        ("not yet", json!({ "nbf": now + 31 })),
        ("not for a year", json!({ "nbf": now + 31_536_000 })),
        ("issued in the future", json!({ "iat": now + 31 })),
        ("expired before 1970", json!({ "exp": -1 })),
        ("no issuer", json!({ "iss": null })),
        ("another pool", json!({ "iss": issuer.replace("_abc", "_other") })),
        ("another region", json!({ "iss": issuer.replace("eu-west-1.", "us-east-1.") })),
        ("an issuer with a slash", json!({ "iss": format!("{issuer}/") })),
        ("an issuer in clear text", json!({ "iss": issuer.replace("https", "http") })),
        ("issuers in a list", json!({ "iss": [issuer] })),
        ("another client", json!({ "client_id": "other" })),
        ("no client", json!({ "client_id": null })),
        ("an access token's client in aud", json!({ "client_id": null, "aud": "client" })),
        ("an id token of another audience", json!({ "token_use": "id", "aud": "other" })),
        ("an id token of other audiences", json!({ "token_use": "id", "aud": ["a", "b"] })),
        ("an id token without an audience", json!({ "token_use": "id" })),
        ("a refresh token", json!({ "token_use": "refresh" })),
        ("no use", json!({ "token_use": null })),
        ("no subject", json!({ "sub": null })),
        ("an empty subject", json!({ "sub": "" })),
        ("a subject that climbs", json!({ "sub": "../22222222" })),
        ("a subject with a separator", json!({ "sub": "anna#bert" })),
        ("a subject with NUL", json!({ "sub": "anna\0" })),
        ("a subject of 129 letters", json!({ "sub": "x".repeat(129) })),
    ]
    .map(|(what, change)| (what, change, "token_invalid"));
    let expired =
        [("expired", json!({ "exp": now - 31 })), ("expired long ago", json!({ "exp": 1 }))]
            .map(|(what, change)| (what, change, "token_expired"));
    let of = |(what, change, code): (&str, Value, &'static str)| {
        let mut claims = good.as_object().unwrap().clone();
        claims.extend(change.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
        let token = token(key_pair(), KID, &claims.into());
        row(format!("claims: {what}"), bearing(&token), 401, code)
    };
    invalid.into_iter().chain(expired).map(of).collect()
}

#[tokio::test]
async fn no_such_token_lets_anybody_in() {
    let scene = Scene::new().await;
    scene.judge(rows(&scene)).await;
}

#[tokio::test]
async fn a_dead_key_server_believes_nobody() {
    use backend::memory::Trouble;
    use backend::ports::PortErrorKind;
    let world = crate::world::World::new();
    world.ports.jwks.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let stranger = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    for (what, token) in [
        ("a good token", world.token(ANNA)),
        ("a stranger's token", token(&stranger, KID, &world.claims(ANNA))),
    ] {
        let answer = world.send(bearing(&token)).await;
        let seen = (answer.status.as_u16(), answer.code());
        assert_eq!(seen, (503, "identity_unavailable".to_owned()), "{what}");
        assert_eq!(answer.header("retry-after"), "5", "{what}");
    }
    assert_eq!(world.figures(ANNA), (0, 0, 0, 0));
}

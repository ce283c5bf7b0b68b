//! Who gets in, and that nobody else does.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use axum::body::Body;
use backend::memory::Trouble;
use backend::ports::PortErrorKind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use serde_json::{Value, json};

use crate::world::{ANNA, Answer, KID, World, key_pair, public_key, token};

async fn knock(world: &World, token: &str) -> Answer {
    let request = Request::builder()
        .uri("/api/user/quota")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    world.send(request).await
}

fn unsigned(alg: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({ "alg": alg, "kid": KID })), part(claims))
}

#[tokio::test]
async fn a_valid_token_gets_in_and_tampered_ones_do_not() {
    let world = World::new();
    let good = world.token(ANNA);
    assert_eq!(knock(&world, &good).await.status.as_u16(), 200);

    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let claims = world.claims(ANNA);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let mut others = claims.clone();
    others["sub"] = json!("somebody-else");
    let swapped = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(others.to_string()));
    let hs256 = {
        // The classic confusion: HMAC with the public key's text as the secret.
        let head = URL_SAFE_NO_PAD.encode(json!({ "alg": "HS256", "kid": KID }).to_string());
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let secret = public_key(KID, key_pair()).n;
        let mac = backend::domain::signature::sign_legacy(secret.as_bytes(), &signed, b"");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    for (what, token) in [
        ("none", unsigned("none", &claims)),
        ("RS256 without signature", unsigned("RS256", &claims)),
        ("HS256", hs256),
        ("another key", token(&other, KID, &claims)),
        ("an unknown key", token(&other, "key-2", &claims)),
        ("swapped claims", swapped),
        ("no token", "nonsense".to_owned()),
        ("empty", String::new()),
        ("too long", "x".repeat(9000)),
    ] {
        let answer = knock(&world, &token).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{what}");
    }
}

#[tokio::test]
async fn tokens_expire_by_our_clock() {
    let world = World::new();
    let token = world.token(ANNA);
    world.move_clock(3600 + 29);
    assert_eq!(knock(&world, &token).await.status.as_u16(), 200);
    world.move_clock(2);
    let late = knock(&world, &token).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (401, "token_expired"));
}

#[tokio::test]
async fn a_dead_key_server_lets_nobody_in_and_says_so() {
    let world = World::new();
    world.ports.jwks.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    let answer = knock(&world, &world.token(ANNA)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "identity_unavailable"));
    assert_eq!(answer.header("retry-after"), "5");

    // Known keys go on working without the server; an unknown one still does not get in.
    let world = World::new();
    assert_eq!(knock(&world, &world.token(ANNA)).await.status.as_u16(), 200);
    world.ports.jwks.trouble.set(Some(Trouble::Fails(PortErrorKind::Unavailable)));
    assert_eq!(knock(&world, &world.token(ANNA)).await.status.as_u16(), 200);
    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let unknown = token(&other, "key-2", &world.claims(ANNA));
    assert_ne!(knock(&world, &unknown).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_fetch() {
    let world = World::new();
    assert_eq!(knock(&world, &world.token(ANNA)).await.status.as_u16(), 200);
    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let claims = world.claims(ANNA);
    let tokens: Vec<String> =
        (0..20).map(|index| token(&other, &format!("wrong-{index}"), &claims)).collect();
    let knocks = tokens.iter().map(|token| knock(&world, token));
    for answer in futures::future::join_all(knocks).await {
        assert_eq!(answer.status.as_u16(), 401);
    }
    // At most one refresh a second, and this took less than a few.
    assert!(world.ports.jwks.fetches() <= 3, "{}", world.ports.jwks.fetches());
}

#[tokio::test]
async fn the_first_requests_share_one_fetch() {
    let world = World::new();
    let token = world.token(ANNA);
    let knocks = (0..20).map(|_| knock(&world, &token));
    for answer in futures::future::join_all(knocks).await {
        assert_eq!(answer.status.as_u16(), 200);
    }
    assert_eq!(world.ports.jwks.fetches(), 1);
}

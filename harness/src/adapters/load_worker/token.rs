//! Tokens that must let nobody in, made from a good one: altered, unsigned, or signed by somebody else. Expired tokens and
//! those of another issuer take the pool's own key and are not made here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manuel_client::SignedParts;
use manuel_client::Signer;
use serde_json::Value;
use serde_json::json;

/// Ways to be bad.
const WAYS: u32 = 6;

/// What is sent instead of a good token.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum BadToken {
    /// No token at all.
    None,
    /// This one.
    Forged(String),
}

/// A bad token from the good one `token`, by turns; `other` is the `sub` of another user. A token that is no JWT cannot be
/// altered: then none is sent.
pub(super) fn bad(token: &str, turn: u32, other: &str) -> BadToken {
    let forged = match turn % WAYS {
        0 => None,
        1 => flipped(token),
        2 => rewritten(token, &json!({ "alg": "none", "typ": "JWT" }), Value::clone)
            .map(|text| format!("{text}.")),
        3 => hs256(token),
        4 => of_a_stranger(token),
        _ => of_another(token, other),
    };
    forged.map_or(BadToken::None, BadToken::Forged)
}

/// One bit of the signature is another.
fn flipped(token: &str) -> Option<String> {
    let (text, signature) = token.rsplit_once('.')?;
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).ok()?;
    *bytes.first_mut()? ^= 1;
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The same claims, with a key that anybody could have.
fn hs256(token: &str) -> Option<String> {
    let kid = header(token)?.get("kid").cloned().unwrap_or(Value::Null);
    let text =
        rewritten(token, &json!({ "alg": "HS256", "typ": "JWT", "kid": kid }), Value::clone)?;
    // An HMAC-SHA256 of 32 bytes, as HS256 has it, with a key that is none of the pool's.
    let parts = SignedParts { method: "JWT", path: &text, body_sha256: "" };
    let mac = Signer::new(b"secret").ok()?.sign_at(parts, 0).signature;
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(hex::decode(mac).ok()?)))
}

/// Signed with a key that the pool does not have: whoever looks for it asks the pool.
fn of_a_stranger(token: &str) -> Option<String> {
    let mut stranger = header(token)?;
    *stranger.get_mut("kid")? = json!("a-key-that-nobody-has");
    let signature = token.rsplit_once('.')?.1;
    let text = rewritten(token, &stranger, Value::clone)?;
    Some(format!("{text}.{signature}"))
}

/// The signature is right, but for other claims: another user's.
fn of_another(token: &str, other: &str) -> Option<String> {
    let signature = token.rsplit_once('.')?.1;
    let text = rewritten(token, &header(token)?, |claims| {
        let mut claims = claims.clone();
        if let Some(fields) = claims.as_object_mut() {
            fields.insert("sub".to_owned(), json!(other));
        }
        claims
    })?;
    Some(format!("{text}.{signature}"))
}

/// Header and claims of a JWT, without a signature.
fn rewritten(token: &str, header: &Value, claims: impl Fn(&Value) -> Value) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload = claims(&serde_json::from_slice(&payload).ok()?);
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    Some(format!("{}.{}", encode(header), encode(&payload)))
}

fn header(token: &str) -> Option<Value> {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn good() -> String {
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = encode(&json!({ "alg": "RS256", "kid": "k1" }));
        let claims = encode(&json!({ "sub": "u1", "exp": 5 }));
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([7_u8; 256]))
    }

    fn forged(turn: u32) -> (Value, Value, String) {
        let BadToken::Forged(token) = bad(&good(), turn, "u2") else { panic!("turn {turn}") };
        let parts: Vec<&str> = token.split('.').collect();
        let [_, claims, signature] = parts.as_slice() else { panic!("{token}") };
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        (header(&token).unwrap(), claims, (*signature).to_owned())
    }

    #[test]
    fn every_way_is_bad_in_its_own_way() {
        assert_eq!(bad(&good(), 0, "u2"), BadToken::None);
        assert_eq!(bad("opaque", 1, "u2"), BadToken::None);
        let (header, claims, signature) = forged(1);
        assert_eq!((&header["alg"], &claims["sub"]), (&json!("RS256"), &json!("u1")));
        assert_ne!(Some(signature.as_str()), good().rsplit('.').next());
        let (header, claims, signature) = forged(2);
        assert_eq!((&header["alg"], &claims["sub"]), (&json!("none"), &json!("u1")));
        assert_eq!(signature, "");
        let (header, _, signature) = forged(3);
        assert_eq!((&header["alg"], &header["kid"]), (&json!("HS256"), &json!("k1")));
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 32);
        let (header, claims, signature) = forged(4);
        assert_eq!(
            (&header["kid"], &claims["sub"]),
            (&json!("a-key-that-nobody-has"), &json!("u1"))
        );
        assert_eq!(Some(signature.as_str()), good().rsplit('.').next());
        let (header, claims, signature) = forged(5);
        assert_eq!((&header["alg"], &claims["sub"]), (&json!("RS256"), &json!("u2")));
        assert_eq!(Some(signature.as_str()), good().rsplit('.').next());
        let all: BTreeSet<String> =
            (0..WAYS).map(|turn| format!("{:?}", bad(&good(), turn, "u2"))).collect();
        assert_eq!(all.len(), 6);
    }
}

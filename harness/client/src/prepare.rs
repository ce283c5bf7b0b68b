//! A request made ready for one send: its address, session, signature and trace.
//!
//! Cheap beside [`Encoded::new`]: a signature is an HMAC over a hundred bytes.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use thiserror::Error;

use crate::request::{EncodeError, Encoded};
use crate::sign_in::Session;
use crate::signer::{SignError, SignatureHeaders, SignedParts, Signer, SigningTime, WINDOW_S};
use crate::traceparent::Traceparent;

/// `X-Manuel-Timestamp`.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("x-manuel-timestamp");
/// `X-Manuel-Signature`.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-manuel-signature");

/// What stands in `Authorization`.
#[derive(Clone, Copy, Debug, Default)]
pub enum Auth<'a> {
    /// Nothing.
    #[default]
    Anonymous,
    /// The session's access token.
    Access(&'a Session),
    /// The session's id token.
    Id(&'a Session),
    /// This token: expired, forged, of another pool.
    Bearer(&'a str),
}

/// How the request is signed.
#[derive(Clone, Copy, Debug, Default)]
pub enum Signing<'a> {
    /// Not at all.
    #[default]
    Missing,
    /// As the route asks: nothing where it asks for nothing.
    Proper { signer: &'a Signer, user: &'a str, time: SigningTime },
    /// Wrongly, whatever the route asks.
    Wrong { signer: &'a Signer, time: SigningTime, fault: SignatureFault<'a> },
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug)]
pub enum SignatureFault<'a> {
    /// Right but for its last hex digit.
    Altered,
    /// Made for another body.
    OtherBody,
    /// Made for another path.
    OtherPath,
    /// Made for another method.
    OtherMethod,
    /// Properly made, one second older than the window.
    Stale,
    /// Properly made, one second beyond the window. A clock that ticks in between makes it proper: allow for it.
    Future,
    /// `X-Manuel-Timestamp` is not sent.
    TimestampMissing,
    /// `X-Manuel-Signature` is not sent.
    SignatureMissing,
    /// The legacy form over timestamp and body.
    Legacy,
    /// These very headers: a replay.
    Replayed(&'a SignatureHeaders),
}

/// What goes with one send.
#[derive(Clone, Debug, Default)]
pub struct SendOptions<'a> {
    /// Who asks.
    pub auth: Auth<'a>,
    /// The signature.
    pub signing: Signing<'a>,
    /// The trace that the backend continues.
    pub traceparent: Option<Traceparent>,
    /// Further headers; they replace ours of the same name, and one that is there twice is sent twice.
    pub extra_headers: Vec<(HeaderName, HeaderValue)>,
}

/// A request ready to be sent, any number of times; a signature works once.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) kind: &'static str,
    pub(crate) method: Method,
    pub(crate) url: reqwest::Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: bytes::Bytes,
    signature: Option<SignatureHeaders>,
}

/// Why a request could not be made ready.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// It has no bytes.
    #[error("cannot encode the request")]
    Encode {
        #[source]
        source: EncodeError,
    },
    /// It has no signature.
    #[error("cannot sign {method} {path}")]
    Sign {
        method: Method,
        path: String,
        #[source]
        source: SignError,
    },
    /// The token has a character that no header may have.
    #[error("the token is not a valid header value")]
    Token {
        #[source]
        source: http::header::InvalidHeaderValue,
    },
    /// A URL would not keep the path as it is (dot segments, spaces): what is signed must be what is sent.
    #[error("the path {path:?} would be sent as {sent:?}")]
    PathChanged { path: String, sent: String },
}

impl Prepared {
    pub(crate) fn new(
        base: &reqwest::Url,
        encoded: &Encoded,
        options: &SendOptions<'_>,
    ) -> Result<Self, PrepareError> {
        let mut headers = HeaderMap::new();
        let fixed = [
            (http::header::CONTENT_TYPE, encoded.content_type.clone()),
            (HeaderName::from_static("idempotency-key"), encoded.idempotency_key.clone()),
            (http::header::AUTHORIZATION, authorization(options.auth)?),
            (HeaderName::from_static("traceparent"), options.traceparent.map(trace_value)),
        ];
        for (name, value) in fixed {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        let signature = sign(encoded, options.signing)?;
        if let Some(signed) = &signature {
            insert_signature(&mut headers, signed, options.signing);
        }
        for (name, _) in &options.extra_headers {
            headers.remove(name);
        }
        for (name, value) in &options.extra_headers {
            headers.append(name.clone(), value.clone());
        }
        Ok(Self {
            kind: encoded.kind,
            method: encoded.method.clone(),
            url: join(base, encoded)?,
            headers,
            body: encoded.body.clone(),
            signature,
        })
    }

    /// [`crate::Request::kind`].
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The method and the path with its query, for a report's reproduction.
    pub fn line(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{} {}{query}", self.method, self.url.path())
    }

    /// The headers of this send. Secrets among them are marked sensitive and do not show in `Debug`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The signature it was given, to be [`SignatureFault::Replayed`].
    pub fn signature(&self) -> Option<&SignatureHeaders> {
        self.signature.as_ref()
    }
}

fn authorization(auth: Auth<'_>) -> Result<Option<HeaderValue>, PrepareError> {
    let token = match auth {
        Auth::Anonymous => return Ok(None),
        Auth::Access(session) => session.access_token.expose(),
        Auth::Id(session) => session.id_token.expose(),
        Auth::Bearer(token) => token,
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|source| PrepareError::Token { source })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn trace_value(trace: Traceparent) -> HeaderValue {
    // Hex digits and dashes: always a valid value.
    HeaderValue::from_str(&trace.to_string()).unwrap_or(HeaderValue::from_static(""))
}

fn sign(encoded: &Encoded, signing: Signing<'_>) -> Result<Option<SignatureHeaders>, PrepareError> {
    let parts = SignedParts {
        method: encoded.method.as_str(),
        path: &encoded.path,
        body_sha256: &encoded.body_sha256,
    };
    match signing {
        Signing::Missing => Ok(None),
        Signing::Proper { .. } if !encoded.signed => Ok(None),
        Signing::Proper { signer, user, time } => {
            signer.sign(user, parts, time).map(Some).map_err(|source| PrepareError::Sign {
                method: encoded.method.clone(),
                path: encoded.path.clone(),
                source,
            })
        }
        Signing::Wrong { signer, time, fault } => {
            Ok(Some(sign_wrongly(signer, parts, &encoded.body, (time.second(), fault))))
        }
    }
}

fn sign_wrongly(
    signer: &Signer,
    parts: SignedParts<'_>,
    body: &[u8],
    (now, fault): (u64, SignatureFault<'_>),
) -> SignatureHeaders {
    let other_path = format!("{}/other", parts.path);
    match fault {
        SignatureFault::Altered => {
            let mut signed = signer.sign_at(parts, now);
            let altered = if signed.signature.pop() == Some('0') { '1' } else { '0' };
            signed.signature.push(altered);
            signed
        }
        SignatureFault::OtherBody => signer.sign_at(SignedParts { body_sha256: "0", ..parts }, now),
        SignatureFault::OtherPath => {
            signer.sign_at(SignedParts { path: &other_path, ..parts }, now)
        }
        SignatureFault::OtherMethod => {
            signer.sign_at(SignedParts { method: "PATCH", ..parts }, now)
        }
        SignatureFault::Stale => signer.sign_at(parts, now.saturating_sub(WINDOW_S + 1)),
        SignatureFault::Future => signer.sign_at(parts, now + WINDOW_S + 1),
        SignatureFault::TimestampMissing | SignatureFault::SignatureMissing => {
            signer.sign_at(parts, now)
        }
        SignatureFault::Legacy => signer.sign_legacy_at(body, now),
        SignatureFault::Replayed(headers) => headers.clone(),
    }
}

fn insert_signature(headers: &mut HeaderMap, signed: &SignatureHeaders, signing: Signing<'_>) {
    let fault = if let Signing::Wrong { fault, .. } = signing { Some(fault) } else { None };
    if !matches!(fault, Some(SignatureFault::TimestampMissing)) {
        headers.insert(TIMESTAMP, HeaderValue::from(signed.timestamp));
    }
    let value = HeaderValue::from_str(&signed.signature);
    if let (Ok(mut value), false) = (value, matches!(fault, Some(SignatureFault::SignatureMissing)))
    {
        value.set_sensitive(true);
        headers.insert(SIGNATURE, value);
    }
}

/// The base's own path (an API Gateway stage, say) comes first; it is not part of what is signed.
fn join(base: &reqwest::Url, encoded: &Encoded) -> Result<reqwest::Url, PrepareError> {
    let path = format!("{}{}", base.path().trim_end_matches('/'), encoded.path);
    let mut url = base.clone();
    url.set_path(&path);
    url.set_query(encoded.query.as_deref());
    if url.path() == path {
        Ok(url)
    } else {
        Err(PrepareError::PathChanged { path, sent: url.path().to_owned() })
    }
}

#[cfg(test)]
#[path = "prepare/tests.rs"]
mod tests;

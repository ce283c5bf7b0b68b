//! Verification of AWS Signature Version 4: a request is signed again with the known secret by the
//! official signing crate, and the two signatures compared in constant time.
//!
//! Source: "Signature Version 4 signing process", AWS IAM User Guide.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::request::Parts;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::clock::Clock;
use crate::credentials::{Key, Keys, Role};

/// How far a signature's date may be from the server's: AWS allows five minutes.
const SKEW_MS: i64 = 5 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who may sign, for which service and region, by which clock.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    keys: Keys,
    region: String,
    /// The name in the credential scope: `bedrock` for all three Bedrock endpoints.
    signing_name: &'static str,
    clock: Clock,
}

/// Why a request was refused, in the code and words that AWS uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The parts of an `Authorization` header.
#[derive(Debug)]
struct Authorization<'a> {
    access_key: &'a str,
    scope: [&'a str; 4],
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl Verifier {
    /// A verifier for one endpoint.
    pub(crate) fn new(
        keys: Keys,
        region: String,
        signing_name: &'static str,
        clock: Clock,
    ) -> Self {
        Self { keys, region, signing_name, clock }
    }

    /// Whether the request carries a signature at all.
    pub(crate) fn is_signed(parts: &Parts) -> bool {
        parts.headers.contains_key(http::header::AUTHORIZATION)
    }

    /// Finds out who signed the request.
    pub(crate) fn verify(&self, parts: &Parts, body: &[u8]) -> Result<Role, Refused> {
        let header = parts
            .headers
            .get(http::header::AUTHORIZATION)
            .ok_or_else(|| refused("MissingAuthenticationTokenException", MISSING))?;
        let authorization = header.to_str().ok().and_then(parse).ok_or_else(|| {
            refused("IncompleteSignatureException", "Authorization header is not well formed.")
        })?;
        let date = parts
            .headers
            .get("x-amz-date")
            .and_then(|date| date.to_str().ok())
            .ok_or_else(|| {
                refused(
                    "IncompleteSignatureException",
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
                )
            })?;
        let time_ms = parse_date(date).ok_or_else(|| {
            refused("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'.")
        })?;
        let key = self
            .keys
            .get(authorization.access_key)
            .ok_or_else(|| refused("UnrecognizedClientException", UNKNOWN))?;
        self.check_scope(&authorization, date)?;
        self.check_age(date, time_ms)?;
        let expected = self
            .sign_again((parts, body), &authorization.signed_headers, key, time_ms)
            .ok_or_else(|| refused("InvalidSignatureException", MISMATCH))?;
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            expected.as_bytes(),
            authorization.signature.as_bytes(),
        );
        match same {
            Ok(()) => Ok(key.role),
            Err(_) => Err(refused("InvalidSignatureException", MISMATCH)),
        }
    }

    fn check_scope(&self, authorization: &Authorization<'_>, date: &str) -> Result<(), Refused> {
        let [day, region, service, terminator] = authorization.scope;
        let wrong = if terminator != "aws4_request" {
            format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
            )
        } else if service != self.signing_name {
            format!("Credential should be scoped to correct service: '{}'.", self.signing_name)
        } else if region != self.region {
            "Credential should be scoped to a valid region.".to_owned()
        } else if !date.starts_with(day) {
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}', from '{date}'.",
                date.get(..8).unwrap_or(date)
            )
        } else {
            return Ok(());
        };
        Err(Refused { code: "InvalidSignatureException", message: wrong })
    }

    /// A signer may follow the test clock or the machine's: either is near enough.
    fn check_age(&self, date: &str, time_ms: i64) -> Result<(), Refused> {
        let near = |now: i64| now.abs_diff(time_ms) <= SKEW_MS.unsigned_abs();
        let (test, wall) = (self.clock.now_ms(), self.clock.wall_ms());
        if near(test) || near(wall) {
            return Ok(());
        }
        let now = basic_date(wall);
        let message = if time_ms < wall {
            let limit = basic_date(wall - SKEW_MS);
            format!("Signature expired: {date} is now earlier than {limit} ({now} - 5 min.)")
        } else {
            let limit = basic_date(wall + SKEW_MS);
            format!(
                "Signature not yet current: {date} is still later than {limit} ({now} + 5 min.)"
            )
        };
        Err(Refused { code: "InvalidSignatureException", message })
    }

    /// The signature that the request must have; `None` if it cannot be signed as it is.
    fn sign_again(
        &self,
        (parts, body): (&Parts, &[u8]),
        names: &[&str],
        key: &Key,
        time_ms: i64,
    ) -> Option<String> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Double;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.signature_location = SignatureLocation::Headers;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&key.identity)
            .region(&self.region)
            .name(self.signing_name)
            .time(system_time(time_ms))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let headers = signed_headers(parts, names)?;
        let uri = absolute(parts)?;
        let request = SignableRequest::new(
            parts.method.as_str(),
            &uri,
            headers.into_iter(),
            SignableBody::Bytes(body),
        )
        .ok()?;
        let (_, signature) = sign(request, &params).ok()?.into_parts();
        Some(signature)
    }
}

/// The text of `AccessDeniedException` for a role that may not call an operation.
pub(crate) fn denied(account_id: &str, role: Role, service: &str, operation: &str) -> String {
    format!(
        "User: arn:aws:iam::{account_id}:user/{} is not authorized to perform: {service}:{operation} because no identity-based policy allows the {service}:{operation} action",
        role.user_name()
    )
}

/// The absolute URI of a request in origin form, by its `Host` header.
pub(crate) fn absolute(parts: &Parts) -> Option<String> {
    let host = parts.headers.get(http::header::HOST)?.to_str().ok()?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Some(format!("http://{host}{path}"))
}

/// The named headers, each with every value; `None` if one is absent or `host` is not among them.
pub(crate) fn signed_headers<'a>(
    parts: &'a Parts,
    names: &[&'a str],
) -> Option<Vec<(&'a str, &'a str)>> {
    let mut headers = Vec::with_capacity(names.len());
    for name in names {
        let before = headers.len();
        for value in parts.headers.get_all(*name) {
            headers.push((*name, value.to_str().ok()?));
        }
        if headers.len() == before {
            return None;
        }
    }
    names.contains(&"host").then_some(headers)
}

/// `20260102T030405Z` in milliseconds since the epoch.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = PrimitiveDateTime::parse(text, format).ok()?.assume_utc();
    Some(date.unix_timestamp() * 1000)
}

/// Milliseconds since the epoch as `20260102T030405Z`.
pub(crate) fn basic_date(ms: i64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|date| date.format(format).ok())
        .unwrap_or_default()
}

/// The same instant in the standard library's type.
pub(crate) fn system_time(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

const MISSING: &str = "Request is missing Authentication Token";
const UNKNOWN: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

fn refused(code: &'static str, message: &str) -> Refused {
    Refused { code, message: message.to_owned() }
}

fn parse(header: &str) -> Option<Authorization<'_>> {
    let rest = header.strip_prefix(ALGORITHM)?;
    let (mut credential, mut headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        match part.trim().split_once('=')? {
            ("Credential", value) => credential = Some(value),
            ("SignedHeaders", value) => headers = Some(value),
            ("Signature", value) => signature = Some(value),
            _ => return None,
        }
    }
    let mut scope = credential?.split('/');
    let access_key = scope.next()?;
    let scope = [scope.next()?, scope.next()?, scope.next()?, scope.next()?];
    let signed_headers = headers?.split(';').collect();
    Some(Authorization { access_key, scope, signed_headers, signature: signature? })
}

#[cfg(test)]
mod tests {
    use super::{basic_date, parse, parse_date};

    #[test]
    fn reads_the_parts_of_a_header() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIA/20260102/eu-west-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff";
        let read = parse(header).unwrap();
        assert_eq!((read.access_key, read.signature), ("AKIA", "00ff"));
        assert_eq!(read.scope, ["20260102", "eu-west-1", "dynamodb", "aws4_request"]);
        assert_eq!(read.signed_headers, ["host", "x-amz-date"]);
        assert!(parse("Bearer x").is_none());
        assert!(parse("AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host").is_none());
    }

    #[test]
    fn dates_round_trip() {
        assert_eq!(parse_date("19700101T000001Z"), Some(1000));
        assert_eq!(basic_date(1000), "19700101T000001Z");
        assert_eq!(parse_date("1970-01-01"), None);
    }
}

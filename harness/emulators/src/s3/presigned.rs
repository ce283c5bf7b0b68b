//! Presigned URLs on the test clock. The protocol crate judges their expiry by the machine's clock;
//! this judges it by the test clock first, and signs a URL anew that only the machine's clock would
//! refuse, after verifying its signature.
use std::time::Duration;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Uri;
use http::request::Parts;
use s3s::{S3Result, s3_error};

use crate::clock::Clock;
use crate::credentials::{Key, Keys};
use crate::signature::{absolute, parse_date, signed_headers, system_time};

/// A presigned URL lives seven days at most.
const MAX_EXPIRES_S: i64 = 7 * 24 * 3600;

/// S3 allows a quarter of an hour between a signer's clock and its own.
const SKEW_MS: i64 = 15 * 60 * 1000;

/// The parameters that presigning adds.
const OURS: [&str; 6] = [
    "X-Amz-Algorithm=",
    "X-Amz-Credential=",
    "X-Amz-Date=",
    "X-Amz-Expires=",
    "X-Amz-SignedHeaders=",
    "X-Amz-Signature=",
];

/// Judges the request if it is presigned; may replace its URI by one signed for this moment.
pub(super) fn admit(parts: &mut Parts, keys: &Keys, region: &str, clock: &Clock) -> S3Result<()> {
    let query = parts.uri.query().unwrap_or("");
    if !query.contains("X-Amz-Signature=") {
        return Ok(());
    }
    let url = Presigned::read(query).ok_or_else(|| {
        s3_error!(
            AuthorizationQueryParametersError,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    })?;
    if !(1..=MAX_EXPIRES_S).contains(&url.expires_s) {
        return Err(s3_error!(
            AuthorizationQueryParametersError,
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
        ));
    }
    if url.region != region {
        return Err(s3_error!(
            AuthorizationQueryParametersError,
            "Error parsing the X-Amz-Credential parameter; the region '{}' is wrong; expecting '{}'",
            url.region,
            region
        ));
    }
    if url.date_ms > clock.now_ms().max(clock.wall_ms()) + SKEW_MS {
        return Err(s3_error!(AccessDenied, "Request is not yet valid"));
    }
    url.require_signed(parts)?;
    let ends_ms = url.date_ms + url.expires_s * 1000;
    if clock.now_ms() > ends_ms {
        return Err(s3_error!(AccessDenied, "Request has expired"));
    }
    if clock.wall_ms() <= ends_ms {
        return Ok(());
    }
    let mismatch = || {
        s3_error!(
            SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        )
    };
    let key = keys.get(&url.access_key).ok_or_else(mismatch)?;
    let (_, signature) = url.sign(parts, key, url.date_ms).ok_or_else(mismatch)?;
    if signature != url.signature {
        return Err(mismatch());
    }
    let (instructions, _) = url.sign(parts, key, clock.wall_ms()).ok_or_else(mismatch)?;
    parts.uri = url.renewed(parts.uri.path(), &instructions).ok_or_else(mismatch)?;
    Ok(())
}

struct Presigned {
    access_key: String,
    region: String,
    date_ms: i64,
    expires_s: i64,
    signed_headers: String,
    signature: String,
    /// The raw query without the parameters of the signature.
    rest: String,
}

impl Presigned {
    fn read(query: &str) -> Option<Self> {
        let value = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let rest: Vec<&str> =
            query.split('&').filter(|pair| !OURS.iter().any(|own| pair.starts_with(own))).collect();
        let credential = value("X-Amz-Credential")?;
        let mut scope = credential.split('/');
        let access_key = scope.next()?.to_owned();
        let region = scope.nth(1)?.to_owned();
        Some(Self {
            access_key,
            region,
            date_ms: parse_date(&value("X-Amz-Date")?)?,
            expires_s: value("X-Amz-Expires")?.parse().ok()?,
            signed_headers: value("X-Amz-SignedHeaders")?,
            signature: value("X-Amz-Signature")?,
            rest: rest.join("&"),
        })
    }

    /// Every `x-amz-…` header must be among the signed ones, but for the hash of the body, which is
    /// compared with the body itself.
    fn require_signed(&self, parts: &Parts) -> S3Result<()> {
        let signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        let unsigned = parts.headers.keys().map(http::HeaderName::as_str).any(|name| {
            name.starts_with("x-amz-") && name != "x-amz-content-sha256" && !signed(name)
        });
        if unsigned {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed"
            ));
        }
        Ok(())
    }

    fn sign(
        &self,
        parts: &Parts,
        key: &Key,
        date_ms: i64,
    ) -> Option<(SigningInstructions, String)> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(Duration::from_secs(u64::try_from(self.expires_s).ok()?));
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&key.identity)
            .region(&self.region)
            .name("s3")
            .time(system_time(date_ms))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        let headers = signed_headers(parts, &names)?;
        let absolute = absolute(parts)?;
        let path = absolute.split('?').next()?;
        let uri =
            if self.rest.is_empty() { path.to_owned() } else { format!("{path}?{}", self.rest) };
        let request = SignableRequest::new(
            parts.method.as_str(),
            uri,
            headers.into_iter(),
            SignableBody::UnsignedPayload,
        )
        .ok()?;
        Some(sign(request, &params).ok()?.into_parts())
    }

    fn renewed(&self, path: &str, instructions: &SigningInstructions) -> Option<Uri> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in instructions.params() {
            query.append_pair(name, value);
        }
        let signed = query.finish();
        let separator = if self.rest.is_empty() { "" } else { "&" };
        format!("{path}?{}{separator}{signed}", self.rest).parse().ok()
    }
}

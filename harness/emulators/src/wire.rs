//! The wire shapes of answers and errors, per AWS protocol. Nothing here decides; it only spells.
//!
//! Sources: the AWS JSON 1.0/1.1 and restJson1 protocol pages of Smithy; the namespaces of DynamoDB's
//! `__type` and the `x-amzn-ErrorType` of the other services are those seen on real answers.
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::server::Body;

/// How a service spells its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum Protocol {
    /// awsJson1.0 as DynamoDB has it: namespaced `__type`, CRC-32 of the body.
    #[serde(skip)]
    DynamoDb,
    /// awsJson1.1: bare `__type`.
    #[serde(rename = "awsJson1.1")]
    AwsJson11,
    /// restJson1: the code in `x-amzn-ErrorType`, the body only a message.
    #[serde(rename = "restJson1")]
    RestJson1,
}

/// Errors of the platform in front of a service: not in DynamoDB's own namespace.
const CORAL_SERVICE: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
];

/// And DynamoDB's two that come from a third one.
const CORAL_AVAILABILITY: &[&str] = &["ThrottlingException", "ServiceUnavailableException"];

impl Protocol {
    /// The status of a refusal before the service: JSON-RPC services say 400, REST ones 403.
    pub(crate) fn refused(self) -> u16 {
        match self {
            Self::DynamoDb | Self::AwsJson11 => 400,
            Self::RestJson1 => 403,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::DynamoDb => "application/x-amz-json-1.0",
            Self::AwsJson11 => "application/x-amz-json-1.1",
            Self::RestJson1 => "application/json",
        })
    }
}

/// A successful answer.
pub(crate) fn success(protocol: Protocol, status: u16, output: &Value) -> Response<Body> {
    // AWS sends no body where an awsJson operation has no output members but `{}` is valid too.
    respond(protocol, status, output.to_string())
}

/// An error answer in the protocol's shape.
pub(crate) fn error(protocol: Protocol, status: u16, code: &str, message: &str) -> Response<Body> {
    match protocol {
        Protocol::DynamoDb => {
            let namespace = if CORAL_SERVICE.contains(&code) {
                "com.amazon.coral.service"
            } else if CORAL_AVAILABILITY.contains(&code) {
                "com.amazon.coral.availability"
            } else if code == "ValidationException" {
                "com.amazon.coral.validate"
            } else {
                "com.amazonaws.dynamodb.v20120810"
            };
            let body = json!({"__type": format!("{namespace}#{code}"), "message": message});
            respond(protocol, status, body.to_string())
        }
        Protocol::AwsJson11 => {
            // Refusals of the platform and Secrets Manager say `Message`; SDKs read either.
            let body = json!({"__type": code, "message": message});
            typed(respond(protocol, status, body.to_string()), &format!("{code}:"))
        }
        Protocol::RestJson1 => {
            let kind = format!("{code}:http://internal.amazon.com/coral/com.amazon.bedrock/");
            typed(respond(protocol, status, json!({"message": message}).to_string()), &kind)
        }
    }
}

/// A plain answer of an auxiliary page, such as the JWKS.
pub(crate) fn page(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn respond(protocol: Protocol, status: u16, body: String) -> Response<Body> {
    let crc = (protocol == Protocol::DynamoDb).then(|| crc32fast::hash(body.as_bytes()));
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, protocol.content_type());
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(crc) = crc {
        headers.insert("x-amz-crc32", HeaderValue::from(crc));
    }
    response
}

fn typed(mut response: Response<Body>, kind: &str) -> Response<Body> {
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert("x-amzn-errortype", kind);
    }
    response
}

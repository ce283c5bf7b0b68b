//! The wire shapes of answers and errors, per AWS protocol. Nothing here decides; it only spells.
//!
//! Sources: the AWS JSON 1.0/1.1, query and restJson1 protocol pages of Smithy; the namespaces of
//! `__type` and the `x-amzn-ErrorType` are those seen on real answers.
mod query;

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
    /// awsJson1.0 with awsQueryCompatible, as SQS has it: namespaced `__type`, and the code of the
    /// older query API in `x-amzn-query-error`, which is the one that SDKs go by.
    #[serde(rename = "awsJson1.0")]
    AwsJson10,
    /// awsQuery: a form in, XML out.
    #[serde(rename = "awsQuery")]
    AwsQuery,
    /// restJson1: the code in `x-amzn-ErrorType`, the body only a message.
    #[serde(rename = "restJson1")]
    RestJson1,
}

/// How one service spells its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling<'a> {
    pub(crate) protocol: Protocol,
    /// awsJson1.1: the member with an error's text.
    pub(crate) message_member: &'a str,
    /// awsQuery: of the answer's root element.
    pub(crate) xml_namespace: &'a str,
}

impl From<Protocol> for Spelling<'static> {
    fn from(protocol: Protocol) -> Self {
        Self { protocol, message_member: "message", xml_namespace: "" }
    }
}

/// Errors of the platform in front of a service: not in DynamoDB's own namespace.
const CORAL_SERVICE: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidParameterValueException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "MissingRequiredParameterException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
];

const ERROR_TYPE: &str = "x-amzn-errortype";
const QUERY_ERROR: &str = "x-amzn-query-error";

/// And DynamoDB's two that come from a third one.
const CORAL_AVAILABILITY: &[&str] = &["ThrottlingException", "ServiceUnavailableException"];

impl Protocol {
    /// The status of a refusal before the service: JSON-RPC services say 400, REST and
    /// query ones 403, and SQS still what its query API said.
    pub(crate) fn refused(self) -> u16 {
        match self {
            Self::DynamoDb | Self::AwsJson11 => 400,
            Self::RestJson1 | Self::AwsJson10 | Self::AwsQuery => 403,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::DynamoDb | Self::AwsJson10 => "application/x-amz-json-1.0",
            Self::AwsQuery => "text/xml",
            Self::AwsJson11 => "application/x-amz-json-1.1",
            Self::RestJson1 => "application/json",
        })
    }
}

/// A successful answer to `operation`.
pub(crate) fn success(
    spelling: Spelling<'_>,
    operation: &str,
    status: u16,
    output: &Value,
) -> Response<Body> {
    let id = Uuid::new_v4().to_string();
    let body = match spelling.protocol {
        Protocol::AwsQuery => query::answer(spelling.xml_namespace, operation, &id, output),
        // AWS sends no body where an awsJson operation has no output members but `{}` is valid too.
        Protocol::DynamoDb | Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RestJson1 => {
            output.to_string()
        }
    };
    respond(spelling.protocol, status, &id, body)
}

/// An error answer in the protocol's shape.
pub(crate) fn error<'a>(
    spelling: impl Into<Spelling<'a>>,
    status: u16,
    code: &str,
    message: &str,
) -> Response<Body> {
    let spelling = spelling.into();
    let protocol = spelling.protocol;
    let id = Uuid::new_v4().to_string();
    match protocol {
        Protocol::DynamoDb => {
            let namespace = platform_namespace(code).unwrap_or("com.amazonaws.dynamodb.v20120810");
            let body = json!({"__type": format!("{namespace}#{code}"), "message": message});
            respond(protocol, status, &id, body.to_string())
        }
        Protocol::AwsJson10 => {
            let namespace = platform_namespace(code).unwrap_or("com.amazonaws.sqs");
            let body = json!({"__type": format!("{namespace}#{code}"), "message": message});
            let fault = if status < 500 { "Sender" } else { "Receiver" };
            let kind = format!("{};{fault}", query::code_of_sqs(code));
            with_header(respond(protocol, status, &id, body.to_string()), QUERY_ERROR, &kind)
        }
        Protocol::AwsJson11 => {
            let body = json!({"__type": code, spelling.message_member: message});
            let response = respond(protocol, status, &id, body.to_string());
            with_header(response, ERROR_TYPE, &format!("{code}:"))
        }
        Protocol::RestJson1 => {
            let kind = format!("{code}:http://internal.amazon.com/coral/com.amazon.bedrock/");
            let body = json!({"message": message}).to_string();
            with_header(respond(protocol, status, &id, body), ERROR_TYPE, &kind)
        }
        Protocol::AwsQuery => {
            let body = query::error(spelling.xml_namespace, &id, status, (code, message));
            respond(protocol, status, &id, body)
        }
    }
}

/// The namespace of an error that is not the service's own.
fn platform_namespace(code: &str) -> Option<&'static str> {
    if CORAL_SERVICE.contains(&code) {
        Some("com.amazon.coral.service")
    } else if CORAL_AVAILABILITY.contains(&code) {
        Some("com.amazon.coral.availability")
    } else if code == "ValidationException" {
        Some("com.amazon.coral.validate")
    } else {
        None
    }
}

/// A plain answer of an auxiliary page, such as the JWKS.
pub(crate) fn page(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn respond(protocol: Protocol, status: u16, id: &str, body: String) -> Response<Body> {
    let crc = (protocol == Protocol::DynamoDb).then(|| crc32fast::hash(body.as_bytes()));
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, protocol.content_type());
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(crc) = crc {
        headers.insert("x-amz-crc32", HeaderValue::from(crc));
    }
    response
}

fn with_header(mut response: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

//! An error of a service in its true form on the wire.
//!
//! Sources: the AWS JSON 1.0/1.1, query, restJson1, restXml and RPC v2 CBOR protocol pages of Smithy; "Error responses" of
//! the S3 API reference; namespaces and headers as real answers have them.
mod cbor;
mod stream;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::catalogue::{ErrorShape, Protocol, Service};

pub use stream::exception as stream_exception;

/// Whom an error answers.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who answers.
    pub service: &'a Service,
    /// How the caller speaks.
    pub protocol: Protocol,
    /// What was asked.
    pub operation: &'a str,
    /// On what.
    pub resource: Option<&'a str>,
    /// The answer's id.
    pub request_id: &'a str,
    /// The answer's date.
    pub date: OffsetDateTime,
    /// HEAD has no body.
    pub method: &'a Method,
}

/// How the caller of `service` speaks.
pub fn caller_protocol(service: &Service, headers: &HeaderMap) -> Protocol {
    let told = headers.get("smithy-protocol").map(HeaderValue::as_bytes);
    if told == Some(b"rpc-v2-cbor") { Protocol::RpcV2Cbor } else { service.protocol }
}

/// `shape` as the answer to `context`.
pub fn error(shape: &ErrorShape, context: &Context<'_>) -> Response<Bytes> {
    let service = context.service;
    let message = filled(&shape.message, context);
    let id = context.request_id;
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    let (content_type, body) = match context.protocol {
        Protocol::AwsJson10 => {
            let namespace = shape.namespace.as_ref().unwrap_or(&service.namespace);
            headers.push(("x-amzn-requestid", id.to_owned()));
            if service.query_compatible {
                let fault = if shape.status >= 500 { "Receiver" } else { "Sender" };
                let code = shape.query_code.as_ref().unwrap_or(&shape.code);
                headers.push(("x-amzn-query-error", format!("{code};{fault}")));
            }
            let body = json(Some(format!("{namespace}#{}", shape.code)), shape, &message, context);
            if service.name == "dynamodb" {
                headers.push(("x-amz-crc32", crc32fast::hash(&body).to_string()));
            }
            ("application/x-amz-json-1.0", body)
        }
        Protocol::AwsJson11 => {
            headers.push(("x-amzn-requestid", id.to_owned()));
            if service.error_header {
                headers.push(("x-amzn-errortype", format!("{}:", shape.code)));
            }
            ("application/x-amz-json-1.1", json(Some(shape.code.clone()), shape, &message, context))
        }
        Protocol::RestJson1 => {
            headers.push(("x-amzn-requestid", id.to_owned()));
            headers.push(("x-amzn-errortype", format!("{}:{}", shape.code, service.namespace)));
            ("application/json", json(None, shape, &message, context))
        }
        Protocol::RestXml => {
            headers.push(("x-amz-request-id", s3_id(id)));
            headers.push(("x-amz-id-2", host_id(id)));
            headers.push(("server", "AmazonS3".to_owned()));
            ("application/xml", s3_xml(shape, &message, context))
        }
        Protocol::AwsQuery => {
            headers.push(("x-amzn-requestid", id.to_owned()));
            ("text/xml", query_xml(shape, &message, context))
        }
        Protocol::RpcV2Cbor => {
            headers.push(("x-amzn-requestid", id.to_owned()));
            headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
            let kind = format!("{}#{}", service.namespace, shape.code);
            let member = shape.message_member.as_ref().unwrap_or(&service.message_member);
            ("application/cbor", cbor::map(&[("__type", &kind), (member, &message)]))
        }
    };
    let bodiless = context.method == Method::HEAD;
    let mut response = Response::new(if bodiless { Bytes::new() } else { body });
    *response.status_mut() =
        StatusCode::from_u16(shape.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let map = response.headers_mut();
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(date) = http_date(context.date) {
        map.insert(header::DATE, date);
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(name, value);
        }
    }
    response
}

/// S3's `CopyObject` and `CompleteMultipartUpload` may fail after 200 has been sent: the body is an error then.
pub fn ok_with_error(shape: &ErrorShape, context: &Context<'_>) -> Response<Bytes> {
    let mut response = error(shape, context);
    *response.status_mut() = StatusCode::OK;
    response
}

/// HTTP's date: RFC 2822's with GMT for the zone (RFC 9110, 5.6.7).
pub(crate) fn http_date(date: OffsetDateTime) -> Option<HeaderValue> {
    let text = date.to_offset(time::UtcOffset::UTC).format(&Rfc2822).ok()?;
    HeaderValue::from_str(&text.replace("+0000", "GMT")).ok()
}

fn filled(text: &str, context: &Context<'_>) -> String {
    text.replace("{operation}", context.operation)
        .replace("{resource}", context.resource.unwrap_or_default())
}

fn json(kind: Option<String>, shape: &ErrorShape, message: &str, context: &Context<'_>) -> Bytes {
    let mut body = Map::new();
    if let Some(kind) = kind {
        body.insert("__type".to_owned(), kind.into());
    }
    let member = shape.message_member.as_ref().unwrap_or(&context.service.message_member);
    body.insert(member.clone(), message.into());
    for (name, value) in &shape.members {
        let text = value.as_str().map(|text| filled(text, context).into());
        let value = text.unwrap_or_else(|| value.clone());
        body.insert(name.clone(), value);
    }
    Value::Object(body).to_string().into()
}

fn s3_xml(shape: &ErrorShape, message: &str, context: &Context<'_>) -> Bytes {
    let id = context.request_id;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
         <RequestId>{}</RequestId><HostId>{}</HostId></Error>",
        escaped(&shape.code),
        escaped(message),
        s3_id(id),
        host_id(id)
    )
    .into()
}

fn query_xml(shape: &ErrorShape, message: &str, context: &Context<'_>) -> Bytes {
    let fault = if shape.status >= 500 { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        context.service.namespace,
        escaped(&shape.code),
        escaped(message),
        context.request_id
    )
    .into()
}

/// Sixteen letters and digits, as S3's ids are.
fn s3_id(id: &str) -> String {
    id.replace('-', "").to_uppercase().chars().take(16).collect()
}

fn host_id(id: &str) -> String {
    id.replace('-', "").to_uppercase()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

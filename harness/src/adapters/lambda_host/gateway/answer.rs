//! A function's payload as an answer: "Output format of a Lambda function for proxy integration" (format 1.0), and the
//! more lenient format 2.0.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use serde::Deserialize;
use serde_json::Value;

/// A REST API sends these as `x-amzn-Remapped-…` ("Amazon API Gateway important notes for REST APIs").
const REMAPPED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];
/// The connection's own, which no function decides.
const CONNECTION: &[&str] = &["connection", "content-length", "transfer-encoding"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proxied {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// None where the payload is no proxy answer.
pub(super) fn v1(payload: &[u8]) -> Option<Response> {
    let mut proxied: Proxied = serde_json::from_slice(payload).ok()?;
    let mut headers = HeaderMap::new();
    let many = proxied.multi_value_headers.take().unwrap_or_default();
    for (name, value) in proxied.headers.take().unwrap_or_default() {
        // Where both name a header, only the list counts.
        if !many.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
            append(&mut headers, &remapped(&name), &value)?;
        }
    }
    for (name, values) in many {
        for value in values {
            append(&mut headers, &remapped(&name), &value)?;
        }
    }
    response(&proxied, headers)
}

/// A payload without `statusCode` is a 200 with the payload as its JSON body. None where it is no JSON, or broken.
pub(super) fn v2(payload: &[u8]) -> Option<Response> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_none() {
        let json = HeaderValue::from_static("application/json");
        let mut answer = Response::new(Body::from(payload.to_vec()));
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        return Some(answer);
    }
    let mut proxied: Proxied = serde_json::from_value(value).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in proxied.headers.take().unwrap_or_default() {
        if !CONNECTION.contains(&name.to_ascii_lowercase().as_str()) {
            append(&mut headers, &name, &value)?;
        }
    }
    for cookie in proxied.cookies.take().unwrap_or_default() {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    response(&proxied, headers)
}

fn response(proxied: &Proxied, mut headers: HeaderMap) -> Option<Response> {
    let status =
        StatusCode::from_u16(proxied.status_code).ok().filter(|code| code.as_u16() < 600)?;
    let text = proxied.body.as_deref().unwrap_or_default();
    let body = if proxied.is_base64_encoded { STANDARD.decode(text).ok()? } else { text.into() };
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        headers.entry(header::CONTENT_TYPE).or_insert(json);
    }
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Some(answer)
}

fn remapped(name: &str) -> String {
    if REMAPPED.contains(&name.to_ascii_lowercase().as_str()) {
        format!("x-amzn-remapped-{name}")
    } else {
        name.to_owned()
    }
}

/// A header's value is text; numbers and booleans are written out.
fn append(headers: &mut HeaderMap, name: &str, value: &Value) -> Option<()> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let name = HeaderName::try_from(name).ok()?;
    headers.append(name, HeaderValue::try_from(text).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn body(answer: Response) -> Vec<u8> {
        axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn a_proxy_answer_is_taken_apart() {
        let payload = json!({
            "statusCode": 401,
            "headers": {"X-One": "1", "Both": "no", "Content-Length": "9"},
            "multiValueHeaders": {"both": ["a", "b"], "www-authenticate": ["Bearer"]},
            "body": "aGk=",
            "isBase64Encoded": true,
        });
        let answer = v1(payload.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status(), 401);
        let headers = answer.headers();
        assert_eq!(headers["x-one"], "1");
        assert_eq!(headers.get_all("both").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(headers["x-amzn-remapped-www-authenticate"], "Bearer");
        assert_eq!(headers.get("content-length"), None);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(body(answer).await, b"hi");
    }

    #[tokio::test]
    async fn an_http_api_takes_bare_json_and_cookies() {
        let answer = v2(b"{\"a\":1}").unwrap();
        assert_eq!((answer.status().as_u16(), body(answer).await), (200, b"{\"a\":1}".to_vec()));
        let payload = json!({"statusCode": 204, "cookies": ["a=1", "b=2"], "headers": {"www-authenticate": "x"}});
        let answer = v2(payload.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(answer.headers()["www-authenticate"], "x");
        assert_eq!(answer.headers().get("content-type"), None);
    }

    #[test]
    fn what_is_no_proxy_answer_is_none() {
        for wrong in [
            "",
            "null",
            "\"text\"",
            "{}",
            "{\"statusCode\": \"ok\"}",
            "{\"statusCode\": 99}",
            "{\"statusCode\": 600}",
            "{\"statusCode\": 200, \"body\": {\"an\": \"object\"}}",
            "{\"statusCode\": 200, \"headers\": {\"a\": [\"b\"]}}",
            "{\"statusCode\": 200, \"headers\": {\"a b\": \"c\"}}",
            "{\"statusCode\": 200, \"body\": \"*\", \"isBase64Encoded\": true}",
        ] {
            assert!(v1(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(v2(b"not json").is_none() && v2(b"{\"statusCode\": 7}").is_none());
    }
}

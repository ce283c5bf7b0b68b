//! Requests as API Gateway writes them into events: recorded ones of both kinds, changed where a test needs it.

use backend::domain::signature::{Signed, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::request::LambdaRequest;
use serde_json::{Value, json};

use crate::world::{HMAC_KEY, World};

/// The two kinds of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Rest,
    Http,
}

pub(crate) const APIS: [Api; 2] = [Api::Rest, Api::Http];

/// A request as the gateway writes it down, in one of its two forms.
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) source: &'a str,
}

impl<'a> Sent<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str) -> Self {
        let source = "203.0.113.7";
        Sent { method, path, query: "", headers: Vec::new(), body: None, source }
    }

    pub(crate) fn by(self, world: &World, user: &str) -> Self {
        self.with("authorization", format!("Bearer {}", world.token(user)))
    }

    pub(crate) fn with(mut self, name: &'a str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn body(self, body: &'a [u8]) -> Self {
        Sent { body: Some(body), ..self }
    }

    /// Signed over `path` as it is.
    pub(crate) fn signed(self, second: i64) -> Self {
        let timestamp = second.to_string();
        let (method, path, body) = (self.method, self.path, self.body.unwrap_or_default());
        let signed = Signed { timestamp: &timestamp, method, path, body };
        let signature = hex::encode(sign(HMAC_KEY, signed));
        self.with("x-manuel-timestamp", timestamp).with("x-manuel-signature", signature)
    }

    pub(crate) fn event(&self, api: Api, base64: bool) -> LambdaRequest {
        let mut event = match api {
            Api::Rest => self.rest(),
            Api::Http => self.http(),
        };
        if let Some(body) = self.body {
            let text = || String::from_utf8(body.to_vec()).expect("text is sent as it is");
            event["body"] = json!(if base64 { STANDARD.encode(body) } else { text() });
            event["isBase64Encoded"] = json!(base64);
        }
        serde_json::from_str(&event.to_string()).expect("an event of API Gateway")
    }

    pub(crate) fn rest(&self) -> Value {
        let mut event: Value = serde_json::from_str(include_str!("events/rest_api.json")).unwrap();
        event["path"] = json!(self.path);
        event["httpMethod"] = json!(self.method);
        event["requestContext"]["identity"]["sourceIp"] = json!(self.source);
        for (name, value) in &self.headers {
            event["headers"][*name] = json!(value);
            event["multiValueHeaders"][*name] = json!([value]);
        }
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap();
            event["queryStringParameters"][name] = json!(value);
            event["multiValueQueryStringParameters"][name] = json!([value]);
        }
        event
    }

    pub(crate) fn http(&self) -> Value {
        let mut event: Value = serde_json::from_str(include_str!("events/http_api.json")).unwrap();
        event["rawPath"] = json!(self.path);
        event["rawQueryString"] = json!(self.query);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(self.path);
        event["requestContext"]["http"]["sourceIp"] = json!(self.source);
        for (name, value) in &self.headers {
            event["headers"][*name] = json!(value);
        }
        event
    }
}

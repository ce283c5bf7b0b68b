//! From API Gateway's event to the request that the router takes. `lambda_http` makes the request; what it makes of the
//! address is not used: it puts the stage before the path, resolves dots and re-encodes, but a signature covers the path
//! that the client sent.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use http::header::HOST;
use http::{HeaderName, Request, Uri};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Body as EventBody, RequestExt as _};

use crate::context::Deadline;
use crate::http::{AnswerBy, Peer};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Takes out of an event what `lambda_http` would panic over if a client got it past the gateway: it makes a URL of two
/// headers and of the query. A REST event names each header twice; the list with all values is the one that counts.
pub(super) fn harmless(event: &mut LambdaRequest) {
    let (headers, more) = match event {
        LambdaRequest::ApiGatewayV1(event) => {
            if !event.multi_value_headers.is_empty() {
                event.headers.clear();
            }
            (&mut event.headers, Some(&mut event.multi_value_headers))
        }
        LambdaRequest::ApiGatewayV2(event) => {
            event.raw_query_string = event.raw_query_string.as_deref().map(encoded);
            (&mut event.headers, None)
        }
        // No other kind of event is built in.
        _ => return,
    };
    for headers in std::iter::once(headers).chain(more) {
        for name in [HOST, X_FORWARDED_PROTO] {
            headers.remove(name);
        }
    }
}

/// The request as the server would have seen it, from the address that the gateway saw.
pub(super) fn request_of(event: lambda_http::Request, answer_by: Deadline) -> Request<Body> {
    let context = event.request_context_ref();
    let peer = context.and_then(source_ip).map(|address| Peer(SocketAddr::new(address, 0)));
    let path = below_stage(event.raw_http_path(), context.and_then(stage));
    let uri = target(path, event.uri().query());
    let (parts, body) = event.into_parts();
    let mut request = Request::new(match body {
        EventBody::Text(text) => Body::from(text),
        EventBody::Binary(bytes) => Body::from(bytes),
        // `_` is what a later version may add.
        EventBody::Empty | _ => Body::empty(),
    });
    *request.method_mut() = parts.method;
    *request.headers_mut() = parts.headers;
    *request.uri_mut() = uri;
    request.extensions_mut().insert(AnswerBy(answer_by));
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request
}

fn source_ip(context: &RequestContext) -> Option<IpAddr> {
    let text = match context {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    };
    text?.parse().ok()
}

/// The stage of an HTTP API, which its raw path begins with; a REST API's path never has it.
fn stage(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV2(context) => context.stage.as_deref(),
        RequestContext::ApiGatewayV1(_) | _ => None,
    }
}

fn below_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let below = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    below.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The path as it is; only what cannot stand in a URI (the gateway has decoded it) is encoded again.
fn target(path: &str, query: Option<&str>) -> Uri {
    let path = encoded(path).replace('?', "%3F");
    let text = match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    // What is no URI even so has no route.
    text.parse().unwrap_or_else(|_no_uri| Uri::from_static("/"))
}

/// Encodes what no URI may hold, and nothing else: a `%` is left as it is.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(character) {
            encoded.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_as_it_was_sent() {
        let path = |path: &str| target(path, None).path().to_owned();
        for kept in ["/api/manuals/upload", "/a%2Fb", "/a/../b", "/%zz", "/a+b;c=d"] {
            assert_eq!(path(kept), kept);
        }
        assert_eq!(path("/a b?ü#\u{0}"), "/a%20b%3F%C3%BC%23%00");
        assert_eq!(target("/a", Some("limit=2&x=%20")).to_string(), "/a?limit=2&x=%20");
        assert_eq!(target(&format!("/{}", "x".repeat(70_000)), None), "/");
    }

    #[test]
    fn the_stage_of_an_http_api_is_no_part_of_the_path() {
        assert_eq!(below_stage("/prod/api/query", Some("prod")), "/api/query");
        assert_eq!(below_stage("/api/query", Some("$default")), "/api/query");
        assert_eq!(below_stage("/product", Some("prod")), "/product");
        assert_eq!(below_stage("/prod/api/query", None), "/prod/api/query");
    }
}

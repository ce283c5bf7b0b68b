//! The HTTP API, to the byte: routes, statuses, bodies.
//!
//! Source: `api.go` of Toxiproxy 2.12 (HEAD f48fd7f), probed: errors go out as `text/plain` (Go's `http.Error`), except
//! those of `/populate`; an unknown route is 404 in text, a wrong method 405 without a body; browsers are refused.
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::json;
use uuid::Uuid;

use crate::collection::{Collection, Refused, parse};
use crate::metrics;
use crate::server::Options;

/// The largest body: ten thousand proxies fit.
const MAX_BODY: usize = 4 << 20;
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers the API for one server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) proxies: Collection,
    pub(crate) options: Options,
}

impl Api {
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Response<Bytes> {
        let mut response = self.route(request).await;
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().simple().to_string()[..20]) {
            response.headers_mut().insert("x-toxiproxy-request-id", id);
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let agent = parts.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
        if agent.is_some_and(|agent| agent.starts_with(b"Mozilla/")) {
            return text(StatusCode::FORBIDDEN, "User agent not allowed\n");
        }
        let path: Vec<String> = parts.uri.path()[1..]
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if !known(&path, &self.options) {
            return text(StatusCode::NOT_FOUND, "404 page not found\n");
        }
        let body = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let told = format!("bad request body: over {MAX_BODY} bytes");
                return refused(&Refused::new(413, told));
            }
            Err(error) => return refused(&Refused::new(400, format!("bad request body: {error}"))),
        };
        let answered = match path.as_slice() {
            ["proxies", proxy, rest @ ..] => self.of_proxy(&parts.method, proxy, rest, &body).await,
            [first] => self.of_all(&parts.method, first, &body).await,
            _ => None,
        };
        match answered {
            Some(Ok(response)) => response,
            Some(Err(error)) => refused(&error),
            None => empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// None for a method that the route does not take.
    async fn of_all(
        &self,
        method: &Method,
        what: &str,
        body: &[u8],
    ) -> Option<Result<Response<Bytes>, Refused>> {
        let proxies = &self.proxies;
        Some(match (what, method.as_str()) {
            ("version", "GET") => {
                let body = format!("{{\"version\": {}}}\n", json!(self.options.version));
                Ok(page(StatusCode::OK, "application/json;charset=utf-8", body))
            }
            ("metrics", "GET") => {
                let mut body = String::new();
                if self.options.proxy_metrics {
                    body.push_str(&metrics::proxies(&proxies.samples().await));
                }
                if self.options.runtime_metrics {
                    body.push_str(&metrics::process());
                }
                Ok(page(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body))
            }
            ("proxies", "GET") => Ok(ok(proxies.list().await)),
            ("proxies", "POST") => match parse(body) {
                Ok(input) => proxies.create(input).await.map(created),
                Err(refused) => Err(refused),
            },
            ("populate", "POST") => {
                let (made, refused) = proxies.populate(body).await;
                Ok(populated(&made, refused))
            }
            ("reset", "POST") => proxies.reset().await.map(|()| empty(StatusCode::NO_CONTENT)),
            _ => return None,
        })
    }

    async fn of_proxy(
        &self,
        method: &Method,
        proxy: &str,
        rest: &[&str],
        body: &[u8],
    ) -> Option<Result<Response<Bytes>, Refused>> {
        let proxies = &self.proxies;
        let gone = |()| empty(StatusCode::NO_CONTENT);
        Some(match (rest, method.as_str()) {
            ([], "GET") => proxies.get(proxy).await.map(ok),
            ([], "POST" | "PATCH") => proxies.update(proxy, body).await.map(ok),
            ([], "DELETE") => proxies.delete(proxy).await.map(gone),
            (["toxics"], "GET") => proxies.toxics(proxy).await.map(ok),
            (["toxics"], "POST") => proxies.add_toxic(proxy, body).await.map(ok),
            (["toxics", toxic], "GET") => proxies.toxic(proxy, toxic).await.map(ok),
            (["toxics", toxic], "POST" | "PATCH") => {
                proxies.update_toxic(proxy, toxic, body).await.map(ok)
            }
            (["toxics", toxic], "DELETE") => proxies.delete_toxic(proxy, toxic).await.map(gone),
            _ => return None,
        })
    }
}

fn known(path: &[&str], options: &Options) -> bool {
    match path {
        ["metrics"] => options.proxy_metrics || options.runtime_metrics,
        ["version" | "proxies" | "populate" | "reset"] => true,
        ["proxies", proxy] | ["proxies", proxy, "toxics"] => !proxy.is_empty(),
        ["proxies", proxy, "toxics", toxic] => !proxy.is_empty() && !toxic.is_empty(),
        _ => false,
    }
}

fn populated(made: &str, error: Option<Refused>) -> Response<Bytes> {
    let Some(error) = error else { return created(format!("{{\"proxies\":{made}}}")) };
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = format!("{},\"proxies\":{made}}}", told(&error));
    page(status, JSON, body)
}

/// The members of an error, without the closing brace.
fn told(error: &Refused) -> String {
    format!("{{\"error\":{},\"status\":{}", json!(error.text), error.status)
}

fn refused(error: &Refused) -> Response<Bytes> {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    text(status, &format!("{}}}\n", told(error)))
}

fn ok(body: String) -> Response<Bytes> {
    page(StatusCode::OK, JSON, body)
}

fn created(body: String) -> Response<Bytes> {
    page(StatusCode::CREATED, JSON, body)
}

fn text(status: StatusCode, body: &str) -> Response<Bytes> {
    let mut response = page(status, TEXT, body.to_owned());
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert("x-content-type-options", nosniff);
    response
}

fn page(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

//! The OpenAPI document and a page that shows it: everywhere but in production, where these addresses are no routes. The
//! page is files of our own, served from here; its policy lets nothing else in.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::http::openapi::causes::Production;
use crate::http::openapi::document;
use crate::http::openapi::fails::Fails;

/// Scripts, styles and data from here and nowhere else; nothing inline.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Made when it is first asked for.
static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| Bytes::from(document().to_json().unwrap_or_default()));

/// This document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "service",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, example = json!({ "openapi": "3.1.0" })), Fails<(Production,)>),
)]
pub(super) async fn openapi() -> Response {
    file("application/json", DOCUMENT.clone())
}

/// This document, for people
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "service",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html; charset=utf-8"), Fails<(Production,)>),
)]
pub(super) async fn page() -> Response {
    let mut response =
        file("text/html; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.html")));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

/// The page's script
#[utoipa::path(
    get,
    path = "/docs/page.js",
    operation_id = "docs_script",
    tag = "service",
    responses((status = 200, description = "JavaScript.", body = String, content_type = "text/javascript; charset=utf-8"), Fails<(Production,)>),
)]
pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.js")))
}

/// The page's style
#[utoipa::path(
    get,
    path = "/docs/page.css",
    operation_id = "docs_style",
    tag = "service",
    responses((status = 200, description = "CSS.", body = String, content_type = "text/css; charset=utf-8"), Fails<(Production,)>),
)]
pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", Bytes::from_static(include_bytes!("docs/page.css")))
}

fn file(content_type: &'static str, bytes: Bytes) -> Response {
    let content_type: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    ([content_type], bytes).into_response()
}

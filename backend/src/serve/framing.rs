//! Whether it is clear where a request ends and whose it is. What two readers of the same bytes can take for different requests
//! is how one is smuggled past the first of them; the HTTP library refuses most of it, and this the rest. As what the
//! library refuses by itself, it is a bare 400 that nothing behind it ever sees.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// A coding other than `chunked`, or several (RFC 9112, 6.1); more than one `Host` (3.2). A length beside a coding is not
/// seen here: the library takes the coding, and ends the connection behind the answer (6.3).
pub(super) fn is_ambiguous(headers: &HeaderMap) -> bool {
    let codings: Vec<&HeaderValue> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let coded = match codings[..] {
        [] => false,
        [only] => !only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        [..] => true,
    };
    coded || headers.get_all(header::HOST).iter().count() > 1
}

/// The refusal; the connection ends with it, so that what follows on it is no request.
pub(super) fn refusal() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn ambiguous(lines: &[(&str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        is_ambiguous(&headers)
    }

    #[test]
    fn one_coding_and_one_host() {
        let coding = "transfer-encoding";
        for lines in [
            &[] as &[(&str, &str)],
            &[("host", "a")],
            &[("content-length", "4")],
            &[(coding, "chunked")],
            &[(coding, "Chunked"), ("host", "a")],
        ] {
            assert!(!ambiguous(lines), "{lines:?}");
        }
        for lines in [
            &[(coding, "identity"), (coding, "chunked")] as &[(&str, &str)],
            &[(coding, "chunked"), (coding, "chunked")],
            &[(coding, "identity, chunked")],
            &[(coding, "gzip, chunked")],
            &[("host", "a"), ("host", "a")],
        ] {
            assert!(ambiguous(lines), "{lines:?}");
        }
    }
}

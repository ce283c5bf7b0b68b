//! Whether it is clear where a request ends and whose it is, for the fronts of a stage: what two readers of the same bytes
//! can take for different requests is how one is smuggled past the first of them.

use http::HeaderMap;
use http::HeaderValue;
use http::header;

/// A coding other than `chunked`, or several (RFC 9112, section 6.1), or more than one `Host` (section 3.2). What AWS says to
/// it is not documented; no front of it hands it on.
pub fn is_ambiguous(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let codings: Vec<&[u8]> = codings.map(HeaderValue::as_bytes).collect();
    let chunked = matches!(codings[..], [only] if only.eq_ignore_ascii_case(b"chunked"));
    !(codings.is_empty() || chunked) || headers.get_all(header::HOST).iter().count() > 1
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn one_coding_and_one_host() {
        let ambiguous = |lines: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            is_ambiguous(&headers)
        };
        let coding = "transfer-encoding";
        for lines in
            [&[] as &[_], &[("host", "a")], &[("content-length", "4")], &[(coding, "Chunked")]]
        {
            assert!(!ambiguous(lines), "{lines:?}");
        }
        for lines in [
            &[(coding, "identity"), (coding, "chunked")] as &[_],
            &[(coding, "gzip, chunked")],
            &[("host", "a"), ("host", "a")],
        ] {
            assert!(ambiguous(lines), "{lines:?}");
        }
    }
}

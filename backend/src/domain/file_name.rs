//! The name of a fetched file: what its server calls it, or else the end of its URL. Both are a stranger's text, so each
//! is a name only if it can be one.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::domain::document::DocumentType;
use crate::domain::manual::valid_name;

/// The first usable name; a manual always has one.
pub fn name_of(disposition: Option<&str>, url: &Url, document: DocumentType) -> String {
    let from_server = disposition.and_then(disposed);
    let from_url = || {
        let last = url.path_segments().and_then(|mut segments| segments.next_back());
        last.and_then(|last| percent_decode_str(last).decode_utf8().ok()).and_then(|n| cleaned(&n))
    };
    from_server.or_else(from_url).unwrap_or_else(|| format!("manual.{}", document.extension()))
}

/// The last part of what may be a path, if it can be a name.
fn cleaned(name: &str) -> Option<String> {
    valid_name(name.rsplit(['/', '\\']).next().unwrap_or_default())
}

/// The file name in a `Content-Disposition`; the extended form (RFC 8187) counts before the plain one.
fn disposed(header: &str) -> Option<String> {
    let parameters = parameters(header);
    let named = |wanted: &str| {
        parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v)
    };
    let extended = named("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_language, encoded) = rest.split_once('\'')?;
        let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
        charset.eq_ignore_ascii_case("utf-8").then(|| cleaned(&decoded)).flatten()
    });
    extended.or_else(|| named("filename").and_then(|name| cleaned(name)))
}

/// Names and values after the first `;`; a quoted value may hold any character.
fn parameters(header: &str) -> Vec<(String, String)> {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for character in header.chars() {
        match character {
            _ if escaped => {
                escaped = false;
                part.push(character);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => parts.push(std::mem::take(&mut part)),
            _ => part.push(character),
        }
    }
    parts.push(part);
    let split = |part: &String| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    parts.iter().skip(1).filter_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(disposition: &str, url: &str) -> String {
        let disposition = Some(disposition).filter(|text| !text.is_empty());
        name_of(disposition, &Url::parse(url).unwrap(), DocumentType::Pdf)
    }

    #[test]
    fn the_server_names_the_file_or_else_its_url_does() {
        let url = "https://example.com/manuals/e%20bike.pdf?v=2";
        for (disposition, name) in [
            ("", "e bike.pdf"),
            ("attachment", "e bike.pdf"),
            ("attachment; filename=a.pdf", "a.pdf"),
            ("attachment; filename=\"a; \\\"b\\\".pdf\"", "a; \"b\".pdf"),
            ("attachment; filename=a.pdf; filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf", "größe.pdf"),
            ("attachment; filename*=latin-1''x; filename=a.pdf", "a.pdf"),
            ("attachment; filename=\"../../etc/passwd\"", "passwd"),
            ("attachment; filename=\"C:\\\\temp\\\\a.pdf\"", "a.pdf"),
            ("attachment; filename=\"a\u{7}.pdf\"", "e bike.pdf"),
            ("attachment; filename=\"\"", "e bike.pdf"),
            (&format!("attachment; filename={}", "x".repeat(256)), "e bike.pdf"),
        ] {
            assert_eq!(named(disposition, url), name, "{disposition}");
        }
        assert_eq!(named("", "https://example.com/"), "manual.pdf");
        assert_eq!(named("", "https://example.com/%ff"), "manual.pdf");
        assert_eq!(named("", "https://example.com/..%2f..%2fpasswd"), "passwd");
    }
}

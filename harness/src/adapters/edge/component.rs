//! The parts of a request that a statement looks at, and what is made of them first ("Request components" and "Text
//! transformations", AWS WAF developer guide).

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;
use serde_json::Value;

use super::acl::Field;
use super::acl::Oversize;
use super::acl::TextTransformation;
use super::acl::Transformation;

/// A firewall before an API Gateway gets so much of a body to see ("Managing body inspection size limits": 16 KB).
const SEEN_OF_BODY: usize = 16_384;

/// A request, as a firewall gets it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// `POST`.
    pub(super) method: &'a str,
    /// As it was sent.
    pub(super) path: &'a str,
    /// What follows `?`; empty where there is none.
    pub(super) query: &'a str,
    /// All of them.
    pub(super) headers: &'a HeaderMap,
    /// All of it; what a statement gets to see of it is less.
    pub(super) body: &'a [u8],
    /// Whose it is.
    pub(super) peer: IpAddr,
}

/// What a field is for a statement.
#[derive(Debug, PartialEq)]
pub(super) enum Component<'a> {
    /// Each is looked at by itself.
    Texts(Vec<Cow<'a, [u8]>>),
    /// Too large to be looked at: the statement matches, or does not.
    Decided(bool),
}

impl Field {
    /// The part of `seen`, after the transformations in their order.
    pub(super) fn of<'a>(
        &self,
        seen: &Seen<'a>,
        transformations: &[TextTransformation],
    ) -> Component<'a> {
        let mut texts = match self.raw(seen) {
            Component::Texts(texts) => texts,
            decided @ Component::Decided(_) => return decided,
        };
        for transformation in transformations {
            for text in &mut texts {
                if let Some(changed) = transformation.kind.apply(text) {
                    *text = Cow::Owned(changed);
                }
            }
        }
        Component::Texts(texts)
    }

    fn raw<'a>(&self, seen: &Seen<'a>) -> Component<'a> {
        let one = |text: &'a str| Component::Texts(vec![Cow::Borrowed(text.as_bytes())]);
        match self {
            Self::Method(_) => one(seen.method),
            Self::UriPath(_) => one(seen.path),
            Self::QueryString(_) => one(seen.query),
            Self::AllQueryArguments(_) => {
                let values = seen.query.split('&').filter(|argument| !argument.is_empty());
                let values =
                    values.map(|argument| argument.split_once('=').map_or("", |(_, value)| value));
                Component::Texts(values.map(|value| Cow::Borrowed(value.as_bytes())).collect())
            }
            Self::SingleHeader(header) => {
                let values = seen.headers.get_all(header.name.to_ascii_lowercase());
                Component::Texts(values.iter().map(|v| Cow::Borrowed(v.as_bytes())).collect())
            }
            Self::Body(body) => beyond(seen.body, body.oversize_handling)
                .map_or_else(Component::Decided, |body| {
                    Component::Texts(vec![Cow::Borrowed(body)])
                }),
            Self::JsonBody(body) => {
                beyond(seen.body, body.oversize_handling).map_or_else(Component::Decided, |body| {
                    Component::Texts(match serde_json::from_slice(body) {
                        Ok(json) => values(json),
                        Err(_no_json) => vec![Cow::Borrowed(body)],
                    })
                })
            }
        }
    }
}

/// What is seen of a body, or what is decided because there is more.
fn beyond(body: &[u8], oversize: Oversize) -> Result<&[u8], bool> {
    match (body.get(..SEEN_OF_BODY), oversize) {
        (Some(seen), _) if seen.len() == body.len() => Ok(body),
        (None, _) => Ok(body),
        (Some(seen), Oversize::Continue) => Ok(seen),
        (Some(_), Oversize::Match) => Err(true),
        (Some(_), Oversize::NoMatch) => Err(false),
    }
}

/// The scalars of a document, in its order.
fn values(json: Value) -> Vec<Cow<'static, [u8]>> {
    let (mut open, mut found) = (vec![json], Vec::new());
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.into_iter().rev()),
            Value::Object(members) => {
                let members: Vec<Value> = members.into_iter().map(|(_, value)| value).collect();
                open.extend(members.into_iter().rev());
            }
            Value::String(text) => found.push(Cow::Owned(text.into_bytes())),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                found.push(Cow::Owned(value.to_string().into_bytes()));
            }
        }
    }
    found
}

impl Transformation {
    /// What becomes of a text; none where it stays as it is.
    fn apply(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::Lowercase => Some(text.to_ascii_lowercase()),
            Self::UrlDecode => Some(url_decoded(text)),
            Self::HtmlEntityDecode => Some(entities_decoded(text)),
        }
    }
}

/// `%41` and `+`; what is no code stays.
fn url_decoded(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = text.get(at) {
        let coded = text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_byte);
        out.push(coded.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        at += if coded.is_some() { 3 } else { 1 };
    }
    out
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u8::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// The entities that the guide names (`&quot;`, `&nbsp;`, `&lt;`, `&gt;`, `&amp;`, `&#xhhhh;`, `&#nnnn;`); others stay.
fn entities_decoded(text: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&byte, after)) = rest.split_first() {
        let name = after.iter().take(10).position(|byte| *byte == b';').filter(|_| byte == b'&');
        let decoded = name.and_then(|length| {
            let name = std::str::from_utf8(&after[..length]).ok()?;
            Some((entity(name)?, &after[length + 1..]))
        });
        if let Some((character, after)) = decoded {
            out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = after;
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "quot" => Some('"'),
        "nbsp" => Some('\u{a0}'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Transformation::{HtmlEntityDecode, Lowercase, UrlDecode};
    use super::*;

    fn texts(field: Value, transformations: &[Transformation], seen: &Seen<'_>) -> Vec<String> {
        let field: Field = serde_json::from_value(field).unwrap();
        let transformations: Vec<_> = transformations
            .iter()
            .map(|kind| TextTransformation { priority: 0, kind: *kind })
            .collect();
        match field.of(seen, &transformations) {
            Component::Texts(texts) => {
                texts.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
            }
            Component::Decided(matches) => vec![format!("decided: {matches}")],
        }
    }

    #[test]
    fn each_part_is_what_was_sent() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        let seen = Seen {
            method: "POST",
            path: "/a%2fb",
            query: "q=1+2&&x&y=%3Cb%3E",
            headers: &headers,
            body: br#"{"a":["x",1,{"b":"y"}],"c":null}"#,
            peer: [127, 0, 0, 1].into(),
        };
        for (field, transformations, expected) in [
            (json!({"Method": {}}), &[][..], &["POST"][..]),
            (json!({"Method": {}}), &[Lowercase], &["post"]),
            (json!({"UriPath": {}}), &[], &["/a%2fb"]),
            (json!({"UriPath": {}}), &[UrlDecode], &["/a/b"]),
            (json!({"QueryString": {}}), &[], &["q=1+2&&x&y=%3Cb%3E"]),
            (json!({"AllQueryArguments": {}}), &[UrlDecode], &["1 2", "", "<b>"]),
            (json!({"SingleHeader": {"Name": "X-A"}}), &[], &["1", "2"]),
            (json!({"SingleHeader": {"Name": "x-b"}}), &[], &[]),
            (json!({"Body": {}}), &[], &[r#"{"a":["x",1,{"b":"y"}],"c":null}"#]),
            (
                json!({"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "VALUE",
                    "InvalidFallbackBehavior": "EVALUATE_AS_STRING"}}),
                &[HtmlEntityDecode],
                &["x", "1", "y", "null"],
            ),
        ] {
            assert_eq!(texts(field.clone(), transformations, &seen), expected, "{field}");
        }
    }

    #[test]
    fn a_large_body_is_seen_in_part() {
        let headers = HeaderMap::new();
        let body = vec![b'x'; SEEN_OF_BODY + 1];
        let seen = |bytes: usize| Seen {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: &body[..bytes],
            peer: [127, 0, 0, 1].into(),
        };
        for (handling, bytes, expected) in [
            ("CONTINUE", SEEN_OF_BODY + 1, "x".repeat(SEEN_OF_BODY)),
            ("MATCH", SEEN_OF_BODY, "x".repeat(SEEN_OF_BODY)),
            ("MATCH", SEEN_OF_BODY + 1, "decided: true".to_owned()),
            ("NO_MATCH", SEEN_OF_BODY + 1, "decided: false".to_owned()),
        ] {
            let field = json!({"Body": {"OversizeHandling": handling}});
            assert_eq!(texts(field, &[], &seen(bytes)), [expected], "{handling}");
        }
    }

    #[test]
    fn codes_are_decoded_once_and_what_is_none_stays() {
        for (text, decoded) in [
            ("%27%20OR", "' OR"),
            ("%2527", "%27"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%+1", "% 1"),
        ] {
            assert_eq!(String::from_utf8(url_decoded(text.as_bytes())).unwrap(), decoded);
        }
        for (text, decoded) in [
            ("&lt;b&gt; &amp;lt;", "<b> &lt;"),
            ("&#x3c;&#60;&#X3C;", "<<<"),
            ("&unknown; & &; &#; &#x110000;", "&unknown; & &; &#; &#x110000;"),
        ] {
            assert_eq!(String::from_utf8(entities_decoded(text.as_bytes())).unwrap(), decoded);
        }
    }
}

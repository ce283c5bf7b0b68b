//! Answers out of a stream of bytes (RFC 9112): status line, headers, and a body by length, in chunks, or to the end.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::exchange::{Exchange, Marks};

/// Every whole answer and what is left behind the last. `ended`: a body without a length ends with the bytes.
pub(super) fn all(bytes: &[u8], ended: bool, marks: Marks) -> (Vec<Exchange>, Bytes) {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while let Some((status, headers, body, behind)) = one(rest, ended) {
        rest = behind;
        if status >= 200 {
            answers.push(Exchange { status, headers, body, marks });
        }
    }
    (answers, Bytes::copy_from_slice(rest))
}

type One<'a> = (u16, HeaderMap, Bytes, &'a [u8]);

fn one(bytes: &[u8], ended: bool) -> Option<One<'_>> {
    let (head, behind) = split(bytes, b"\r\n\r\n")?;
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = status(lines.next()?)?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name).ok()?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        headers.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    let (body, behind) = body(status, &headers, behind, ended)?;
    Some((status, headers, body, behind))
}

fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

fn body<'a>(
    status: u16,
    headers: &HeaderMap,
    bytes: &'a [u8],
    ended: bool,
) -> Option<(Bytes, &'a [u8])> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if status < 200 || status == 204 || status == 304 {
        return Some((Bytes::new(), bytes));
    }
    if text("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return chunked(bytes);
    }
    match text("content-length") {
        Some(length) => {
            let (body, behind) = bytes.split_at_checked(length.parse().ok()?)?;
            Some((Bytes::copy_from_slice(body), behind))
        }
        None if ended => Some((Bytes::copy_from_slice(bytes), &[])),
        None => None,
    }
}

fn chunked(mut bytes: &[u8]) -> Option<(Bytes, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (size, behind) = split(bytes, b"\r\n")?;
        let size = std::str::from_utf8(size).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            // Trailers, if any, end like a head.
            let behind = match behind.strip_prefix(b"\r\n") {
                Some(behind) => behind,
                None => split(behind, b"\r\n\r\n")?.1,
            };
            return Some((Bytes::from(body), behind));
        }
        let (chunk, behind) = behind.split_at_checked(size)?;
        body.extend_from_slice(chunk);
        bytes = behind.strip_prefix(b"\r\n")?;
    }
}

/// What stands before and after the first `mark`.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: Marks = Marks { sent_us: 0, head_us: None, done_us: 0 };

    fn seen(bytes: &[u8], ended: bool) -> (Vec<(u16, String)>, usize) {
        let (answers, rest) = all(bytes, ended, MARKS);
        let text = |answer: &Exchange| String::from_utf8(answer.body.to_vec()).unwrap();
        (answers.iter().map(|answer| (answer.status, text(answer))).collect(), rest.len())
    }

    #[test]
    fn answers_follow_each_other() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
            HTTP/1.1 204 x\r\n\r\nHTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n\
            2;x=1\r\nno\r\n1\r\n!\r\n0\r\n\r\nHTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n";
        let wanted = [(200, "ok"), (204, ""), (400, "no!"), (404, "")];
        let wanted: Vec<(u16, String)> =
            wanted.iter().map(|(status, text)| (*status, (*text).to_owned())).collect();
        assert_eq!(seen(bytes, false), (wanted, 0));
    }

    #[test]
    fn part_of_an_answer_is_none() {
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort";
        assert_eq!(seen(short, true), (vec![], short.len()));
        assert_eq!(seen(b"SSH-2.0\r\n\r\n", true), (vec![], 11));
        let endless = b"HTTP/1.1 200 OK\r\n\r\nall";
        assert_eq!(seen(endless, true), (vec![(200, "all".to_owned())], 0));
        assert_eq!(seen(endless, false), (vec![], endless.len()));
    }

    #[test]
    fn headers_are_kept() {
        let bytes = b"HTTP/1.1 200 OK\r\nX-A:  b \r\nx-a: c\r\nContent-Length: 0\r\n\r\n";
        let (answers, _) = all(bytes, true, MARKS);
        let values: Vec<_> = answers[0].headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["b", "c"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, ended: bool) {
            let mut whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            whole.extend(&bytes);
            all(&bytes, ended, MARKS);
            all(&whole, ended, MARKS);
        }
    }
}

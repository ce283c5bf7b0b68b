//! What every host answers, by path:
//!
//! | path | answer |
//! |---|---|
//! | `/manual.md` | a manual in Markdown |
//! | `/to?url=…` | 302 to that |
//! | `/hop/N` | 302 to `/hop/N-1`; `/hop/0` is the manual |
//! | `/page.html` | a page in HTML |
//! | `/unsaid` | the manual without a type |
//! | `/packed.md` | a body that is said to be packed by gzip |
//! | `/large.md` | a manual that is said to have 60 MB |
//! | `/named?name=…` | the manual, called so by `Content-Disposition` |
//!
//! Anything else is 404.

use url::Url;

const MANUAL: &str = "# Kettle\n\nThe kettle holds 1.7 litres.\n";

/// A whole answer, after which the connection is closed.
pub(super) fn answer(target: &str) -> String {
    let base = "https://host.example";
    let Ok(url) = Url::parse(&format!("{base}{target}")) else { return status("400 Bad Request") };
    let value = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        // A line end would be this server's own mistake, and is no attack on the one who asks.
        found.map(|(_, value)| value.replace(['\r', '\n'], "")).unwrap_or_default()
    };
    let hop = url.path().strip_prefix("/hop/").and_then(|hop| hop.parse::<u32>().ok());
    match (url.path(), hop) {
        ("/manual.md", _) | (_, Some(0)) => page("Content-Type: text/markdown\r\n", MANUAL),
        (_, Some(hop)) => moved(&format!("/hop/{}", hop - 1)),
        ("/to", _) => moved(&value("url")),
        ("/page.html", _) => page("Content-Type: text/html\r\n", "<script>evil()</script>"),
        ("/unsaid", _) => page("", MANUAL),
        ("/packed.md", _) => {
            page("Content-Type: text/markdown\r\nContent-Encoding: gzip\r\n", MANUAL)
        }
        ("/large.md", _) => "HTTP/1.1 200 OK\r\nContent-Type: text/markdown\r\n\
            Content-Length: 62914560\r\n\r\n# Large"
            .to_owned(),
        ("/named", _) => {
            let disposition = format!("Content-Disposition: attachment; {}\r\n", value("name"));
            page(&format!("Content-Type: text/markdown\r\n{disposition}"), MANUAL)
        }
        _ => status("404 Not Found"),
    }
}

fn page(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_decide() {
        let starts =
            |target: &str, with: &str| assert!(answer(target).starts_with(with), "{target}");
        starts("/hop/0", "HTTP/1.1 200 OK\r\nContent-Type: text/markdown");
        starts("/hop/2", "HTTP/1.1 302 Found\r\nLocation: /hop/1\r\n");
        starts(
            "/to?url=https%3A%2F%2F10.0.0.1%2Fa%3Fb",
            "HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/a?b\r\n",
        );
        starts("/to?url=a%0d%0ab", "HTTP/1.1 302 Found\r\nLocation: ab\r\n");
        starts("/nothing", "HTTP/1.1 404");
    }
}

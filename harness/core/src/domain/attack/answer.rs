//! Answers that are harmless, as an attack names them.

use std::fmt;
use std::str::FromStr;

/// One kind of answer.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Allowed {
    /// A success of this status.
    Success(u16),
    /// An error of this status and code.
    Error(u16, String),
    /// An answer of the HTTP server itself, or of a gateway in front, before anything of ours saw the request.
    Bare(u16),
    /// The end of the connection without an answer.
    Closed,
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected `200`, `400 some_code`, `400 bare` or `closed`".to_owned();
        if text == "closed" {
            return Ok(Self::Closed);
        }
        let (status, code) = match text.split_once(' ') {
            Some((status, code)) => (status, Some(code)),
            None => (text, None),
        };
        let status: u16 = status.parse().ok().ok_or_else(expected)?;
        let snake = |code: &str| {
            !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        match (status, code) {
            (500.., _) => Err(format!("an answer of {status} is never harmless")),
            (200..=299, None) => Ok(Self::Success(status)),
            (400..=499, Some("bare")) => Ok(Self::Bare(status)),
            (400..=499, Some(code)) if snake(code) => Ok(Self::Error(status, code.to_owned())),
            (400..=499, None) => Err(format!("which {status}? give its code, or `bare`")),
            _ => Err(expected()),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success(status) => write!(out, "{status}"),
            Self::Error(status, code) => write!(out, "{status} {code}"),
            Self::Bare(status) => write!(out, "{status} bare"),
            Self::Closed => out.write_str("closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["200", "204", "400 question_invalid", "431 bare", "closed"] {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
        for (text, said) in [
            ("400", "which 400? give its code, or `bare`"),
            ("500 internal", "an answer of 500 is never harmless"),
            ("503", "an answer of 503 is never harmless"),
            ("200 ok", "expected `200`, `400 some_code`, `400 bare` or `closed`"),
            ("302", "expected `200`, `400 some_code`, `400 bare` or `closed`"),
            ("fine", "expected `200`, `400 some_code`, `400 bare` or `closed`"),
            ("400 Not-Code", "expected `200`, `400 some_code`, `400 bare` or `closed`"),
        ] {
            assert_eq!(text.parse::<Allowed>().unwrap_err(), said, "{text}");
        }
    }
}

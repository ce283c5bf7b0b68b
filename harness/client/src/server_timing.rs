//! The `Server-Timing` header (W3C Server Timing): how long the backend worked itself and waited for others.
//!
//! Milliseconds on the wire, whole microseconds here, without floating point in between.

use thiserror::Error;

/// What every answer of Manuel reports of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerTiming {
    /// The backend's own time, µs.
    pub own_us: u64,
    /// Time spent waiting for dependencies, µs.
    pub dep_us: u64,
}

/// Why a header is not the documented one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ServerTimingError {
    /// A metric without a name, an unclosed quote and the like.
    #[error("server-timing is malformed near {near:?}")]
    Malformed { near: String },
    /// `own` or `dep` is not there.
    #[error("server-timing has no metric {name:?}")]
    Missing { name: &'static str },
    /// A metric of ours is there twice: which one counts is undefined.
    #[error("server-timing has metric {name:?} twice")]
    Twice { name: String },
    /// A `dur` that is no non-negative decimal number of milliseconds below 10^12.
    #[error("server-timing has {value:?} as the duration of {name:?}")]
    Duration { name: String, value: String },
}

/// Reads the header's values (several headers are one list, RFC 9110 §5.3); metrics that we do not know are ignored.
pub fn parse<'a>(
    values: impl IntoIterator<Item = &'a str>,
) -> Result<ServerTiming, ServerTimingError> {
    let (mut own, mut dep) = (None, None);
    for value in values {
        for metric in split_outside_quotes(value, b',')? {
            let mut parts = split_outside_quotes(metric, b';')?.into_iter();
            let name = parts.next().unwrap_or_default();
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(ServerTimingError::Malformed { near: metric.to_owned() });
            }
            let slot = match name {
                "own" => &mut own,
                "dep" => &mut dep,
                _ => continue,
            };
            let duration = duration_us(name, parts)?;
            if slot.replace(duration).is_some() {
                return Err(ServerTimingError::Twice { name: name.to_owned() });
            }
        }
    }
    Ok(ServerTiming {
        own_us: own.ok_or(ServerTimingError::Missing { name: "own" })?,
        dep_us: dep.ok_or(ServerTimingError::Missing { name: "dep" })?,
    })
}

fn duration_us<'a>(
    name: &str,
    parameters: impl Iterator<Item = &'a str>,
) -> Result<u64, ServerTimingError> {
    let mut value = "";
    for parameter in parameters {
        if let Some((key, given)) = parameter.split_once('=')
            && key.trim().eq_ignore_ascii_case("dur")
        {
            value = given.trim().trim_matches('"');
            break;
        }
    }
    milliseconds_to_us(value).ok_or_else(|| ServerTimingError::Duration {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// `12.3456` ms → 12346 µs; a digit beyond the microsecond rounds half up.
fn milliseconds_to_us(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let dangling = text.ends_with('.');
    if whole.is_empty() || whole.len() > 12 || dangling || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut us: u64 = whole.parse::<u64>().ok()?.checked_mul(1000)?;
    let mut weight = 100;
    for digit in fraction.bytes().take(3) {
        us += u64::from(digit - b'0') * weight;
        weight /= 10;
    }
    let rounds_up = fraction.as_bytes().get(3).is_some_and(|digit| *digit >= b'5');
    Some(us + u64::from(rounds_up))
}

fn split_outside_quotes(text: &str, separator: u8) -> Result<Vec<&str>, ServerTimingError> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            parts.push(text.get(start..at).unwrap_or_default().trim());
            start = at + 1;
        }
    }
    if quoted {
        return Err(ServerTimingError::Malformed { near: text.to_owned() });
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    Ok(parts)
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<ServerTiming, ServerTimingError> {
        parse([text])
    }

    #[test]
    fn documented_form() {
        let wanted = ServerTiming { own_us: 3_250, dep_us: 12_346 };
        assert_eq!(one("own;dur=3.25, dep;dur=12.3456"), Ok(wanted));
        assert_eq!(parse(["own;dur=3.25", "dep;dur=12.3455"]), Ok(wanted));
    }

    #[test]
    fn descriptions_and_strangers_are_read_over() {
        let text = r#"cache;desc="a, b; own;dur=9", own;desc="x\"y";dur=1 , dep;dur="0""#;
        assert_eq!(one(text), Ok(ServerTiming { own_us: 1_000, dep_us: 0 }));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(one("own;dur=1"), Err(ServerTimingError::Missing { name: "dep" }));
        assert_eq!(one(""), Err(ServerTimingError::Malformed { near: String::new() }));
        assert!(matches!(
            one("own;dur=1,own;dur=2,dep;dur=1"),
            Err(ServerTimingError::Twice { .. })
        ));
        assert!(matches!(one("own;desc=\"x"), Err(ServerTimingError::Malformed { .. })));
        for bad in ["-1", "1e3", "NaN", ".5", "1.", "", "inf", "1 5", "9999999999999"] {
            let text = format!("own;dur={bad};x, dep;dur=1");
            assert!(one(&text).is_err(), "{text}");
        }
        assert!(matches!(one("own, dep;dur=1"), Err(ServerTimingError::Duration { .. })));
    }

    proptest! {
        #[test]
        fn microseconds_survive(own in 0_u64..1_000_000_000, dep in 0_u64..1_000_000_000) {
            let text = format!(
                "own;dur={}.{:03}, dep;dur={}.{:03}", own / 1000, own % 1000, dep / 1000, dep % 1000
            );
            prop_assert_eq!(one(&text), Ok(ServerTiming { own_us: own, dep_us: dep }));
        }

        #[test]
        fn no_text_upsets_it(text in "\\PC{0,60}") {
            drop(one(&text));
        }
    }
}

//! Spans, shares and counts as they are written in rules.
use std::time::Duration;

/// The longest span that a rule may name: a lease and a scenario are far shorter.
const LONGEST: Duration = Duration::from_hours(24);

/// `500ms`, `4s`, `1m 30s`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let expected = || format!("is `{text}`; expected a time such as 500ms, 4s or 2m");
    let span = humantime::parse_duration(text.trim()).map_err(|_not_one| expected())?;
    if span > LONGEST {
        return Err(format!("is `{text}`; at most 24h"));
    }
    Ok(span)
}

/// `+10m`, `-4m`: signed, in milliseconds.
pub(crate) fn offset_ms(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(format!("is `{text}`; expected a signed time such as +10m or -5m")),
    };
    let span = span(rest)?;
    Ok(sign * i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// `5s..20s`: from and until, the second later than the first.
pub(crate) fn window(text: &str) -> Result<(Duration, Duration), String> {
    let (from, until) = text
        .split_once("..")
        .ok_or_else(|| format!("is `{text}`; expected from..until, such as 5s..20s"))?;
    let (from, until) = (span(from)?, span(until)?);
    if until <= from {
        return Err(format!("is `{text}`, which ends before it begins"));
    }
    Ok((from, until))
}

/// `1..2` or `3`: numbers from 1, both ends included.
pub(crate) fn calls(text: &str) -> Result<(u64, u64), String> {
    let expected = || format!("is `{text}`; expected numbers from 1, such as 1..2 or 3");
    let number = |text: &str| text.trim().parse::<u64>().ok().filter(|&n| n > 0);
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (number(from), number(to)),
        None => (number(text), number(text)),
    };
    let (Some(from), Some(to)) = (from, to) else { return Err(expected()) };
    if to < from {
        return Err(format!("is `{text}`, which ends before it begins"));
    }
    Ok((from, to))
}

/// A share in 0..=1.
pub(crate) fn share(value: f64) -> Result<f64, String> {
    if value.is_finite() && (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(format!("is {value}; expected a share from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{calls, offset_ms, share, span, window};

    #[test]
    fn what_is_right_is_read() {
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(offset_ms("-4m"), Ok(-240_000));
        assert_eq!(window("5s..1m"), Ok((Duration::from_secs(5), Duration::from_mins(1))));
        assert_eq!(calls("1..2"), Ok((1, 2)));
        assert_eq!(calls("3"), Ok((3, 3)));
        assert_eq!(share(0.3), Ok(0.3));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for text in ["", "4", "-4s", "NaN", "4 parsecs", "25h"] {
            assert!(span(text).is_err(), "{text}");
        }
        for text in ["", "10m", "+", "+x", "é10m"] {
            assert!(offset_ms(text).is_err(), "{text}");
        }
        for text in ["5s", "5s..", "5s..5s", "9s..1s"] {
            assert!(window(text).is_err(), "{text}");
        }
        for text in ["0", "0..2", "2..1", "a", "1..", "-1"] {
            assert!(calls(text).is_err(), "{text}");
        }
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(share(value).is_err(), "{value}");
        }
    }
}

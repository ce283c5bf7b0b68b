//! The backend's log, JSON lines: read from where a run began, for panics and for what was said of a request.

use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Lines that are kept of one scenario.
const KEPT: usize = 20;

/// What was written since `from`, in bytes.
pub fn tail(path: &str, from: u64) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first panic in it.
pub fn panic(text: &str) -> Option<String> {
    text.lines()
        .find(|line| line.contains("\"message\":\"panic\"") || line.contains("panicked at "))
        .map(str::to_owned)
}

/// A breaker that changed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Breaker {
    /// Whose.
    pub dependency: String,
    /// `open`, `half_open`, `closed`.
    pub state: String,
    /// When, µs of the Unix epoch, by the machine's clock.
    #[serde(skip)]
    pub at_unix_us: u64,
}

#[derive(Deserialize)]
struct Line {
    message: String,
    timestamp: String,
    #[serde(flatten)]
    breaker: Breaker,
}

/// Every change of a breaker in it.
pub fn breakers(text: &str) -> Vec<Breaker> {
    let lines = text.lines().filter(|line| line.contains("\"breaker\""));
    let changes = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
    changes
        .filter(|line| line.message == "breaker")
        .filter_map(|line| {
            let at = OffsetDateTime::parse(&line.timestamp, &Rfc3339).ok()?;
            let us = u64::try_from(at.unix_timestamp_nanos() / 1_000).ok()?;
            Some(Breaker { at_unix_us: us, ..line.breaker })
        })
        .collect()
}

/// The last lines that name one of these request ids, oldest first. Metrics, which repeat a request in figures, are left out.
pub fn lines_of(text: &str, request_ids: &[&str]) -> Vec<String> {
    let of_them =
        |line: &&str| !line.contains("\"_aws\"") && request_ids.iter().any(|id| line.contains(id));
    let found: Vec<String> = text.lines().filter(of_them).map(str::to_owned).collect();
    let skip = found.len().saturating_sub(KEPT);
    found.into_iter().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_request_and_panics_by_themselves() {
        let text = "{\"request_id\":\"r-1\",\"message\":\"a\"}\n{\"_aws\":{},\"id\":\"r-1\"}\n{\"request_id\":\"r-2\"}\nthread x panicked at y\n";
        assert_eq!(lines_of(text, &["r-1"]), ["{\"request_id\":\"r-1\",\"message\":\"a\"}"]);
        assert!(lines_of(text, &[]).is_empty());
        assert_eq!(panic(text).as_deref(), Some("thread x panicked at y"));
        let many = (0..30).map(|n| format!("{n} r-9")).collect::<Vec<_>>().join("\n");
        assert_eq!(lines_of(&many, &["r-9"]).first().map(String::as_str), Some("10 r-9"));
    }
}

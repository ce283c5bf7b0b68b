//! The wall clock of the stage's own code: when the backend ended, and when a request is signed. A stage's test clock
//! moves signatures with it. Nothing is measured with this clock.

use std::path::Path;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use manuel_client::SigningTime;

/// Milliseconds since the Unix epoch on the machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// When a request is signed on a stage whose clock follows `clock_file`.
pub fn signing_time(clock_file: Option<&Path>) -> SigningTime {
    SigningTime { now_s: unix_ms() / 1000, offset_s: offset_ms(clock_file).div_euclid(1000) }
}

/// The present of such a stage, Unix milliseconds: to the millisecond what its backend reads.
pub fn stage_ms(clock_file: Option<&Path>) -> u64 {
    unix_ms().saturating_add_signed(offset_ms(clock_file))
}

fn offset_ms(clock_file: Option<&Path>) -> i64 {
    clock_file
        .and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_follows_the_clock_of_the_stage() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        std::fs::write(&file, "-1500\n").unwrap();
        assert_eq!(signing_time(Some(&file)).offset_s, -2);
        assert_eq!(signing_time(None).offset_s, 0);
        let (before, present, after) = (unix_ms(), stage_ms(Some(&file)), unix_ms());
        assert!((before - 1500..=after - 1500).contains(&present), "{before} {present} {after}");
    }
}

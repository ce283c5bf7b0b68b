//! Times as answers and items have them: RFC 3339, UTC, whole milliseconds (some clients read no finer ones).

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// `2026-11-15T12:00:00.25Z`
pub fn rfc3339(at: OffsetDateTime) -> String {
    let millis = at.millisecond();
    let at = at.to_offset(UtcOffset::UTC).replace_millisecond(millis).unwrap_or(at);
    // Only years beyond four digits have no such text, and no clock of ours gets there.
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds_at_most() {
        assert_eq!(
            rfc3339(datetime!(2026-11-15 14:00:00.123456789 +2)),
            "2026-11-15T12:00:00.123Z"
        );
        assert_eq!(rfc3339(datetime!(2026-11-15 12:00:00 UTC)), "2026-11-15T12:00:00Z");
    }
}

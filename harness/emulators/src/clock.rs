//! The only place where the emulators read or wait for time. `now` follows the test clock's file
//! (a signed offset in milliseconds against the machine's clock); `ticks` is monotonic and never
//! moved by a test, so that service times and leases stay true.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// How often the offset's file is read again: api.md asks for 100 ms at most.
const REREAD: Duration = Duration::from_millis(50);

/// A clock shared by all emulators; clones see the same offset.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<PathBuf>,
    offset_ms: AtomicI64,
    origin: Instant,
}

impl Clock {
    /// A clock that follows `file`; without one it is the machine's.
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        let offset_ms = AtomicI64::new(file.as_deref().and_then(read_offset).unwrap_or(0));
        Self(Arc::new(Inner { file, offset_ms, origin: monotonic() }))
    }

    /// Milliseconds since the Unix epoch on the test clock.
    pub(crate) fn now_ms(&self) -> i64 {
        self.wall_ms().saturating_add(self.offset_ms())
    }

    /// Whole seconds since the Unix epoch on the test clock.
    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// The test clock's time in UTC.
    pub(crate) fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.now_ms()) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The signed offset in force, in milliseconds.
    pub(crate) fn offset_ms(&self) -> i64 {
        self.0.offset_ms.load(Ordering::Relaxed)
    }

    /// Milliseconds since the Unix epoch on the machine's clock.
    #[expect(clippy::unused_self, clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Monotonic time since the clock was made: for durations and leases.
    pub(crate) fn ticks(&self) -> Duration {
        monotonic().saturating_duration_since(self.0.origin)
    }

    /// Waits for real time to pass; the caller bounds `duration`.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Reads the offset's file again and again until dropped. A file that does not hold a number
    /// leaves the offset as it was: a writer may be between truncating and writing.
    #[expect(clippy::infinite_loop, reason = "its task is aborted")]
    pub(crate) async fn follow(self) {
        let Some(file) = self.0.file.clone() else { return };
        loop {
            self.sleep(REREAD).await;
            if let Some(offset) = read_offset(&file) {
                self.0.offset_ms.store(offset, Ordering::Relaxed);
            }
        }
    }
}

fn read_offset(file: &Path) -> Option<i64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn starts_at_the_offset_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        std::fs::write(&file, "-90000\n").unwrap();
        let clock = Clock::new(Some(file));
        let behind = clock.wall_ms() - clock.now_ms();
        assert!((89_900..=90_000).contains(&behind), "{behind}");
    }
}

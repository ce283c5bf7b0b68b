//! The one place that reads a clock or sleeps. Wall time can be shifted by a test clock file; monotonic time cannot,
//! so deadlines and measured durations never jump. It must not decide anything.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use time::OffsetDateTime;

/// How long an offset read from the test clock file is used before the file is read again; the promise is 100 ms.
const REREAD_AFTER: Duration = Duration::from_millis(50);

/// Wall time for everything that judges a date: tokens, signatures, quota days, expiries, presigned URLs.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// The machine's clock plus the offset in a file; refused outside `STAGE=local`.
    File(Arc<OffsetFile>),
    /// A clock that stands still until a test moves it: Unix milliseconds.
    Manual(Arc<AtomicI64>),
}

/// A file with a signed offset in milliseconds, read again when what was read is older than 50 ms.
#[derive(Debug)]
pub struct OffsetFile {
    path: PathBuf,
    last: Mutex<LastRead>,
}

#[derive(Debug)]
struct LastRead {
    at: Option<Moment>,
    offset_ms: i64,
}

impl Clock {
    /// A clock that follows the offset in `path`.
    pub fn following(path: &Path) -> Self {
        let last = Mutex::new(LastRead { at: None, offset_ms: 0 });
        Self::File(Arc::new(OffsetFile { path: path.to_owned(), last }))
    }

    /// Now, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match self {
            Self::System => system_now(),
            Self::File(file) => {
                system_now().saturating_add(time::Duration::milliseconds(file.offset_ms()))
            }
            Self::Manual(millis) => from_unix_ms(millis.load(Ordering::SeqCst)),
        }
    }

    /// Monotonic time: the machine's, whatever the test clock's file says; a manual clock moves it, too.
    pub fn monotonic(&self) -> Instant {
        match self {
            Self::System | Self::File(_) => monotonic(),
            Self::Manual(millis) => {
                static START: OnceLock<Instant> = OnceLock::new();
                let start = *START.get_or_init(monotonic);
                let passed = u64::try_from(millis.load(Ordering::SeqCst)).unwrap_or(0);
                start.checked_add(Duration::from_millis(passed)).unwrap_or(start)
            }
        }
    }

    /// Now in Unix seconds.
    pub fn unix_seconds(&self) -> i64 {
        self.now().unix_timestamp()
    }

    /// Now in Unix milliseconds.
    pub fn unix_ms(&self) -> i64 {
        i64::try_from(self.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// The offset of the test clock in milliseconds; none for the others.
    pub fn test_offset_ms(&self) -> Option<i64> {
        match self {
            Self::File(file) => Some(file.offset_ms()),
            Self::System | Self::Manual(_) => None,
        }
    }
}

impl OffsetFile {
    /// A file that is missing or does not parse keeps the last offset: a writer replacing it must not move time to zero.
    fn offset_ms(&self) -> i64 {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = last.at.is_some_and(|at| at.age() < REREAD_AFTER);
        if !fresh {
            if let Some(offset_ms) = read_offset(&self.path) {
                last.offset_ms = offset_ms;
            }
            last.at = Some(Moment::now());
        }
        last.offset_ms
    }
}

/// The offset in the file, if it holds one whole number.
pub fn read_offset(path: &Path) -> Option<i64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A point in time whose age is right even after the process stood still between two invocations of a function: the
/// monotonic clock of a frozen machine may not have run, its wall clock is set right when it goes on. The age is what
/// the one that ran further says, so that what is kept for a while is at most given up too early.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    monotonic: Instant,
    wall: OffsetDateTime,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { monotonic: monotonic(), wall: system_now() }
    }

    /// How long ago it was.
    pub fn age(self) -> Duration {
        let ran = monotonic().saturating_duration_since(self.monotonic);
        let wall = Duration::try_from(system_now() - self.wall).unwrap_or(Duration::ZERO);
        ran.max(wall)
    }
}

/// Monotonic time, for deadlines and durations.
#[expect(clippy::disallowed_methods, reason = "the clock is where time is read")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Waits; callers bound it by their deadline.
#[expect(clippy::disallowed_methods, reason = "the clock is where waiting is done")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[expect(clippy::disallowed_methods, reason = "the clock is where time is read")]
fn system_now() -> OffsetDateTime {
    OffsetDateTime::from(SystemTime::now())
}

fn from_unix_ms(millis: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::milliseconds(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_ages_by_the_clock_that_ran_further() {
        let hour = Duration::from_hours(1);
        let now = Moment::now();
        assert!(now.age() < hour);
        let frozen = Moment { wall: now.wall - hour, ..now };
        assert!(frozen.age() >= hour, "the wall clock alone went on");
        let set_back = Moment { wall: now.wall + hour, ..now };
        assert!(
            set_back.age() < hour,
            "a wall clock that is set back makes nothing younger than it is"
        );
    }

    #[test]
    fn the_offset_file_moves_wall_time_and_a_broken_file_keeps_the_last_offset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        std::fs::write(&path, "86400000\n").unwrap();
        let clock = Clock::following(&path);
        let ahead = clock.now() - Clock::System.now();
        assert!((ahead - time::Duration::DAY).abs() < time::Duration::SECOND, "{ahead}");

        std::fs::write(&path, "nonsense").unwrap();
        let Clock::File(file) = &clock else { panic!("a file clock") };
        file.last.lock().unwrap().at = None;
        assert_eq!(clock.test_offset_ms(), Some(86_400_000));

        std::fs::write(&path, "-5000").unwrap();
        file.last.lock().unwrap().at = None;
        assert_eq!(clock.test_offset_ms(), Some(-5000));
    }
}

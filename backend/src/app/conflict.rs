//! Resolving conflicts: when two writers meet at the same items, the loser tries again a few times within its deadline.
//! Not a retry of a failed call; those are the adapters' own.

use std::time::Duration;

use crate::app::error::{AppError, AppResult};
use crate::clock;
use crate::context::Deadline;
use crate::ports::{PortError, PortErrorKind};

/// The waits before the further tries, at most. They are drawn from nothing up to these and grow fast, so that the losers
/// of a crowd at one item spread over several times what its transactions take one after the other.
const PAUSES_MAX: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(400)];

/// Calls `step` until it meets no conflict, at most three times more, within the deadline.
pub async fn resolve<T, F, Fut>(deadline: Deadline, step: F) -> AppResult<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, PortError>>,
{
    let tries = async {
        for longest in PAUSES_MAX {
            match step().await {
                Err(error) if error.kind == PortErrorKind::Conflict => {
                    clock::pause(drawn(longest, rand::random())).await;
                }
                outcome => return outcome,
            }
        }
        step().await
    };
    deadline.bound(tries).await.map_err(AppError::Deadline)?.map_err(AppError::Port)
}

/// The whole of the longest wait is used: `share` is from 0 to 1.
fn drawn(longest: Duration, share: f64) -> Duration {
    longest.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::ports::Dependency;

    async fn tries(failing: u32, kind: PortErrorKind) -> (bool, u32) {
        let count = AtomicU32::new(0);
        let outcome = resolve(Deadline::after(Duration::from_secs(5)), || async {
            if count.fetch_add(1, Ordering::SeqCst) < failing {
                Err(PortError::new(Dependency::Store, "TransactWriteItems", kind))
            } else {
                Ok(())
            }
        })
        .await;
        (outcome.is_ok(), count.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn only_conflicts_are_tried_again_and_three_times_at_most() {
        assert_eq!(tries(3, PortErrorKind::Conflict).await, (true, 4));
        assert_eq!(tries(9, PortErrorKind::Conflict).await, (false, 4));
        assert_eq!(tries(1, PortErrorKind::Throttled).await, (false, 1));
    }

    #[test]
    fn the_pauses_of_a_crowd_spread_over_hundreds_of_milliseconds() {
        let last = PAUSES_MAX.last().copied().unwrap();
        let late = |share: f64| drawn(last, share) > Duration::from_millis(200);
        assert!(late(0.51) && !late(0.49));
        assert_eq!(drawn(last, 0.0), Duration::ZERO);
    }
}

//! Resolving conflicts: when two writers meet at the same items, the loser tries again a few times within its deadline.
//! Not a retry of a failed call; those are the adapters' own.

use std::time::Duration;

use crate::app::error::{AppError, AppResult};
use crate::clock;
use crate::context::Deadline;
use crate::ports::{PortError, PortErrorKind};

/// How often a conflict is tried again.
const AGAIN_MAX: u32 = 3;

/// The wait before the first further try, at most; it doubles.
const PAUSE_MAX: Duration = Duration::from_millis(20);

/// Calls `step` until it meets no conflict, at most three times more, within the deadline.
pub async fn resolve<T, F, Fut>(deadline: Deadline, step: F) -> AppResult<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, PortError>>,
{
    let tries = async {
        let mut again = 0;
        loop {
            match step().await {
                Err(error) if error.kind == PortErrorKind::Conflict && again < AGAIN_MAX => {
                    let pause = PAUSE_MAX * 2_u32.pow(again);
                    clock::pause(pause.mul_f64(rand::random::<f64>())).await;
                    again += 1;
                }
                outcome => return outcome,
            }
        }
    };
    deadline.bound(tries).await.map_err(AppError::Deadline)?.map_err(AppError::Port)
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
}

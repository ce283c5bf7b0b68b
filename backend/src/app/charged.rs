//! A call that counts: taken from the quota before it is worked on, booked only when it is answered, given back before
//! its failure is.

use std::time::Duration;

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::app::quota::Held;
use crate::context::{self, Deadline};
use crate::domain::cost::{self, CostLine};
use crate::domain::quota::{Charge, Operation};

/// What is kept of the deadline for putting things right and saying so.
const SETTLE_MARGIN: Duration = Duration::from_secs(2);

/// What was worked out for a call.
pub(super) trait Priced {
    /// What it cost.
    fn cost(&self) -> &[CostLine];
}

/// Does the work for a call that was reserved, within the caller's deadline, and settles the reservation.
pub(super) async fn charged<T: Priced>(
    held: Held,
    caller: &Caller,
    operation: Operation,
    work: impl Future<Output = AppResult<T>>,
) -> AppResult<T> {
    let margin = margin(caller.deadline);
    let worked = match caller.deadline.earlier_by(margin).bound(work).await {
        Ok(worked) => worked,
        Err(passed) => Err(AppError::Deadline(passed)),
    };
    match worked {
        Ok(worked) => {
            let charge = Charge { operation, cost: cost::total(worked.cost()) };
            held.keep(charge, caller.deadline).await?;
            context::note(|figures| figures.cost(operation.as_str(), worked.cost()));
            Ok(worked)
        }
        Err(error) => {
            held.give_back(settling(caller.deadline, margin)).await;
            Err(error)
        }
    }
}

/// How much of what is left is kept for settling.
pub(super) fn margin(deadline: Deadline) -> Duration {
    SETTLE_MARGIN.min(deadline.remaining() / 5)
}

/// At least the margin, so that things are put right even when the deadline is what failed.
fn settling(deadline: Deadline, margin: Duration) -> Deadline {
    Deadline::after(deadline.remaining().clamp(margin, SETTLE_MARGIN))
}

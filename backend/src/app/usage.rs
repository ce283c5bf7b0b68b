//! What a user has used and what is left. A store that cannot be read is an error, never zeros.

use time::OffsetDateTime;

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult, InputError};
use crate::app::query::{UsageFigures, figures};
use crate::domain::quota::{Period, UsageDay, day_of, first_day, resets_at};
use crate::state::App;

/// Days in an answer when the client names no number.
const DAYS_DEFAULT: u32 = 30;

/// The most days in an answer.
const DAYS_MAX: u32 = 90;

/// Counters and days.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Both counters and their limits.
    pub figures: UsageFigures,
    /// Days with an answered call, ascending.
    pub days: Vec<UsageDay>,
}

/// What is left.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Both counters and their limits.
    pub figures: UsageFigures,
    /// The next UTC midnight.
    pub resets_at: OffsetDateTime,
}

/// The counters and the last `days` days (1–90, 30 by default), today included.
pub async fn usage(app: &App, caller: &Caller, days: Option<&str>) -> AppResult<Usage> {
    let days = match days {
        None => DAYS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|days| (1..=DAYS_MAX).contains(days))
            .ok_or(AppError::Input(InputError::Parameter("days")))?,
    };
    let now = app.clock.now();
    let from = first_day(now, days);
    let snapshot = app.quota.read(&caller.user, &from, caller.deadline).await?;
    let figures = figures(app, &snapshot, &day_of(now));
    // A day on which every call was given back has counters, but nothing to show.
    let answered = |day: &UsageDay| day.queries + day.transcriptions > 0;
    Ok(Usage { figures, days: snapshot.days.into_iter().filter(answered).collect() })
}

/// What is left today and this month.
pub async fn quota(app: &App, caller: &Caller) -> AppResult<Quota> {
    let now = app.clock.now();
    let today = day_of(now);
    let snapshot = app.quota.read(&caller.user, &today, caller.deadline).await?;
    let figures = figures(app, &snapshot, &today);
    Ok(Quota { figures, resets_at: resets_at(Period::Day, now) })
}

//! Whether usage and quota say what was answered. A question in flight may count or not; an answered one does.

use manuel_client::answers::QuotaAnswer;
use manuel_client::answers::UsageAnswer;
use manuel_client::answers::UsageFigures;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use verdict::domain::rule::Rule;

use super::Broken;
use super::DAY_S;
use super::RESET_TOLERANCE_S;

/// What the counters of a user may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) struct Charged {
    /// Questions that were answered before the request was sent.
    pub(in super::super) least: u64,
    /// Questions that were sent before it was answered.
    pub(in super::super) most: u64,
    pub(in super::super) daily_limit: u64,
    pub(in super::super) monthly_limit: u64,
}

/// `usage` of any answer.
pub(super) fn counters(charged: Option<Charged>, seen: UsageFigures, broken: &mut Vec<Broken>) {
    let Some(charged) = charged else { return };
    let limits = (charged.daily_limit, charged.monthly_limit);
    let said = (seen.daily_limit, seen.monthly_limit);
    if said != limits {
        broken.push(unequal(
            format!("limits of {} a day and {} a month", limits.0, limits.1),
            format!("{} and {}", said.0, said.1),
        ));
    }
    within(charged, "used this day", seen.daily_used, broken);
    within(charged, "used this month", seen.monthly_used, broken);
}

/// `GET /api/user/usage`: counters, and the days that they are made of.
pub(super) fn usage(charged: Option<Charged>, answer: &UsageAnswer, broken: &mut Vec<Broken>) {
    counters(charged, answer.figures, broken);
    let Some(charged) = charged else { return };
    let sum = |of: fn(&manuel_client::answers::UsageDay) -> u64| answer.days.iter().map(of).sum();
    within(charged, "questions over all days", sum(|day| day.queries), broken);
    let transcriptions: u64 = sum(|day| day.transcriptions);
    if transcriptions > 0 {
        broken.push(unequal("no transcription", format!("{transcriptions}")));
    }
}

/// `GET /api/user/quota`: what is left, and until when.
pub(super) fn quota(
    charged: Option<Charged>,
    stage_s: u64,
    answer: &QuotaAnswer,
    broken: &mut Vec<Broken>,
) {
    let used = UsageFigures {
        daily_used: answer.daily_limit.saturating_sub(answer.daily_remaining),
        daily_limit: answer.daily_limit,
        monthly_used: answer.monthly_limit.saturating_sub(answer.monthly_remaining),
        monthly_limit: answer.monthly_limit,
    };
    counters(charged, used, broken);
    let resets_s = OffsetDateTime::parse(&answer.resets_at, &Rfc3339)
        .ok()
        .and_then(|at| u64::try_from(at.unix_timestamp()).ok());
    let near = |at_s: u64| {
        let soonest = stage_s.saturating_sub(RESET_TOLERANCE_S);
        at_s.is_multiple_of(DAY_S)
            && (soonest..=stage_s + DAY_S + RESET_TOLERANCE_S).contains(&at_s)
    };
    if !resets_s.is_some_and(near) {
        let wanted = "resets_at at the next midnight in UTC";
        broken.push(unequal(wanted, format!("{:?}", answer.resets_at)));
    }
}

fn within(charged: Charged, what: &str, seen: u64, broken: &mut Vec<Broken>) {
    let most = charged.most.min(charged.daily_limit).min(charged.monthly_limit);
    if !(charged.least..=most).contains(&seen) {
        broken.push(unequal(
            format!("{} to {most} {what}: so many were answered or under way", charged.least),
            seen.to_string(),
        ));
    }
}

fn unequal(expected: impl Into<String>, seen: impl Into<String>) -> Broken {
    Broken::new(Rule::UsageFigures, expected, seen)
}

//! Who asks what at each arrival of a load, within the quotas and limits of the stage.
//!
//! Users are dealt like cards: every user asks once before anyone asks again, in an order that is drawn anew for each
//! round. So the number of questions per user is known before the first is asked, and a plan that would run into a
//! quota is refused, with the number of users that it would take.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    domain::{kind::RequestKind, profile::Profile, question::QuestionSet, stage::Limits},
    plan::{load::deal::Dealer, schedule::schedule},
};

mod deal;
mod limits;

/// Steps of a closed journey: sign in, upload, ask, ask again, list, delete.
pub const JOURNEY_STEPS: u64 = 6;
/// Questions in a closed journey.
pub const JOURNEY_QUESTIONS: u64 = 2;

/// Everything that a worker sends on schedule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoadPlan {
    /// In order of time; an arrival's index is its ordinal.
    pub arrivals: Vec<Arrival>,
    /// Users by index: those of the mix, then the burst's, the outages', and those of closed journeys.
    pub users: Vec<PlannedUser>,
    /// SHA-256 of the arrivals, in hex.
    pub sha256: String,
}

/// One request, when and by whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// Index in the schedule.
    pub ordinal: u32,
    /// From the start of the load, in µs.
    pub due_us: u64,
    /// Index of the stage of the profile.
    pub stage: usize,
    /// What is asked.
    pub kind: RequestKind,
    /// Index of the user.
    pub user: u32,
    /// With what.
    pub ask: Ask,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Nothing in particular.
    Nothing,
    /// The question of this index.
    Question(u32),
    /// A small manual, different for each ordinal.
    Upload,
    /// Deletion of what the arrival of this ordinal uploaded.
    DeleteOf(u32),
    /// The same upload as that of this ordinal, with its idempotency key.
    AgainOf(u32),
    /// The signature with which the arrival of this ordinal uploaded, once more.
    ReplayOf(u32),
    /// The question of this index, while the outage of this index holds for the user.
    DuringOutage(u32, usize),
}

/// A user that the plan needs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedUser {
    /// Name within the run.
    pub name: String,
    /// Questions that this user will be charged for, at most.
    pub questions: u64,
}

/// Why a profile cannot be run on a stage.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum PlanError {
    /// The schedule is empty.
    #[error("the schedule is empty: no stage of the profile sends anything")]
    Empty,
    /// More questions than the users may ask.
    #[error(
        "the plan asks {questions} questions of {users} users, up to {most} each, and the stage allows {quota} \
         a day: it needs at least {needed} users"
    )]
    Quota {
        /// Questions in all.
        questions: u64,
        /// Users declared.
        users: u64,
        /// Questions of the busiest user.
        most: u64,
        /// Daily quota.
        quota: u64,
        /// Users needed.
        needed: u64,
    },
    /// More questions of one user whom more users would not relieve.
    #[error(
        "`{user}` alone asks up to {questions} questions and the stage allows {quota} a day: more users do not help, a \
         shorter stage or a longer pause (`think_ms`) does"
    )]
    QuotaOfOne {
        /// Who.
        user: String,
        /// Its questions.
        questions: u64,
        /// Daily quota.
        quota: u64,
    },
    /// A burst of too many questions.
    #[error(
        "the burst would send {questions} questions at once, and {most} are the most: the daily quota of the stage is \
         too large for it"
    )]
    BurstTooLarge {
        /// Questions.
        questions: u64,
        /// Most.
        most: u64,
    },
    /// More requests than the rate limit allows a user.
    #[error(
        "the plan sends up to {most} requests of one user in {window_s} s, and the stage allows {limit}: it needs about \
         {needed} users, and declares {users}"
    )]
    RateLimit {
        /// Requests of the busiest user in a window.
        most: u64,
        /// The window, in seconds.
        window_s: u32,
        /// Requests allowed.
        limit: u32,
        /// Users needed.
        needed: u64,
        /// Users declared.
        users: u64,
    },
    /// More requests of one user whom more users would not relieve.
    #[error(
        "`{user}` alone sends up to {most} requests in {window_s} s and the stage allows {limit}: more users do not \
         help, fewer requests of the probe or a longer pause (`think_ms`) do"
    )]
    RateLimitOfOne {
        /// Who.
        user: String,
        /// Its requests in a window.
        most: u64,
        /// The window, in seconds.
        window_s: u32,
        /// Requests allowed.
        limit: u32,
    },
    /// More than the stage's owner allows.
    #[error("the plan offers up to {rate} requests/s and the stage allows {limit}")]
    Rate {
        /// Highest rate planned.
        rate: u64,
        /// Highest rate allowed.
        limit: u32,
    },
    /// More users than may be made.
    #[error("the plan needs {users} users and the stage allows {limit}")]
    Users {
        /// Users needed.
        users: u64,
        /// Users allowed.
        limit: u32,
    },
    /// No question to ask.
    #[error(
        "no question in fixtures/questions.toml is of kind `{kind}` for the manuals of this profile"
    )]
    NoQuestion {
        /// Kind that lacks questions.
        kind: RequestKind,
    },
    /// A percentile of too few requests.
    #[error(
        "objective `{name}`: about {expected} requests are expected, and `{expression}` can only be shown with {needed} \
         or more"
    )]
    TooFewExpected {
        /// Name of the objective.
        name: String,
        /// As written.
        expression: String,
        /// Requests expected.
        expected: u64,
        /// Requests needed.
        needed: u64,
    },
}

/// Plans a load; the same arguments give the same plan.
///
/// # Errors
/// If the plan would run into a quota or limit of the stage, or could never decide one of its objectives.
pub fn plan(
    profile: &Profile,
    seed: u64,
    limits: &Limits,
    questions: &QuestionSet,
) -> Result<LoadPlan, PlanError> {
    let plan = lay_out(profile, seed, limits, questions)?;
    if plan.arrivals.is_empty() && plan.users.iter().all(|user| user.questions == 0) {
        return Err(PlanError::Empty);
    }
    limits::keeps(profile, &plan, seed, limits, questions)?;
    limits::can_decide(profile, &plan)?;
    Ok(plan)
}

/// The plan, whether or not the stage allows it.
fn lay_out(
    profile: &Profile,
    seed: u64,
    limits: &Limits,
    questions: &QuestionSet,
) -> Result<LoadPlan, PlanError> {
    let mut dealer = Dealer::new(profile, seed, questions)?;
    let mut arrivals: Vec<Arrival> = schedule(profile, seed)
        .into_iter()
        .enumerate()
        .map(|(index, due)| dealer.deal(index as u64, due.at_us, due.stage))
        .collect();
    let mut users = deal::mix_users(profile, &arrivals);
    deal::probes(profile, limits, &dealer, &mut arrivals, &mut users)?;
    deal::closed_users(profile, &mut users);
    settle(&mut arrivals);
    Ok(LoadPlan { sha256: digest(&arrivals), arrivals, users })
}

/// Sorts by time and numbers the arrivals. What refers to an upload names its position among the mix, and follows it to
/// its final number.
fn settle(arrivals: &mut [Arrival]) {
    arrivals.sort_by_key(|arrival| (arrival.due_us, arrival.ordinal));
    let mut renumbered = BTreeMap::new();
    for (index, arrival) in (0_u32..).zip(arrivals.iter_mut()) {
        if arrival.ask == Ask::Upload {
            renumbered.insert(arrival.ordinal, index);
        }
        arrival.ordinal = index;
    }
    for arrival in arrivals.iter_mut() {
        if let Ask::DeleteOf(of) | Ask::AgainOf(of) | Ask::ReplayOf(of) = &mut arrival.ask {
            *of = renumbered.get(of).copied().unwrap_or(*of);
        }
    }
}

/// SHA-256 over the arrivals, in the order and layout of this function.
fn digest(arrivals: &[Arrival]) -> String {
    let mut sha = Sha256::new();
    for arrival in arrivals {
        let (tag, a, b) = match arrival.ask {
            Ask::Nothing => (0_u8, 0, 0),
            Ask::Question(q) => (1, q, 0),
            Ask::Upload => (2, 0, 0),
            Ask::DeleteOf(of) => (3, of, 0),
            Ask::DuringOutage(q, o) => (4, q, o),
            Ask::AgainOf(of) => (5, of, 0),
            Ask::ReplayOf(of) => (6, of, 0),
        };
        sha.update(arrival.due_us.to_le_bytes());
        sha.update((arrival.stage as u64).to_le_bytes());
        sha.update(arrival.kind.name().as_bytes());
        sha.update(arrival.user.to_le_bytes());
        sha.update([tag]);
        sha.update(a.to_le_bytes());
        sha.update((b as u64).to_le_bytes());
    }
    hex::encode(sha.finalize())
}

#[cfg(test)]
mod tests;

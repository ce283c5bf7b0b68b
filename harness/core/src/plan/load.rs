//! Who asks what at each arrival of a load, within the quotas and limits of the stage.
//!
//! Users are dealt like cards: every user asks once before anyone asks again, in an order that is drawn anew for each
//! round. So the number of questions per user is known before the first is asked, and a plan that would run into a
//! quota is refused, with the number of users that it would take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    domain::{
        binomial,
        kind::RequestKind,
        objective::{Metric, Objective, Stat},
        profile::{Profile, Shape},
        question::QuestionSet,
        stage::Limits,
    },
    plan::{
        draw::{self, Stream},
        schedule::schedule,
    },
};

/// Steps of a closed journey: sign in, upload, ask, ask again, list, delete.
pub const JOURNEY_STEPS: u64 = 6;
/// Questions in a closed journey.
pub const JOURNEY_QUESTIONS: u64 = 2;
/// A manual is deleted this long after it was uploaded, at the earliest.
const DELETE_AFTER_US: u64 = 3_000_000;
/// Questions during an outage are asked this far apart.
const OUTAGE_GAP_US: u64 = 250_000;

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
    #[error("no question in fixtures/questions.toml is of kind `{kind}` for the manuals of this profile")]
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
pub fn plan(
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
    let mut users = mix_users(profile, &arrivals);
    probes(profile, limits, &mut dealer, &mut arrivals, &mut users);
    closed_users(profile, &mut users);
    if arrivals.is_empty() && users.iter().all(|user| user.questions == 0) {
        return Err(PlanError::Empty);
    }
    // Deletions name the upload's position among the mix; sorting by time gives each its final ordinal.
    let uploads = settle(&mut arrivals);
    debug_assert!(uploads.windows(2).all(|pair| pair[0] < pair[1]));
    let plan = LoadPlan { sha256: digest(&arrivals), arrivals, users };
    keeps_limits(profile, &plan, limits)?;
    can_decide(profile, &plan)?;
    Ok(plan)
}

/// Deals kinds, users and questions.
struct Dealer<'a> {
    profile: &'a Profile,
    seed: u64,
    total_weight: u64,
    answerable: Vec<u32>,
    foreign: Vec<u32>,
    unanswerable: Vec<u32>,
    asking: Deck,
    other: Deck,
    /// Uploads that nothing deletes yet: (position, due, user).
    uploads: std::collections::VecDeque<(u32, u64, u32)>,
}

impl<'a> Dealer<'a> {
    fn new(profile: &'a Profile, seed: u64, questions: &QuestionSet) -> Result<Self, PlanError> {
        let manuals = &profile.raw().manuals;
        let dealer = Self {
            profile,
            seed,
            total_weight: profile.mix().iter().map(|(_, weight)| u64::from(*weight)).sum(),
            answerable: questions.answered_by(manuals),
            foreign: questions.foreign_to(manuals),
            unanswerable: questions.unanswerable(),
            asking: Deck::new(profile.raw().users, 0),
            other: Deck::new(profile.raw().users, 1 << 40),
            uploads: std::collections::VecDeque::new(),
        };
        for (kind, weight) in profile.mix() {
            let enough = match kind {
                RequestKind::Query => !dealer.answerable.is_empty(),
                RequestKind::QueryForeign => !dealer.foreign.is_empty(),
                RequestKind::QueryUnanswerable => !dealer.unanswerable.is_empty(),
                _ => true,
            };
            if *weight > 0 && !enough {
                return Err(PlanError::NoQuestion { kind: *kind });
            }
        }
        if dealer.answerable.is_empty() {
            return Err(PlanError::NoQuestion { kind: RequestKind::Query });
        }
        Ok(dealer)
    }

    fn deal(&mut self, index: u64, due_us: u64, stage: usize) -> Arrival {
        let mut kind = self.kind(index);
        let position = u32::try_from(index).unwrap_or(u32::MAX);
        let (user, ask) = match kind {
            RequestKind::Delete => match self.uploads.front().copied() {
                Some((of, uploaded_us, user)) if uploaded_us + DELETE_AFTER_US <= due_us => {
                    self.uploads.pop_front();
                    (user, Ask::DeleteOf(of))
                }
                // Nothing to delete yet: upload instead, so that there will be.
                _ => {
                    kind = RequestKind::Upload;
                    self.upload(position, due_us)
                }
            },
            RequestKind::Upload => self.upload(position, due_us),
            kind if kind.is_charged() => {
                (self.asking.next(self.seed), Ask::Question(self.question(kind, index)))
            }
            _ => (self.other.next(self.seed), Ask::Nothing),
        };
        Arrival { ordinal: position, due_us, stage, kind, user, ask }
    }

    fn upload(&mut self, position: u32, due_us: u64) -> (u32, Ask) {
        let user = self.other.next(self.seed);
        self.uploads.push_back((position, due_us, user));
        (user, Ask::Upload)
    }

    fn kind(&self, index: u64) -> RequestKind {
        let mut drawn = draw::below(self.seed, Stream::Kind, index, self.total_weight.max(1));
        for (kind, weight) in self.profile.mix() {
            let weight = u64::from(*weight);
            if drawn < weight {
                return *kind;
            }
            drawn -= weight;
        }
        RequestKind::Health
    }

    fn question(&self, kind: RequestKind, index: u64) -> u32 {
        let pool = match kind {
            RequestKind::QueryForeign => &self.foreign,
            RequestKind::QueryUnanswerable => &self.unanswerable,
            _ => &self.answerable,
        };
        let drawn = draw::below(self.seed, Stream::Question, index, pool.len() as u64);
        usize::try_from(drawn).ok().and_then(|i| pool.get(i)).copied().unwrap_or(0)
    }
}

/// All users in a drawn order, again and again.
struct Deck {
    size: u32,
    salt: u64,
    dealt: u64,
    cards: Vec<u32>,
}

impl Deck {
    fn new(size: u32, salt: u64) -> Self {
        Self { size, salt, dealt: 0, cards: Vec::new() }
    }

    fn next(&mut self, seed: u64) -> u32 {
        if self.cards.is_empty() {
            self.cards = (0..self.size).collect();
            for i in (1..self.cards.len()).rev() {
                let counter = self.salt + self.dealt + i as u64;
                let j = draw::below(seed, Stream::User, counter, i as u64 + 1);
                self.cards.swap(i, usize::try_from(j).unwrap_or(0));
            }
            self.dealt += u64::from(self.size);
        }
        self.cards.pop().unwrap_or(0)
    }
}

fn mix_users(profile: &Profile, arrivals: &[Arrival]) -> Vec<PlannedUser> {
    let mut users: Vec<PlannedUser> = (0..profile.raw().users)
        .map(|i| PlannedUser { name: format!("load-{i}"), questions: 0 })
        .collect();
    for arrival in arrivals.iter().filter(|arrival| arrival.kind.is_charged()) {
        if let Some(user) = users.get_mut(arrival.user as usize) {
            user.questions += 1;
        }
    }
    users
}

fn probes(
    profile: &Profile,
    limits: &Limits,
    dealer: &mut Dealer<'_>,
    arrivals: &mut Vec<Arrival>,
    users: &mut Vec<PlannedUser>,
) {
    let probes = &profile.raw().probes;
    let mut add = |due_us: u64, kind, user: usize, index: u64, outage: Option<usize>| {
        let stage = profile.stages().iter().rposition(|s| s.start_us <= due_us).unwrap_or(0);
        let question = dealer.question(RequestKind::Query, (1 << 41) + index);
        let ask = outage.map_or(Ask::Question(question), |o| Ask::DuringOutage(question, o));
        let user = u32::try_from(user).unwrap_or(0);
        // Ordinals are settled once all arrivals are known; MAX keeps a probe behind the mix at the same instant.
        arrivals.push(Arrival { ordinal: u32::MAX, due_us, stage, kind, user, ask });
    };
    if let Some(burst) = &probes.quota_burst {
        let user = users.len();
        users.push(PlannedUser { name: "burst".to_owned(), questions: limits.daily_quota });
        for i in 0..limits.daily_quota + u64::from(burst.over) {
            add(burst.at_ms * 1_000, RequestKind::QuotaBurst, user, i, None);
        }
    }
    for (o, outage) in probes.outages.iter().enumerate() {
        let user = users.len();
        users.push(PlannedUser { name: format!("outage-{o}"), questions: 0 });
        for i in 0..u64::from(outage.requests) {
            let due_us = outage.at_ms * 1_000 + i * OUTAGE_GAP_US;
            add(due_us, RequestKind::DependencyOut, user, i, Some(o));
        }
    }
}

fn closed_users(profile: &Profile, users: &mut Vec<PlannedUser>) {
    for stage in profile.stages() {
        if let Shape::Closed { users: count, think_ms } = stage.shape {
            // At most this many journeys fit, however fast the answers are (goose adds at least 1 ms a step).
            let journey_us = JOURNEY_STEPS * think_ms.max(1) * 1_000;
            let questions = stage.duration_us.div_ceil(journey_us) * JOURNEY_QUESTIONS;
            for i in 0..count {
                users.push(PlannedUser { name: format!("{}-{i}", stage.name), questions });
            }
        }
    }
}

/// Sorts by time and numbers the arrivals; deletions follow their uploads to the new numbers. Returns the uploads.
fn settle(arrivals: &mut [Arrival]) -> Vec<u32> {
    arrivals.sort_by_key(|arrival| (arrival.due_us, arrival.ordinal));
    let mut renumbered = std::collections::BTreeMap::new();
    let mut uploads = Vec::new();
    for (index, arrival) in (0_u32..).zip(arrivals.iter_mut()) {
        if arrival.ask == Ask::Upload {
            renumbered.insert(arrival.ordinal, index);
            uploads.push(index);
        }
        arrival.ordinal = index;
    }
    for arrival in arrivals.iter_mut() {
        if let Ask::DeleteOf(of) = arrival.ask {
            arrival.ask = renumbered.get(&of).map_or(Ask::DeleteOf(of), |new| Ask::DeleteOf(*new));
        }
    }
    uploads
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

fn keeps_limits(profile: &Profile, plan: &LoadPlan, limits: &Limits) -> Result<(), PlanError> {
    let declared = u64::from(profile.raw().users);
    let quota = limits.daily_quota.min(limits.monthly_quota);
    let busiest = plan.users.iter().map(|user| user.questions).max().unwrap_or(0);
    if busiest > quota {
        let questions = plan.users.iter().map(|user| user.questions).sum::<u64>();
        let needed = questions.div_ceil(quota.max(1));
        return Err(PlanError::Quota { questions, users: declared, most: busiest, quota, needed });
    }
    if let Some(rate_limit) = limits.rate_limit {
        let most = busiest_window(plan, u64::from(rate_limit.window_s) * 1_000_000);
        if most > u64::from(rate_limit.requests) {
            let needed = (declared * most).div_ceil(u64::from(rate_limit.requests.max(1)));
            return Err(PlanError::RateLimit {
                most,
                window_s: rate_limit.window_s,
                limit: rate_limit.requests,
                needed,
                users: declared,
            });
        }
    }
    let highest = profile.stages().iter().map(|stage| match stage.shape {
        Shape::Open { from_milli_per_s, to_milli_per_s, .. } => {
            from_milli_per_s.max(to_milli_per_s).div_ceil(1_000)
        }
        Shape::Closed { users, think_ms } => u64::from(users) * 1_000 / think_ms.max(1),
    });
    let rate = highest.max().unwrap_or(0);
    if let Some(limit) = limits.max_rate_per_s.filter(|limit| rate > u64::from(*limit)) {
        return Err(PlanError::Rate { rate, limit });
    }
    let users = plan.users.len() as u64;
    match limits.max_users.filter(|limit| users > u64::from(*limit)) {
        Some(limit) => Err(PlanError::Users { users, limit }),
        None => Ok(()),
    }
}

/// Most requests of one user in any window; a burst is meant to exceed its quota, not this limit, and counts as well.
fn busiest_window(plan: &LoadPlan, window_us: u64) -> u64 {
    let mut by_user: Vec<std::collections::VecDeque<u64>> = vec![Default::default(); plan.users.len()];
    let mut most = 0;
    for arrival in &plan.arrivals {
        let Some(recent) = by_user.get_mut(arrival.user as usize) else { continue };
        recent.push_back(arrival.due_us);
        while recent.front().is_some_and(|due| due + window_us <= arrival.due_us) {
            recent.pop_front();
        }
        most = most.max(recent.len() as u64);
    }
    most
}

/// Refuses percentiles that the planned requests could never show.
fn can_decide(profile: &Profile, plan: &LoadPlan) -> Result<(), PlanError> {
    for (name, objective) in profile.objectives() {
        let Stat::Percentile(hundredths) = objective.stat else { continue };
        let needed = binomial::samples_needed(hundredths);
        let Some(expected) = expected_samples(profile, plan, objective) else { continue };
        if expected < needed {
            return Err(PlanError::TooFewExpected {
                name: name.clone(),
                expression: objective.text.clone(),
                expected,
                needed,
            });
        }
    }
    Ok(())
}

/// Requests that an objective will look at; none where a closed stage adds a number that nobody knows.
fn expected_samples(profile: &Profile, plan: &LoadPlan, objective: &Objective) -> Option<u64> {
    let selector = &objective.selector;
    let looked_at = |stage: &crate::domain::profile::Stage| match &selector.phase {
        Some(phase) => stage.name == *phase,
        None => stage.gated,
    };
    let closed = profile
        .stages()
        .iter()
        .any(|stage| looked_at(stage) && matches!(stage.shape, Shape::Closed { .. }));
    if closed && objective.metric != Metric::ScheduleLag {
        return None;
    }
    let count = plan.arrivals.iter().filter(|arrival| {
        let stage = profile.stages().get(arrival.stage);
        stage.is_some_and(looked_at) && selector.kind.is_none_or(|kind| kind == arrival.kind)
    });
    Some(count.count() as u64)
}

#[cfg(test)]
mod tests;

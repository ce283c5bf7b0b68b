//! Deals kinds, users and questions to the arrivals of a schedule, and lays the probes beside them. Checks no limit.

use std::collections::VecDeque;

use crate::{
    domain::{
        kind::RequestKind,
        profile::{Profile, Shape},
        question::QuestionSet,
        stage::Limits,
    },
    plan::{
        draw::{self, Stream},
        load::{Arrival, Ask, JOURNEY_QUESTIONS, JOURNEY_STEPS, PlanError, PlannedUser, limits},
    },
};

/// A manual is deleted this long after it was uploaded, at the earliest.
pub(super) const DELETE_AFTER_US: u64 = 3_000_000;
/// An upload is repeated, or its signature used again, this long after it at the earliest...
const REPEAT_AFTER_US: u64 = 1_000_000;
/// ... and at the latest: a signature is good for 300 s.
const REPEAT_WITHIN_US: u64 = 200_000_000;
/// Questions during an outage are asked this far apart.
const OUTAGE_GAP_US: u64 = 250_000;
/// Most simultaneous questions of a burst: more would be a flood, not a race.
const BURST_MOST: u64 = 10_000;
/// Questions of probes are drawn with counters that no arrival of the mix reaches.
const PROBE_DRAWS: u64 = 1 << 41;

/// Deals kinds, users and questions.
pub(super) struct Dealer<'a> {
    profile: &'a Profile,
    seed: u64,
    total_weight: u64,
    answerable: Vec<u32>,
    foreign: Vec<u32>,
    unanswerable: Vec<u32>,
    asking: Deck,
    other: Deck,
    /// Uploads that nothing deletes yet: (position, due, user).
    uploads: VecDeque<(u32, u64, u32)>,
    /// Uploads whose signature nothing uses again yet.
    signed: VecDeque<(u32, u64, u32)>,
    /// Unsigned uploads so far: every other one is a replay, where there is something to replay.
    unsigned: u64,
}

impl<'a> Dealer<'a> {
    pub(super) fn new(
        profile: &'a Profile,
        seed: u64,
        questions: &QuestionSet,
    ) -> Result<Self, PlanError> {
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
            uploads: VecDeque::new(),
            signed: VecDeque::new(),
            unsigned: 0,
        };
        for (kind, weight) in profile.mix() {
            if *weight > 0 && kind.is_charged() && dealer.pool(*kind).is_empty() {
                return Err(PlanError::NoQuestion { kind: *kind });
            }
        }
        if dealer.answerable.is_empty() {
            return Err(PlanError::NoQuestion { kind: RequestKind::Query });
        }
        Ok(dealer)
    }

    /// The arrival of this index of the schedule; to be called in order of time.
    pub(super) fn deal(&mut self, index: u64, due_us: u64, stage: usize) -> Arrival {
        let mut kind = self.kind(index);
        let position = u32::try_from(index).unwrap_or(u32::MAX);
        let (user, ask) = if kind == RequestKind::Delete {
            match self.uploads.front().copied() {
                Some((of, uploaded_us, user)) if uploaded_us + DELETE_AFTER_US <= due_us => {
                    self.uploads.pop_front();
                    (user, Ask::DeleteOf(of))
                }
                // Nothing to delete yet: upload instead, so that there will be.
                Some(_) | None => {
                    kind = RequestKind::Upload;
                    self.upload(position, due_us)
                }
            }
        } else if kind == RequestKind::UploadAgain {
            // What is repeated is never deleted: a repetition in flight would bring it back.
            if let Some((of, _, user)) = repeatable(&mut self.uploads, due_us, false) {
                (user, Ask::AgainOf(of))
            } else {
                kind = RequestKind::Upload;
                self.upload(position, due_us)
            }
        } else if kind == RequestKind::Upload {
            self.upload(position, due_us)
        } else if kind == RequestKind::UnsignedUpload {
            self.unsigned += 1;
            let replay = self.unsigned.is_multiple_of(2);
            let of = replay.then(|| repeatable(&mut self.signed, due_us, true)).flatten();
            of.map_or_else(
                || (self.other.next(self.seed), Ask::Nothing),
                |(of, _, user)| (user, Ask::ReplayOf(of)),
            )
        } else if kind.is_charged() {
            (self.asking.next(self.seed), Ask::Question(self.question(kind, index)))
        } else {
            (self.other.next(self.seed), Ask::Nothing)
        };
        Arrival { ordinal: position, due_us, stage, kind, user, ask }
    }

    fn upload(&mut self, position: u32, due_us: u64) -> (u32, Ask) {
        let user = self.other.next(self.seed);
        self.uploads.push_back((position, due_us, user));
        self.signed.push_back((position, due_us, user));
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

    fn pool(&self, kind: RequestKind) -> &[u32] {
        if kind == RequestKind::QueryForeign {
            &self.foreign
        } else if kind == RequestKind::QueryUnanswerable {
            &self.unanswerable
        } else {
            &self.answerable
        }
    }

    fn question(&self, kind: RequestKind, index: u64) -> u32 {
        let pool = self.pool(kind);
        let drawn = draw::below(self.seed, Stream::Question, index, pool.len() as u64);
        usize::try_from(drawn).ok().and_then(|i| pool.get(i)).copied().unwrap_or(0)
    }
}

/// Takes the first upload of `queue` that is old enough to be repeated and not too old; `forget` drops those that are.
fn repeatable(
    queue: &mut VecDeque<(u32, u64, u32)>,
    due_us: u64,
    forget: bool,
) -> Option<(u32, u64, u32)> {
    while forget && queue.front().is_some_and(|(_, at_us, _)| at_us + REPEAT_WITHIN_US < due_us) {
        queue.pop_front();
    }
    let fits = |(_, at_us, _): &(u32, u64, u32)| {
        at_us + REPEAT_AFTER_US <= due_us && due_us <= at_us + REPEAT_WITHIN_US
    };
    let first = queue.iter().position(fits)?;
    queue.remove(first)
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

/// The users of the mix, with the questions that `arrivals` ask of them.
pub(super) fn mix_users(profile: &Profile, arrivals: &[Arrival]) -> Vec<PlannedUser> {
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

/// Adds the probes and their users, each of whom nobody else uses.
pub(super) fn probes(
    profile: &Profile,
    stage_limits: &Limits,
    dealer: &Dealer<'_>,
    arrivals: &mut Vec<Arrival>,
    users: &mut Vec<PlannedUser>,
) -> Result<(), PlanError> {
    let probes = &profile.raw().probes;
    let mut add = |due_us: u64, kind, user: usize, index: u64, outage: Option<usize>| {
        let stage = profile.stages().iter().rposition(|s| s.start_us <= due_us).unwrap_or(0);
        let question = dealer.question(RequestKind::Query, PROBE_DRAWS + index);
        let ask = outage.map_or(Ask::Question(question), |o| Ask::DuringOutage(question, o));
        let user = u32::try_from(user).unwrap_or(0);
        // Ordinals are settled once all arrivals are known; MAX keeps a probe behind the mix at the same instant.
        arrivals.push(Arrival { ordinal: u32::MAX, due_us, stage, kind, user, ask });
    };
    if let Some(burst) = &probes.quota_burst {
        let quota = limits::quota(stage_limits);
        let questions = quota.saturating_add(u64::from(burst.over));
        if questions > BURST_MOST {
            return Err(PlanError::BurstTooLarge { questions, most: BURST_MOST });
        }
        let user = users.len();
        users.push(PlannedUser { name: "burst".to_owned(), questions: quota });
        for i in 0..questions {
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
    Ok(())
}

/// Adds the users of closed stages. Their names begin as no other user's does, whatever a stage is called.
pub(super) fn closed_users(profile: &Profile, users: &mut Vec<PlannedUser>) {
    for stage in profile.stages() {
        if let Shape::Closed { users: count, think_ms } = stage.shape {
            // At most this many journeys fit, however fast the answers are (goose adds at least 1 ms a step).
            let journey_us = JOURNEY_STEPS * think_ms.max(1) * 1_000;
            let questions = stage.duration_us.div_ceil(journey_us) * JOURNEY_QUESTIONS;
            for i in 0..count {
                users.push(PlannedUser { name: format!("journey-{}-{i}", stage.name), questions });
            }
        }
    }
}
